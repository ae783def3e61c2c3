import { defineConfig } from 'vitest/config';

const project = (
  name: string,
  include: readonly string[],
  extra: { testTimeout?: number; fileParallelism?: boolean } = {},
) => ({
  test: { name, include: [...include], environment: 'node', globalSetup: './tests/support/global-setup.ts', ...extra },
});

export default defineConfig({
  test: {
    projects: [
      project('unit', ['tests/**/*.test.ts', '!tests/{contract,differential,e2e}/**'], { testTimeout: 20_000 }),
      project('contract', ['tests/{contract,differential}/**/*.test.ts'], { testTimeout: 30_000 }),
      project('e2e', ['tests/e2e/**/*.test.ts'], { testTimeout: 120_000, fileParallelism: false }),
    ],
  },
});
