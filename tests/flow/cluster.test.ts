import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createKv, type KvClient } from '../../lib/client/kv-client.ts';
import { createGuard } from '../../lib/guard/guard.ts';
import { createApiKeys } from '../../lib/keys/api-keys.ts';
import { countAccounts } from '../../lib/limit/account-count.ts';
import { createLimiter } from '../../lib/limit/limiter.ts';
import { redisStore } from '../../lib/store/redis.ts';
import { type RedisCluster, startRedisCluster } from '../support/redis-cluster.ts';

let cluster: RedisCluster;
let kv: KvClient;

beforeAll(async () => {
  cluster = await startRedisCluster();
  kv = createKv({ store: redisStore({ cluster: { nodes: cluster.names } }), namespace: '{app}:' });
}, 60_000);

afterAll(async () => {
  await kv.close();
  await cluster.stop();
});

describe('a guard on a Redis Cluster, with a hash tag in the namespace', () => {
  it('looks keys up and charges several policies in one atomic script', async () => {
    const keys = createApiKeys({ kv, pepper: { kid: 'k1', secret: 'a-secret-of-the-tests' } });
    const policies = ['ip', 'key'].map((name) => ({ name, limit: 3, windowMs: 3_600_000 }));
    const limiter = createLimiter({ kv, policies });
    const routes = [{ path: '/api/*', limits: { ip: 'ip', key: 'key' } }] as const;
    const guard = createGuard({ kv, keys, limiter, routes, clientIp: () => '192.0.2.1' });
    const { key } = await keys.create({ owner: 'acme' });
    const ask = () =>
      guard.check(new Request('https://example.test/api/x', { headers: { authorization: `Bearer ${key}` } }));
    for (let left = 2; left >= 0; left -= 1) {
      expect(await ask()).toMatchObject({
        outcome: 'allow',
        degraded: [],
        limits: { basis: 'store', remaining: left },
      });
    }
    expect(await ask()).toMatchObject({ status: 429, degraded: [], limits: { basis: 'store' } });
    expect(await countAccounts(kv)).toBe(2);
    await limiter.clear();
    expect(await ask()).toMatchObject({ outcome: 'allow' });
    await keys.revoke(key);
    expect(await ask()).toMatchObject({ status: 401 });
  });
});
