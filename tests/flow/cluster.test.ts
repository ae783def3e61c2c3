import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createKv, type KvClient } from '../../lib/client/kv-client.ts';
import { createGuard } from '../../lib/guard/guard.ts';
import { createApiKeys } from '../../lib/keys/api-keys.ts';
import { countAccounts } from '../../lib/limit/account-count.ts';
import { createLimiter } from '../../lib/limit/limiter.ts';
import { createRemoteCacheHandler } from '../../lib/next/cache-handlers/remote-cache-handler.ts';
import { redisStore } from '../../lib/store/redis.ts';
import { nextEntry, textIn } from '../support/next-cache-entries.ts';
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

describe('a limiter on a Redis Cluster whose keys are in several slots', () => {
  const limit = 5;
  const policies = [
    { name: 'a', limit, windowMs: 3_600_000 },
    { name: 'b', limit, windowMs: 3_600_000, algorithm: 'slidingLog' },
    { name: 'c', limit, windowMs: 3_600_000, algorithm: 'tokenBucket' },
  ] as const;
  const apart = () => createKv({ store: redisStore({ cluster: { nodes: cluster.names } }) });

  it('charges all of them or none, in one round', async () => {
    const client = apart();
    const limiter = createLimiter({ kv: client, policies, refusalTtlMs: 0 });
    const who = { a: 'all', b: 'all', c: 'all' };
    const slots = new Set(
      ['ratelimit:a:all', 'ratelimit:b.l:all', 'ratelimit:c.b:all'].map((key) => client.slotOf?.(key)),
    );
    expect(slots.size).toBe(3);
    await limiter.check({ b: 'all' }, { cost: 3 });
    expect(await limiter.check(who, { cost: 2 })).toMatchObject({ allowed: true, remaining: 0, policy: 'b' });
    expect(await limiter.check(who, { cost: 2 })).toMatchObject({ allowed: false, policy: 'b' });
    expect((await limiter.peek(who)).policies.map(({ remaining }) => remaining)).toEqual([3, 0, 3]);
    await limiter.reset(who);
    expect((await limiter.peek(who)).policies.map(({ remaining }) => remaining)).toEqual([5, 5, 5]);
    await client.close();
  });

  it('grants checks made together no more than the scarcest has, and charges the others no more than that', async () => {
    const client = apart();
    const limiter = createLimiter({ kv: client, policies });
    const who = { a: 'few', b: 'few', c: 'few' };
    await limiter.check({ c: 'few' }, { cost: 3 });
    const results = await Promise.all(Array.from({ length: 6 }, () => limiter.check(who)));
    expect(results.map(({ allowed }) => allowed)).toEqual([true, true, false, false, false, false]);
    expect((await limiter.peek(who)).policies.map(({ remaining }) => remaining)).toEqual([3, 3, 0]);
    await client.close();
  });

  it('gives back what the others have charged where one slot answers with an error', async () => {
    const client = apart();
    const limiter = createLimiter({ kv: client, policies });
    const who = { a: 'odd', b: 'odd', c: 'odd' };
    await client.command(['SET', 'ratelimit:b.l:odd', 'mine']);
    expect(await limiter.check(who, { cost: 2 })).toMatchObject({ allowed: true, basis: 'local' });
    const left = async (subjects: Record<string, string>) => (await limiter.peek(subjects)).remaining;
    // Two are owed to each from here; none is charged there.
    expect([await left({ a: 'odd' }), await left({ c: 'odd' })]).toEqual([3, 3]);
    expect(
      await client.execute([
        ['EXISTS', 'ratelimit:a:odd'],
        ['EXISTS', 'ratelimit:c.b:odd'],
      ]),
    ).toEqual([0, 0]);
    await client.close();
  });
});

describe("a cache of Next's on a Redis Cluster, without a hash tag", () => {
  it('keeps entries in all slots for all processes until they are revalidated', async () => {
    const clients = [1, 2].map(() => createKv({ store: redisStore({ cluster: { nodes: cluster.names } }) }));
    const now = () => 1_700_000_000_000;
    const handlers = clients.map((client) => createRemoteCacheHandler({ kv: client, now }));
    for (const handler of handlers) await handler.refreshTags();
    const [one, other] = handlers;
    const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
    const slots = new Set(keys.map((key) => clients[0]?.slotOf?.(`cache:next:use-cache:${key}`)));
    expect(slots.size).toBe(keys.length);
    for (const key of keys) {
      const tags = [key === 'a' ? 'first' : 'rest'];
      await one?.set(key, Promise.resolve(nextEntry(key, { timestamp: now(), tags })));
    }
    const read = () => Promise.all(keys.map((key) => other && textIn(other, key)));
    expect(await read()).toEqual(keys);
    await one?.updateTags(['rest']);
    expect(await read()).toEqual(['a', ...keys.slice(1).map(() => undefined)]);
    for (const client of clients) await client.close();
  });
});
