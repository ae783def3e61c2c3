import { fileURLToPath } from 'node:url';

const folder = process.env.MUTATED;

/** @type {import('@stryker-mutator/api/core').PartialStrykerOptions} */
export default {
  mutate: [`lib/${folder}/**/*.ts`],
  testRunner: 'vitest',
  plugins: [fileURLToPath(import.meta.resolve('@stryker-mutator/vitest-runner'))],
  vitest: { configFile: 'tests/mutation/vitest.config.ts', related: false },
  coverageAnalysis: 'perTest',
  // What runs only while a module is loaded would want a new process for each defect.
  ignoreStatic: true,
  // Types are stripped, not checked: a file that is not there keeps Stryker from rewriting ours.
  tsconfigFile: 'tests/mutation/none.json',
  disableTypeChecks: false,
  reporters: ['json', 'progress-append-only'],
  jsonReporter: { fileName: `tests/mutation/reports/${folder}.json` },
  incremental: true,
  incrementalFile: `tests/mutation/reports/${folder}-incremental.json`,
  ignorePatterns: [
    'dist',
    '.next',
    'bench',
    'docs',
    'tests/suites',
    'tests/e2e',
    'tests/slow',
    'tests/mutation/reports',
  ],
  concurrency: 2,
  // A defect that loops for ever is noticed; a machine that is busy is not one.
  timeoutMS: 5_000,
  timeoutFactor: 2,
  allowConsoleColors: false,
};
