import { afterEach, beforeEach, vi } from 'vitest';

const SLOTS = ['breakwater.defaults.1', 'breakwater.api-keys.1', 'breakwater.database.1'].map((name) =>
  Symbol.for(name),
);

/** Gives each test of a file the default client anew, over memory, under this environment and nothing of the machine's. */
export function useDefaultEnvironment(variables: Readonly<Record<string, string>> = {}): void {
  beforeEach(() => {
    forgetDefaults();
    for (const name of Object.keys(process.env)) {
      if (
        /^(KV_|UPSTASH_|REDIS_|BREAKWATER_|VERCEL|CF_PAGES|CLIENT_IP_|TRUSTED_|ENABLE_REDIS|CRON_|DATABASE_)/.test(name)
      )
        vi.stubEnv(name, undefined);
    }
    for (const [name, value] of Object.entries({ KV_STORE: 'memory', ...variables })) vi.stubEnv(name, value);
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
    forgetDefaults();
  });
}

export function forgetDefaults(): void {
  for (const slot of SLOTS) Reflect.deleteProperty(globalThis, slot);
}
