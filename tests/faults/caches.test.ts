import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Cache, createCache } from '../../lib/cache/cache.ts';
import { createKv, type KvClient } from '../../lib/client/kv-client.ts';
import { redisStore } from '../../lib/store/redis.ts';
import { eventually } from '../support/eventually.ts';
import { type Fault, type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';

const TIMEOUT_MS = 150;
const OPEN_MS = 100;
const PLACES = 4;
/** Longer than any fault of a test lasts. */
const TTL_MS = 600_000;

let redis: RedisServer;
let proxy: FaultProxy;
let kv: KvClient;
let other: KvClient;
const cleanUps: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  redis = await startRedis();
  proxy = await startFaultProxy(redis.port);
});
afterAll(async () => {
  await proxy.close();
  await redis.stop();
});
beforeEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
  await proxy.set('pass');
  kv = createKv({
    store: redisStore({ url: `redis://127.0.0.1:${proxy.port}` }),
    requestTimeoutMs: TIMEOUT_MS,
    breaker: { timeout: OPEN_MS },
  });
  other = createKv({ store: redisStore({ url: redis.url }) });
  cleanUps.push(kv.close, other.close);
  await other.command(['FLUSHALL']);
});
afterAll(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});

const cacheOn = (client: KvClient, namespace = 'c'): Cache<string> =>
  createCache({ kv: client, namespace, ttlMs: TTL_MS, maxConcurrentLoads: PLACES, l1: { maxTtlMs: 1 }, tally: false });

/** How many loads there are at once, at most. */
function countedLoader() {
  let underWay = 0;
  const seen = { most: 0, calls: 0 };
  const load = async (): Promise<string> => {
    underWay += 1;
    seen.calls += 1;
    seen.most = Math.max(seen.most, underWay);
    await new Promise((resolve) => setImmediate(resolve));
    underWay -= 1;
    return 'loaded';
  };
  return { seen, load };
}

describe.each<readonly [string, Fault]>([
  ['a black hole', 'black-hole'],
  ['a refused connection', 'refuse'],
])('caches behind %s', (_, fault) => {
  it('answer from this process or from the loader, never more loads than there are places for', async () => {
    const cache = cacheOn(kv);
    await cache.getOrFetch('known', () => 'known', { tags: ['t'] });
    await cache.settled();
    await proxy.set(fault);
    const { seen, load } = countedLoader();
    const known = () => cache.getOrFetch('known', () => 'not asked', { tags: ['t'] });
    const others = Array.from({ length: 60 }, (_, index) => cache.getOrFetch(`k${index}`, load));
    const answers = await Promise.all([known(), ...others]);
    expect(answers[0]).toMatchObject({ status: 'hit', value: 'known', tier: 'memory' });
    for (const answer of answers.slice(1)) expect(answer).toEqual({ status: 'miss', value: 'loaded' });
    expect(seen.calls).toBe(60);
    expect(seen.most).toBe(PLACES);
    await cache.settled();
    expect(cache.stats()).toMatchObject({ writes: 1, droppedWrites: 60 });
    // Loaded once, they are here.
    expect(await cache.getOrFetch('k1', () => 'again')).toMatchObject({ status: 'hit', value: 'loaded' });
  });

  it('end at once here what they are told to, and for everybody when Redis is back', async () => {
    const [cache, elsewhere] = [cacheOn(kv), cacheOn(other)];
    for (const key of ['tagged', 'deleted', 'untouched']) {
      await cache.getOrFetch(key, () => 'old', key === 'tagged' ? { tags: ['t'] } : {});
    }
    await cache.settled();
    await proxy.set(fault);
    expect(await Promise.all([cache.invalidateTags(['t']), cache.delete('deleted')])).toEqual([
      { propagated: false },
      { propagated: false },
    ]);
    for (const key of ['tagged', 'deleted']) expect(await cache.get(key)).not.toHaveProperty('value');
    expect(await elsewhere.get('tagged')).toMatchObject({ status: 'hit', value: 'old' });
    await proxy.set('pass');
    await eventually(async () => {
      await cache.get('traffic');
      await cache.settled();
      return cache.stats().pendingInvalidations === 0;
    });
    for (const key of ['tagged', 'deleted']) {
      expect(await elsewhere.get(key)).toEqual({ status: 'miss' });
      expect(await cache.get(key)).toEqual({ status: 'miss' });
    }
    expect(await elsewhere.get('untouched')).toMatchObject({ status: 'hit', value: 'old' });
  });
});
