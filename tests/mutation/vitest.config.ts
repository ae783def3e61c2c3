import { defineConfig } from 'vitest/config';

const folder = process.env.MUTATED ?? '';
/** Their thousands of random runs would be repeated for every defect: what they hold, the others must hold too. */
const LONG = [
  'tests/*/model.test.ts',
  'tests/limit/{bound-through-outages,lease-bound,lease-bound-redis,lease-defects,lease-efficiency,many-identifiers,overload,exact-gcra}.test.ts',
  'tests/keys/sources.test.ts',
];
/** It watches a module, which the others would see as well. */
const APART = 'tests/keys/static-key-comparison.test.ts';

/** The tests that stand beside the mutated folder: a defect that only some test far away would notice counts as unnoticed. */
export default defineConfig({
  test: {
    include: [`tests/${folder}/**/*.test.ts`],
    exclude: [...LONG, APART],
    isolate: false,
    setupFiles: ['tests/mutation/no-shrinking.ts'],
    environment: 'node',
    testTimeout: 20_000,
  },
});
