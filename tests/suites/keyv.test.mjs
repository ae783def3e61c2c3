import { EventEmitter } from 'node:events';
import keyvTestSuite, { keyvIteratorTests } from '@keyv/test-suite';
import Keyv from 'keyv';
import * as vitest from 'vitest';
import { clients, stop } from './running-stores.mjs';
import { textStorage } from './text-storage.mjs';

vitest.afterAll(stop);

/** A storage adapter of Keyv: the thinnest that its types ask for. */
function keyvStore(kv) {
  const storage = textStorage(kv, '{keyv}:');
  const within = (store) => (store.namespace ? `${store.namespace}:` : '');
  return Object.assign(new EventEmitter(), {
    opts: { dialect: 'redis' },
    namespace: undefined,
    get: storage.get,
    getMany: storage.getMany,
    set: storage.set,
    has: storage.has,
    delete: async (key) => (await storage.delete([key])) === 1,
    deleteMany: async (keys) => (await storage.delete(keys)) > 0,
    async clear() {
      await storage.clear(within(this));
    },
    async *iterator(namespace) {
      for await (const key of storage.keys(namespace ? `${namespace}:` : '')) yield [key, await storage.get(key)];
    },
  });
}

for (const [name, kv] of Object.entries(clients)) {
  vitest.describe(name, () => {
    keyvTestSuite(vitest, Keyv, () => keyvStore(kv));
    keyvIteratorTests(vitest, Keyv, () => keyvStore(kv));
  });
}
