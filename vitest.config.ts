import { defineConfig } from 'vitest/config';

const project = (
  name: string,
  include: readonly string[],
  extra: { testTimeout?: number; fileParallelism?: boolean; sequence?: { groupOrder: number } } = {},
) => ({
  test: { name, include: [...include], environment: 'node', globalSetup: './tests/support/global-setup.ts', ...extra },
});

/** What shows by what takes its time, and is mostly waiting; and what builds an application of its own. */
const WAITING = [
  ...['network', 'lost-replies', 'recovery', 'not-serving', 'keys-flood'].map((name) => `tests/faults/${name}.test.ts`),
  ...['tests/flow/outage.test.ts', 'tests/redis/ratelimit.test.ts', 'tests/redis/ratelimit-beyond.test.ts'],
  ...['tests/e2e/next-cache.test.ts', 'tests/e2e/proxy.test.ts'],
];

export default defineConfig({
  test: {
    // Two more than vitest takes on two cores: many files wait for deadlines, and leave the core to the others.
    maxWorkers: 3,
    projects: [
      project(
        'unit',
        [
          'tests/**/*.test.ts',
          '!tests/{browser,contract,differential,e2e,slow,consumers}/**',
          ...WAITING.map((path) => `!${path}`),
        ],
        {
          testTimeout: 20_000,
        },
      ),
      project('contract', ['tests/{contract,differential}/**/*.test.ts'], { testTimeout: 30_000 }),
      // After the others: what a built Next does under load is not to be measured beside a busy test run.
      project('e2e', ['tests/e2e/**/*.test.ts', ...WAITING.map((path) => `!${path}`)], {
        testTimeout: 120_000,
        fileParallelism: false,
        sequence: { groupOrder: 1 },
      }),
      // The page of the console in a real Chromium, which npm test does not ask for: .ci/run installs it.
      project('browser', ['tests/browser/**/*.test.ts'], { testTimeout: 120_000, fileParallelism: false }),
      // Installs the packed package from a registry: npm run test:package does, npm test does not.
      {
        test: {
          name: 'package',
          include: ['tests/consumers/*.test.ts'],
          environment: 'node',
          globalSetup: './tests/support/packed-package.ts',
          testTimeout: 240_000,
          hookTimeout: 240_000,
        },
      },
      // Waits for real time: npm test leaves it out, .ci/run does not.
      project('slow', ['tests/slow/**/*.test.ts', ...WAITING], { testTimeout: 120_000, fileParallelism: false }),
    ],
  },
});
