import keyvTestSuite, { keyvIteratorTests } from '@keyv/test-suite';
import Keyv from 'keyv';
import * as vitest from 'vitest';
import { keyvStore } from '../../dist/lib/cache/keyv.js';
import { clients, stop } from './running-stores.mjs';

vitest.afterAll(stop);

for (const [name, kv] of Object.entries(clients)) {
  vitest.describe(name, () => {
    keyvTestSuite(vitest, Keyv, () => keyvStore({ kv }));
    keyvIteratorTests(vitest, Keyv, () => keyvStore({ kv }));
  });
}
