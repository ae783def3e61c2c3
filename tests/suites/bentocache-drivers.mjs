import { test } from '@japa/runner';
import { registerCacheDriverTestSuite } from 'bentocache/test_suite';
import { clients } from './running-stores.mjs';
import { textStorage } from './text-storage.mjs';

/** A cache driver of BentoCache. Namespaces are parts of keys. */
function bentoDriver(kv, prefix, namespace = '') {
  const storage = textStorage(kv, `{${prefix}}:`);
  const within = (key) => namespace + key;
  return {
    type: 'l2',
    namespace: (name) => bentoDriver(kv, prefix, `${namespace}${name}:`),
    get: (key) => storage.get(within(key)),
    pull: (key) => storage.pull(within(key)),
    set: (key, value, ttl) => storage.set(within(key), value, ttl),
    clear: () => storage.clear(namespace),
    delete: async (key) => (await storage.delete([within(key)])) === 1,
    async deleteMany(keys) {
      await storage.delete(keys.map(within));
      return true;
    },
    // The client is shared by all drivers of this run.
    disconnect: async () => undefined,
  };
}

for (const [name, kv] of Object.entries(clients)) {
  test.group(name, (group) => {
    registerCacheDriverTestSuite({
      test,
      group,
      supportsMilliseconds: true,
      createDriver: (options) => bentoDriver(kv, options?.prefix ?? 'bento'),
    });
  });
}
