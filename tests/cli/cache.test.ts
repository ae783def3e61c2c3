import { afterEach, describe, expect, it } from 'vitest';
import { startRestEndpoint } from '../../cli/rest/endpoint.ts';
import { type Cache, createCache } from '../../lib/cache/cache.ts';
import { createKv } from '../../lib/client/kv-client.ts';
import type { Command, Store } from '../../lib/store/store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { type Environment, expectToSayAway, expectToWantRedis, runCommand } from '../support/command-run.ts';
import { realRedis } from '../support/every-store.ts';

const run = (args: readonly string[], env: Environment, stop?: AbortSignal) => runCommand('cache', args, env, stop);

describe('breakwater cache, on a real Redis', () => {
  const redis = realRedis();
  const closing: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });

  /** An application's cache that has loaded one value, hit it twice, missed another, and told so. */
  async function used(namespace: string): Promise<Cache<string>> {
    const clock = manualClock();
    const kv = createKv({ store: redis.store, clock });
    const cache = createCache<string>({ kv, namespace, ttlMs: 60_000, l1: false, earlyRefresh: 0 });
    await cache.getOrFetch('k', () => 'v');
    await cache.settled();
    for (const key of ['k', 'k', 'none']) await cache.get(key);
    clock.advance(10_000);
    await cache.get('k');
    await cache.settled();
    return cache;
  }

  const COUNTED = {
    ...{ hits: 2, stale: 0, negative: 0, misses: 2, unavailable: 0, loads: 1, loadErrors: 0, writes: 1 },
    ...{ droppedWrites: 0, unreadable: 0, invalidations: 0, hitRate: 0.5 },
  };

  it('stats prints what all processes have counted, for each cache or for one', async () => {
    await used('jobs');
    await used('a');
    const env = { REDIS_URL: redis.url };
    expect(await run(['stats'], env)).toEqual({
      status: 0,
      printed: [
        'NAMESPACE  HITS  STALE  NEGATIVE  MISSES  HIT RATE  LOADS  FAILED  WRITES',
        'a             2      0         0       2    50.0 %      1       0       1',
        'jobs          2      0         0       2    50.0 %      1       0       1',
      ],
      complaints: [],
    });
    const { printed } = await run(['stats', 'jobs', '--json'], env);
    expect(JSON.parse(printed.join('\n'))).toEqual({ caches: [{ namespace: 'jobs', ...COUNTED }] });
  });

  it('stats says so where there is nothing, and where there is nothing yet', async () => {
    const env = { REDIS_URL: redis.url };
    expect(await run(['stats'], env)).toEqual({
      ...{ status: 0, printed: [], complaints: ['No cache has ever written there'] },
    });
    expect((await run(['stats', '--json'], env)).printed).toEqual(['{"caches":[]}']);
    await createCache<string>({ kv: createKv({ store: redis.store }), namespace: 'new', ttlMs: 1_000 }).set('k', 'v');
    expect((await run(['stats'], env)).printed[1]).toMatch(/^new +0 +0 +0 +0 +- +0 +0 +0$/);
    expect((await run(['stats', '--json'], env)).printed[0]).toContain('"hitRate":null');
  });

  it('clear ends the entries of one cache, and of no other', async () => {
    const [jobs, other] = [await used('jobs'), await used('other')];
    expect(await run(['clear', 'jobs'], { REDIS_URL: redis.url })).toEqual({
      ...{ status: 0, printed: [], complaints: [expect.stringContaining('l1.maxTtlMs')] },
    });
    expect(await jobs.get('k')).toEqual({ status: 'miss' });
    expect(await other.get('k')).toMatchObject({ status: 'hit' });
    const again = await run(['clear', 'other', '--json'], { REDIS_URL: redis.url });
    expect(again).toEqual({ status: 0, printed: ['{"namespace":"other","cleared":true}'], complaints: [] });
    expect(await other.get('k')).toEqual({ status: 'miss' });
  });

  it('both say that there is no such cache', async () => {
    for (const command of ['stats', 'clear']) {
      expect(await run([command, 'nobody'], { REDIS_URL: redis.url })).toEqual({
        ...{ status: 3, printed: [], complaints: ['No cache of that name has ever written there'] },
      });
    }
  });

  it('both work over REST, and look for no keys', async () => {
    const names: string[] = [];
    const watched: Store = {
      ...redis.store,
      execute(commands: readonly Command[], options) {
        names.push(...commands.map(([name]) => name));
        return redis.store.execute(commands, options);
      },
    };
    const endpoint = await startRestEndpoint({ store: watched, token: 'secret' });
    closing.push(endpoint.close);
    await used('jobs');
    const env = { KV_REST_API_URL: endpoint.url, KV_REST_API_TOKEN: 'secret' };
    expect((await run(['stats'], env)).printed).toHaveLength(2);
    expect((await run(['clear', 'jobs'], env)).status).toBe(0);
    expect(names).toEqual(['SMEMBERS', 'HMGET', 'SISMEMBER', 'HSET']);
  });

  it('both work below the namespace that the environment sets', async () => {
    const kv = createKv({ store: redis.store, namespace: 'app:' });
    const cache = createCache<string>({ kv, namespace: 'jobs', ttlMs: 60_000, l1: false });
    await cache.set('k', 'v');
    expect((await run(['clear', 'jobs'], { REDIS_URL: redis.url })).status).toBe(3);
    const env = { REDIS_URL: redis.url, BREAKWATER_NAMESPACE: 'app:' };
    expect((await run(['clear', 'jobs'], env)).status).toBe(0);
    expect(await cache.get('k')).toEqual({ status: 'miss' });
  });
});

describe('breakwater cache', () => {
  it.each<[readonly string[], string]>([
    [[], 'Say stats or clear'],
    [['constructor'], 'Say stats or clear'],
    [['clear'], 'Give the namespace of one cache'],
    [['clear', 'a', 'b'], 'There is an argument too many'],
    [['stats', 'a', 'b'], 'There is an argument too many'],
    [['stats', 'a b'], 'NAMESPACE must be 1 to 64'],
    [['clear', 'x'.repeat(65)], 'NAMESPACE must be 1 to 64'],
    [['stats', '--nope'], 'There is no such option'],
  ])('refuses %j and says why', async (args, said) => {
    const { status, printed, complaints } = await run(args, { REDIS_URL: 'redis://127.0.0.1:1' });
    expect([status, printed, complaints.length]).toEqual([2, [], 2]);
    expect(complaints[0]?.startsWith(said), complaints[0]).toBe(true);
    expect(complaints[1]).toMatch(/^See breakwater cache(?: [a-z]+)? --help$/);
  });

  it('refuses memory, which is nobody else’s, and names a variable that is wrong', async () => {
    await expectToWantRedis(run, [['stats'], ['clear', 'a']]);
  });

  it('says in one line that Redis is away, and stops when it is asked to', async () => {
    await expectToSayAway(run, [['stats'], ['stats', 'a'], ['clear', 'a']]);
  });
});
