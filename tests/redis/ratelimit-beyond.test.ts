import { MultiRegionRatelimit, Ratelimit } from '@upstash/ratelimit';
import { Redis } from '@upstash/redis';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type RestEndpoint, startRestEndpoint } from '../../cli/rest/endpoint.ts';
import { createKv } from '../../lib/client/kv-client.ts';
import { createRedis } from '../../lib/client/redis.ts';
import { fengariEngine } from '../../lib/store/lua.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import { redisStore } from '../../lib/store/redis.ts';
import type { Store } from '../../lib/store/store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { besideUpstash } from '../support/beside-upstash.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';

/** Longer than any test takes: only the time of this process moves, that of Redis does not. */
const WINDOW_MS = 600_000;
const NOON = 1_800_014_400_000;

const ALGORITHMS = [
  ['fixedWindow', () => Ratelimit.fixedWindow(20, '10 m')],
  ['slidingWindow', () => Ratelimit.slidingWindow(20, '10 m')],
  ['tokenBucket', () => Ratelimit.tokenBucket(6, '10 m', 20)],
  ['cachedFixedWindow', () => Ratelimit.cachedFixedWindow(20, '10 m')],
] as const;

type Ask = (limit: Ratelimit) => Promise<unknown>;

/** The same numbers below a bound for the same seed. */
function numbersFrom(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return (state >>> 8) % bound;
  };
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: NOON });
  return () => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  };
});

/** Answers `fetch` for the public list of addresses, and for nothing else. */
function stubPublicList(text: string): () => number {
  const { fetch: real } = globalThis;
  let asked = 0;
  vi.stubGlobal('fetch', async (input: string | URL | Request, init?: RequestInit) => {
    if (!String(input instanceof Request ? input.url : input).includes('ipsum')) return real(input, init);
    asked += 1;
    return new Response(text);
  });
  return () => asked;
}

besideUpstash((pair) => {
  describe('@upstash/ratelimit', () => {
    it.each(ALGORITHMS)('answers as on the endpoint to any weight and to refunds: %s', async (_, algorithm) => {
      const [theirs, ours] = [pair.theirs(), pair.ours()].map(
        (redis) =>
          new Ratelimit({ redis, limiter: algorithm(), prefix: 'weights', ephemeralCache: new Map(), timeout: 0 }),
      );
      const below = numbersFrom(5);
      const seen = new Set<unknown>();
      for (let call = 0; call < 60; call += 1) {
        const who = `user-${below(2)}`;
        const rate = [1, 2, 3, 7, 20, 21, -1, -4][below(8)] ?? 1;
        const ask: Ask = async (limit) => {
          const { pending, ...answer } = await limit.limit(who, { rate });
          await pending;
          seen.add(answer.success);
          return [answer, await limit.getRemaining(who)];
        };
        const expected = theirs && (await ask(theirs));
        expect(ours && (await ask(ours)), `call ${call}, ${rate} of ${who}`).toEqual(expected);
        if (call % 8 === 7) vi.setSystemTime(Date.now() + ([1, WINDOW_MS / 3, WINDOW_MS][below(3)] ?? 0));
      }
      expect([...seen].sort()).toEqual([false, true]);
    });

    it('keeps denied members out, whichever of a request they are, in one request', async () => {
      // Their cache of denied members is one for the whole process.
      const deniedOf = async (redis: Redis, side: string): Promise<readonly unknown[]> => {
        const member = (name: string) => `${side}-${pair.kind}-${name}`;
        const [id, ip, userAgent, country] = [member('id'), member('ip'), member('agent'), member('country')];
        await redis.sadd('deny:denyList:all', id, ip, userAgent, country);
        await redis.set('deny:ipDenyListStatus', 'disabled');
        const limiter = Ratelimit.fixedWindow(9, '10 m');
        const limit = new Ratelimit({ redis, limiter, prefix: 'deny', enableProtection: true, timeout: 0 });
        const ask = async (who: string, request: { ip?: string; userAgent?: string; country?: string } = {}) => {
          const { success, remaining, reason, deniedValue, pending } = await limit.limit(who, request);
          await pending;
          return [success, remaining, reason, deniedValue?.replace(side, 'side')];
        };
        return [
          await ask('guest', { ip: 'fine', userAgent: 'fine', country: 'fine' }),
          await ask(id),
          await ask('guest', { ip }),
          await ask('guest', { userAgent, ip: 'fine' }),
          await ask('guest', { country }),
          await ask('guest', { ip }),
          await ask('guest'),
        ];
      };
      const expected = await deniedOf(pair.theirs(), 'theirs');
      expect(expected.filter((answer) => Array.isArray(answer) && answer[2] === 'denyList')).toHaveLength(5);
      expect(await deniedOf(pair.ours(), 'ours')).toEqual(expected);
    });

    it('takes a public list of addresses in as a transaction, once, and denies those on it', async () => {
      const listOf = async (redis: Redis, side: number): Promise<readonly unknown[]> => {
        const address = (host: number) => `192.0.2.${100 * side + 10 * pair.kind.length + host}`;
        const [bad, worse] = [address(1), address(2)];
        const fetched = stubPublicList(`${bad}\n${worse}\n`);
        const limiter = Ratelimit.slidingWindow(9, '10 m');
        const limit = new Ratelimit({ redis, limiter, prefix: 'list', enableProtection: true, timeout: 0 });
        const first = await limit.limit('guest', { ip: bad });
        await first.pending;
        const later = await limit.limit('guest', { ip: worse });
        await later.pending;
        return [
          [first.success, first.reason],
          [later.success, later.reason, later.deniedValue === worse],
          await redis.scard('list:denyList:all'),
          await redis.get('list:ipDenyListStatus'),
          (await redis.pttl('list:ipDenyListStatus')) > 0,
          fetched(),
        ];
      };
      const expected = await listOf(pair.theirs(), 1);
      expect(expected).toEqual([[true, undefined], [false, 'denyList', true], 2, 'valid', true, 1]);
      expect(await listOf(pair.ours(), 2)).toEqual(expected);
    });
  });
});

describe('MultiRegionRatelimit of @upstash/ratelimit', () => {
  let server: RedisServer;
  const opened: Store[] = [];
  const endpoints: RestEndpoint[] = [];
  const database = (number: number): Store => {
    const store = redisStore({ url: `${server.url}/${number}` });
    opened.push(store);
    return store;
  };
  beforeAll(async () => {
    server = await startRedis();
    for (const number of [0, 1]) {
      endpoints.push(await startRestEndpoint({ store: database(number), token: 'secret' }));
    }
  });
  afterAll(async () => {
    for (const endpoint of endpoints) await endpoint.close();
    for (const store of opened) await store.close();
    await server.stop();
  });

  const LIMITERS = [
    ['fixedWindow', () => MultiRegionRatelimit.fixedWindow(6, '10 m')],
    ['slidingWindow', () => MultiRegionRatelimit.slidingWindow(6, '10 m')],
  ] as const;
  const STORES = [
    ['redis', (number: number) => database(number)],
    ['memory', () => memoryStore({ lua: fengariEngine(), clock: manualClock() })],
  ] as const;

  it.each(LIMITERS.flatMap(([name, limiter]) => STORES.map(([kind, make]) => ({ name, limiter, kind, make }))))(
    'answers as on its own clients in two regions: $name on $kind',
    async ({ name, limiter, kind, make }) => {
      const regions = [2, 3].map((number) => createRedis(createKv({ store: make(number), requestTimeoutMs: 10_000 })));
      const own = endpoints.map(({ url }) => new Redis({ url, token: 'secret', enableTelemetry: false }));
      const prefix = `${name}-${kind}`;
      const [theirs, ours] = [own, regions].map(
        (redis) => new MultiRegionRatelimit({ redis, limiter: limiter(), prefix, timeout: 0 }),
      );
      const below = numbersFrom(9);
      const ask = async (limit: MultiRegionRatelimit | undefined, who: string) => {
        const { pending, ...answer } = (await limit?.limit(who)) ?? {};
        await pending;
        return [answer, await limit?.getRemaining(who)];
      };
      const successes: unknown[] = [];
      for (let call = 0; call < 30; call += 1) {
        const who = `user-${below(2)}`;
        const expected = await ask(theirs, who);
        expect(await ask(ours, who), `call ${call}`).toEqual(expected);
        successes.push(JSON.stringify(expected).includes('"success":true'));
        if (call % 10 === 9) vi.setSystemTime(Date.now() + WINDOW_MS / 3);
      }
      expect(new Set(successes).size).toBe(2);
    },
  );
});
