import { test } from '@japa/runner';
import { registerCacheDriverTestSuite } from 'bentocache/test_suite';
import { bentocacheDriver } from '../../dist/lib/cache/bentocache.js';
import { clients } from './running-stores.mjs';

for (const [name, kv] of Object.entries(clients)) {
  test.group(name, (group) => {
    registerCacheDriverTestSuite({
      test,
      group,
      supportsMilliseconds: true,
      createDriver: (config = {}) => bentocacheDriver({ kv }).factory(config),
    });
  });
}
