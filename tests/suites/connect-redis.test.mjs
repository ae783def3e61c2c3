import { afterAll, describe } from 'vitest';
import { clients, stop } from './running-stores.mjs';

afterAll(stop);

// Their file as it is, once for each Redis; see vitest.config.mjs for what it imports.
for (const name of Object.keys(clients)) {
  describe(name, async () => {
    await import(/* @vite-ignore */ `./node_modules/connect-redis/index_test.ts?store=${encodeURIComponent(name)}`);
  });
}
