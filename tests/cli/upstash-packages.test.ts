import { Ratelimit } from '@upstash/ratelimit';
import { Redis, type RedisConfigNodejs } from '@upstash/redis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type RestEndpoint, startRestEndpoint } from '../../cli/rest/endpoint.ts';
import { fengariEngine } from '../../lib/store/lua.ts';
import { memoryStore } from '../../lib/store/memory/index.ts';
import { redisStore } from '../../lib/store/redis.ts';
import type { Store } from '../../lib/store/store.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';

const TOKEN = 'owner-token';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

const STORES: readonly (readonly [name: string, make: () => Store])[] = [
  ['a real Redis', () => redisStore({ url: server.url })],
  ['memory with Lua', () => memoryStore({ lua: fengariEngine() })],
];

const MODES: readonly (readonly [name: string, config: Partial<RedisConfigNodejs>])[] = [
  ['as it comes', {}],
  ['without base64', { responseEncoding: false }],
  ['without auto-pipelining', { enableAutoPipelining: false }],
  ['without either', { responseEncoding: false, enableAutoPipelining: false }],
];

describe.each(STORES)('on the REST endpoint over %s', (_, makeStore) => {
  let store: Store;
  let endpoint: RestEndpoint;
  beforeAll(async () => {
    store = makeStore();
    endpoint = await startRestEndpoint({ store, token: TOKEN });
  });
  afterAll(async () => {
    await endpoint.close();
    await store.close();
  });
  beforeEach(() => store.execute([['FLUSHALL']]));

  const client = (config: Partial<RedisConfigNodejs> = {}): Redis =>
    new Redis({ url: endpoint.url, token: TOKEN, enableTelemetry: false, ...config });

  describe.each(MODES)('@upstash/redis %s', (_, config) => {
    it('keeps values of every type of JSON', async () => {
      const redis = client(config);
      for (const value of ['text', 'OK', 'grün 🚀', '', 12, 1.5, true, { a: [1, { b: null }] }, [1, 'two', null]]) {
        expect(await redis.set('k', value)).toBe('OK');
        expect(await redis.get('k')).toEqual(value);
      }
      expect(await redis.get('none')).toBeNull();
    });

    it('sets on condition and expires', async () => {
      const redis = client(config);
      expect(await redis.set('k', 'a', { nx: true, ex: 100 })).toBe('OK');
      expect(await redis.set('k', 'b', { nx: true })).toBeNull();
      expect(await redis.set('k', 'b', { xx: true, get: true, keepTtl: true })).toBe('a');
      expect(await redis.ttl('k')).toBe(100);
      expect(await redis.expire('k', 50, 'NX')).toBe(0);
      expect(await redis.del('k', 'none')).toBe(1);
    });

    it('reads hashes as objects and lists as arrays', async () => {
      const redis = client(config);
      await redis.hset('h', { a: 1, b: { c: 2 }, d: 'text' });
      expect(await redis.hgetall('h')).toEqual({ a: 1, b: { c: 2 }, d: 'text' });
      expect(await redis.hgetall('none')).toBeNull();
      expect(await redis.hmget('h', 'a', 'none')).toEqual({ a: 1, none: null });
      await redis.rpush<unknown>('l', 'x', { y: 1 });
      expect(await redis.lrange('l', 0, -1)).toEqual(['x', { y: 1 }]);
      await redis.mset({ m: 1, n: 'two' });
      expect(await redis.mget('m', 'none', 'n')).toEqual([1, null, 'two']);
    });

    it('reads sets, sorted sets and the keys themselves', async () => {
      const redis = client(config);
      expect(await redis.sadd('s', 'a', 'b')).toBe(2);
      expect((await redis.smembers('s')).sort()).toEqual(['a', 'b']);
      await redis.zadd('z', { score: 2, member: 'two' }, { score: 1, member: 'one' });
      expect(await redis.zrange('z', 0, -1, { withScores: true })).toEqual(['one', 1, 'two', 2]);
      const [cursor, keys] = await redis.scan(0, { match: '?', count: 100 });
      expect([String(cursor), keys.sort()]).toEqual(['0', ['s', 'z']]);
    });

    it('sends many commands of one turn, and each has its own reply', async () => {
      const redis = client(config);
      const counts = await Promise.all(Array.from({ length: 20 }, () => redis.incr('n')));
      expect(counts.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    });

    it('runs pipelines and transactions', async () => {
      const redis = client(config);
      const pipeline = redis.pipeline().set('k', { a: 1 }).incr('n').get('k').hgetall('none');
      expect(await pipeline.exec()).toEqual(['OK', 1, { a: 1 }, null]);
      expect(await redis.multi().incr('n').incr('n').get('n').exec()).toEqual([2, 3, 3]);
    });

    it('tells errors of commands apart from replies', async () => {
      const redis = client(config);
      await redis.set('k', 'text');
      await expect(redis.incr('k')).rejects.toThrow('ERR value is not an integer or out of range');
      const results = await redis.pipeline().get('k').incr('k').exec({ keepErrors: true });
      expect(results).toEqual([
        { result: 'text', error: undefined },
        { result: undefined, error: 'ERR value is not an integer or out of range' },
      ]);
    });

    it('runs scripts by text and by SHA-1', async () => {
      const redis = client(config);
      const lua = "return {redis.call('INCRBY', KEYS[1], ARGV[1]), ARGV[2]}";
      expect(await redis.eval(lua, ['k'], [2, 'x'])).toEqual([2, 'x']);
      const sha = await redis.scriptLoad(lua);
      expect(await redis.evalsha(sha, ['k'], [3, 'y'])).toEqual([5, 'y']);
      await expect(redis.evalsha('f'.repeat(40), [], [])).rejects.toThrow(/NOSCRIPT/);
      const script = redis.createScript<[number, string]>(`${lua} -- twice`);
      expect(await script.exec(['k'], ['1', 'z'])).toEqual([6, 'z']);
      expect(await script.exec(['k'], ['1', 'z'])).toEqual([7, 'z']);
    });

    it('is refused with a wrong token', async () => {
      await expect(client({ ...config, token: 'wrong' }).get('k')).rejects.toThrow('WRONGPASS');
    });
  });

  const LIMITERS = [
    ['fixedWindow', () => Ratelimit.fixedWindow(3, '1 d')],
    ['slidingWindow', () => Ratelimit.slidingWindow(3, '1 d')],
    ['tokenBucket', () => Ratelimit.tokenBucket(1, '1 d', 3)],
    ['cachedFixedWindow', () => Ratelimit.cachedFixedWindow(3, '1 d')],
  ] as const;

  describe.each(LIMITERS)('@upstash/ratelimit with %s', (name, limiter) => {
    it.each(MODES)('admits up to the limit, refuses beyond it, and starts anew when reset: %s', async (_, config) => {
      const cached = name === 'cachedFixedWindow';
      const limit = new Ratelimit({
        redis: client(config),
        limiter: limiter(),
        prefix: 'limit',
        ...(cached ? { ephemeralCache: new Map() } : { ephemeralCache: false as const }),
      });
      const ask = async (): Promise<boolean> => {
        const { success, reason, pending } = await limit.limit('somebody');
        await pending;
        // Its word for "no answer, so come in".
        expect(reason).not.toBe('timeout');
        return success;
      };
      const left = async (): Promise<number> => (await limit.getRemaining('somebody')).remaining;

      expect(await left()).toBe(3);
      expect([await ask(), await ask()]).toEqual([true, true]);
      expect(await left()).toBe(1);
      expect([await ask(), await ask(), await ask()]).toEqual([true, false, false]);
      // Some of its algorithms count refused requests too.
      expect(await left()).toBeLessThanOrEqual(0);
      expect((await limit.limit('another')).success).toBe(true);

      await limit.resetUsedTokens('somebody');
      expect(await left()).toBe(3);
      expect(await ask()).toBe(true);
    });

    it('runs its scripts by SHA-1 once they are known: one request a call', async () => {
      const limit = new Ratelimit({ redis: client(), limiter: limiter(), prefix: 'limit', ephemeralCache: new Map() });
      const ask = async (who: string): Promise<void> => {
        await (await limit.limit(who)).pending;
      };
      await ask('first');
      const before = endpoint.requests();
      for (const who of ['second', 'third', 'fourth']) await ask(who);
      expect(endpoint.requests() - before).toBe(3);
    });
  });
});
