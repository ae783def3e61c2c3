import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  aiCache,
  cacheManager,
  cacheResponse,
  listNamespaces,
  RedisCache,
  readTally,
  recordCache,
  searchCache,
  semanticCache,
} from '../lib/cache.ts';
import { createKv } from '../lib/client/kv-client.ts';
import { type Defaults, getDefaults } from '../lib/default-client.ts';
import { StoreError } from '../lib/errors.ts';
import { memoryStore } from '../lib/store/memory/memory-store.ts';
import type { Command, Store } from '../lib/store/store.ts';
import { type ManualClock, manualClock } from '../lib/testing/manual-clock.ts';
import { useDefaultEnvironment } from './support/default-environment.ts';
import { eventually } from './support/eventually.ts';
import { onEveryStore } from './support/every-store.ts';

const HOUR_MS = 3_600_000;
const SLOT = Symbol.for('breakwater.defaults.1');
const away = new StoreError('network', 'refused', { mayHaveRun: false });

let clock: ManualClock;
let sent: (readonly Command[])[];
let isAway: boolean;

useDefaultEnvironment();
beforeEach(() => {
  vi.spyOn(console, 'warn').mockImplementation(() => undefined);
});

/** A process whose default client has this store. */
function use(store: Store): void {
  clock = manualClock();
  // What the test before has left in the background goes on with its own.
  const requests: (readonly Command[])[] = [];
  sent = requests;
  isAway = false;
  const watched: Store = {
    ...store,
    execute: async (commands, options) => {
      requests.push(commands);
      if (isAway) throw away;
      return store.execute(commands, options);
    },
  };
  const made: Defaults = { ...getDefaults(), kv: createKv({ store: watched, clock }) };
  Reflect.set(globalThis, SLOT, made);
}

const names = () => sent.flat().map(([name]) => name);

onEveryStore('the faces of the cache', (current) => {
  beforeEach(() => use(current()));

  it('RedisCache has what was set, also in another process, until it is cleared', async () => {
    const companies = new RedisCache<{ readonly name: string }>('cache:acme', HOUR_MS);
    expect([await companies.get('a'), await companies.has('a')]).toEqual([null, false]);
    expect(await companies.set('a', { name: 'A' })).toBe(true);
    use(current());
    expect([await companies.get('a'), await companies.has('a')]).toEqual([{ name: 'A' }, true]);
    expect(await companies.clear('a')).toBe(true);
    expect([await companies.get('a'), await companies.has('a')]).toEqual([null, false]);
  });

  it('RedisCache.clearAll ends all of its values and no others', async () => {
    const [one, other] = [new RedisCache<number>('one', HOUR_MS), new RedisCache<number>('other', HOUR_MS)];
    for (const key of ['a', 'b']) await one.set(key, 1);
    await other.set('a', 2);
    sent.splice(0);
    expect(await one.clearAll()).toBe(true);
    expect(sent).toHaveLength(1);
    use(current());
    expect([await one.get('a'), await one.get('b'), await other.get('a')]).toEqual([null, null, 2]);
  });

  it('cacheManager keeps values, counters and sorted sets apart, and deletes all of a name', async () => {
    expect(await cacheManager.set('k', { a: 1 }, 60)).toBe(true);
    expect([await cacheManager.incr('k'), await cacheManager.incr('k', 60)]).toEqual([1, 2]);
    expect([await cacheManager.zAdd('k', 2, 'b'), await cacheManager.zAdd('k', 1.5, 'a')]).toEqual([true, true]);
    expect(await cacheManager.get('k')).toEqual({ a: 1 });
    expect(await cacheManager.zRange('k', 0, -1)).toEqual(['a', 'b']);
    expect(await cacheManager.zRange('k', 0, 0, { rev: true })).toEqual(['b']);
    expect(await cacheManager.del('k')).toBe(true);
    expect([await cacheManager.get('k'), await cacheManager.zRange('k', 0, -1)]).toEqual([null, []]);
    expect(await cacheManager.incr('k')).toBe(1);
  });

  it('cacheManager.getOrFetch fetches once, for so many seconds', async () => {
    let fetched = 0;
    const fetcher = async () => {
      fetched += 1;
      return fetched;
    };
    const both = await Promise.all([1, 2].map(() => cacheManager.getOrFetch('k', fetcher, 60)));
    expect([both, fetched]).toEqual([[1, 1], 1]);
    expect(await cacheManager.getOrFetch('k', fetcher, 60)).toBe(1);
  });
});

describe('the faces of the cache', () => {
  beforeEach(() => use(memoryStore()));

  it.each([
    ['company', aiCache.company, 'cache:company:v:k', 24],
    ['resume', aiCache.resume, 'cache:resume:v:k', 1],
    ['job', aiCache.job, 'cache:job:v:k', 24],
    ['interview', aiCache.interview, 'cache:interview:v:k', 6],
    ['search', searchCache, 'cache:search:v:k', 5 / 60],
  ])('have a preset for %s under its known prefix, for its time', async (_, cache, name, hours) => {
    await cache.set('k', 'v');
    const set = sent.flat().find((command) => command[0] === 'SET' && command[1] === name);
    expect(Number(set?.[4])).toBeLessThanOrEqual(hours * HOUR_MS);
    expect(Number(set?.[4])).toBeGreaterThan(0.89 * hours * HOUR_MS);
    clock.advance(Math.floor(0.89 * hours * HOUR_MS));
    expect(await cache.get('k')).toBe('v');
    clock.advance(Math.ceil(0.12 * hours * HOUR_MS));
    expect(await cache.get('k')).toBeNull();
  });

  it('have one cache for a prefix, whatever copies of the module there are', async () => {
    await new RedisCache<number>('cache:x', HOUR_MS).set('k', 1);
    vi.resetModules();
    const copy = await import('../lib/cache.ts');
    expect(copy.RedisCache).not.toBe(RedisCache);
    sent.splice(0);
    // Known in this process: nobody is asked.
    expect(await new copy.RedisCache<number>('x:', HOUR_MS).get('k')).toBe(1);
    expect(sent).toEqual([]);
  });

  it('take a time of its own with each cache of one prefix', async () => {
    await new RedisCache<number>('x', 10 * HOUR_MS).set('long', 1);
    await new RedisCache<number>('x', HOUR_MS).set('short', 1);
    clock.advance(2 * HOUR_MS);
    const cache = new RedisCache<number>('x', HOUR_MS);
    expect([await cache.get('long'), await cache.get('short')]).toEqual([1, null]);
  });

  it.each(['', 'a b', 'a*', '{a}', 'a.b', 'x'.repeat(65)])('refuse the prefix %j', (prefix) => {
    expect(() => new RedisCache(prefix, 1)).toThrow('prefix must be');
  });

  it('refuse times, scores and ranks that cannot be, and ask nobody', async () => {
    for (const ttlMs of [0, 1.5, Number.NaN]) expect(() => new RedisCache('x', ttlMs)).toThrow('ttlMs must be');
    for (const seconds of [0, -1, 1.5, Number.NaN]) {
      await expect(cacheManager.set('k', 1, seconds)).rejects.toThrow('ttlSeconds must be');
      await expect(cacheManager.getOrFetch('k', () => 1, seconds)).rejects.toThrow('ttlSeconds must be');
      await expect(cacheManager.incr('k', seconds)).rejects.toThrow('ttlSeconds must be');
    }
    for (const score of [Number.NaN, Number.POSITIVE_INFINITY]) {
      await expect(cacheManager.zAdd('k', score, 'm')).rejects.toThrow('score must be');
    }
    await expect(cacheManager.zRange('k', 0.5, 1)).rejects.toThrow('start must be');
    expect(sent).toEqual([]);
  });

  it('serve what is past its end while it is fetched again', async () => {
    await cacheManager.getOrFetch('k', () => 'old', 60);
    // It is written in the background.
    await vi.waitFor(() => expect(names()).toContain('EVAL'));
    clock.advance(61_000);
    expect(await cacheManager.getOrFetch('k', () => 'new', 60)).toBe('old');
    await vi.waitFor(async () => expect(await cacheManager.get('k')).toBe('new'));
  });

  it('serve what is past its end where it cannot be fetched', async () => {
    await cacheManager.getOrFetch('k', () => 'old', 60);
    // It is written in the background.
    await vi.waitFor(() => expect(names()).toContain('EVAL'));
    clock.advance(180_000);
    const failing = () => Promise.reject(new Error('the origin is away'));
    expect(await cacheManager.getOrFetch('k', failing, 60)).toBe('old');
    clock.advance(600_000);
    await expect(cacheManager.getOrFetch('k', failing, 60)).rejects.toThrow('the origin is away');
  });

  it('put long and strange names of users into bounded keys', async () => {
    await cacheManager.incr('a:b*'.repeat(100));
    await cacheManager.zAdd('{x}', 1, 'm');
    const keys = sent.flat().map((command) => String(command[1]));
    expect(keys.every((key) => key.length < 150 && !/[*{}]/.test(key))).toBe(true);
    expect(keys).toContain('cache:cache-manager:sorted-set:%7Bx%7D');
  });

  it('have an HTTP cache in front of a handler, which is made with the first request', async () => {
    let calls = 0;
    const handler = cacheResponse(
      async () => {
        calls += 1;
        return new Response(`page ${calls}`);
      },
      { ttlMs: 60_000 },
    );
    expect(sent).toEqual([]);
    const answers = [];
    for (let turn = 0; turn < 2; turn += 1) {
      const response = await handler(new Request('https://app.test/page'));
      answers.push([await response.text(), response.headers.get('cache-status')?.split(';')[1]?.trim()]);
      // What is stored is so in the background.
      await eventually(() => names().includes('EVALSHA') || names().includes('EVAL'));
    }
    expect(answers).toEqual([
      ['page 1', 'fwd=miss'],
      ['page 1', 'hit'],
    ]);
    expect(() => cacheResponse(handler, { ttlMs: -1 })).toThrow(/^ttlMs/);
  });

  it('have record and semantic caches on the default client, which are made at first use', async () => {
    const users = recordCache<{ readonly id: string }>({ namespace: 'users', load: (id) => ({ id }) });
    const answers = semanticCache<string>({ tenant: 'acme' });
    expect(await users.get('u_1')).toEqual({ id: 'u_1' });
    expect((await users.getMany(['u_1'])).size).toBe(1);
    await users.settled();
    expect(await answers.set({ prompt: 'p', model: 'm' }, { value: 'a' })).toBe(true);
    expect(await answers.get({ prompt: 'p', model: 'm' })).toMatchObject({ status: 'hit', value: 'a' });
    await answers.settled();
    expect((await answers.stats()).hits).toBe(1);
    expect(await listNamespaces(getDefaults().kv)).toEqual(['semantic', 'users']);
    clock.advance(10_000);
    await users.get('u_1');
    await users.settled();
    expect(await readTally(getDefaults().kv, 'users')).toMatchObject({ loads: 1, writes: 1 });
  });
});

describe('the faces of the cache, with Redis away', () => {
  beforeEach(() => {
    use(memoryStore());
    isAway = true;
  });

  it('answer null and false, and keep what they can in this process', async () => {
    const cache = new RedisCache<number>('x', HOUR_MS);
    expect([await cache.get('k'), await cache.has('k'), await cache.set('k', 1)]).toEqual([null, false, false]);
    expect([await cache.get('k'), await cache.has('k')]).toEqual([1, true]);
    expect([await cache.clear('k'), await cache.clearAll(), await cache.get('k')]).toEqual([false, false, null]);
    expect([await cacheManager.set('k', 1, 60), await cacheManager.get('k')]).toEqual([false, 1]);
    expect([await cacheManager.incr('k'), await cacheManager.zAdd('k', 1, 'm')]).toEqual([null, false]);
    expect([await cacheManager.zRange('k', 0, -1), await cacheManager.del('k')]).toEqual([null, false]);
    expect(await cacheManager.getOrFetch('k', () => 'fetched', 60)).toBe('fetched');
  });

  it('tell Redis of what was cleared when it is back', async () => {
    isAway = false;
    const cache = new RedisCache<number>('x', HOUR_MS);
    await cache.set('k', 1);
    isAway = true;
    expect(await cache.clearAll()).toBe(false);
    isAway = false;
    clock.advance(60_000);
    await cache.get('other');
    await vi.waitFor(() => expect(names().filter((name) => name === 'HSET')).toHaveLength(2));
    expect(await cache.get('k')).toBeNull();
  });

  it('say what failed in the log, without a key, and reject for what the fetcher throws', async () => {
    await cacheManager.incr('secret-name');
    const said = vi.mocked(console.warn).mock.calls.join('\n');
    expect(said).toContain('[KV] Failed to increment');
    expect(said).not.toContain('secret-name');
    const failing = () => Promise.reject(new Error('the origin is away'));
    await expect(cacheManager.getOrFetch('k', failing, 60)).rejects.toThrow('the origin is away');
  });
});

describe('ENABLE_REDIS_CACHE=false', () => {
  afterEach(() => vi.unstubAllEnvs());

  it('keeps every face from asking Redis: caches go to their fallback at once', async () => {
    vi.stubEnv('ENABLE_REDIS_CACHE', 'false');
    use(memoryStore());
    expect([await aiCache.job.set('k', 1), await aiCache.job.get('k')]).toEqual([false, 1]);
    expect(await cacheManager.getOrFetch('k', () => 'fetched', 60)).toBe('fetched');
    expect([await cacheManager.incr('k'), await cacheManager.zAdd('k', 1, 'm')]).toEqual([null, false]);
    expect([await cacheManager.zRange('k', 0, -1), await cacheManager.del('k')]).toEqual([null, false]);
    const users = recordCache<string>({ namespace: 'users', load: (id) => id });
    const answers = semanticCache<string>({ tenant: 'acme' });
    expect(await users.get('u')).toBe('u');
    expect(await answers.get({ prompt: 'p', model: 'm' })).toEqual({ status: 'miss' });
    clock.advance(HOUR_MS);
    await aiCache.job.get('k');
    expect(sent).toEqual([]);
  });
});

describe('an environment that cannot be', () => {
  it('is said of at first use, and not where a module is imported', async () => {
    vi.stubEnv('KV_STORE', 'typo');
    const users = recordCache<string>({ namespace: 'users', load: (id) => id });
    for (const call of [() => users.get('u'), () => new RedisCache('x', 1).set('k', 1), () => cacheManager.incr('k')]) {
      await expect((async () => call())()).rejects.toThrow('KV_STORE must be');
    }
  });

  it('keeps no handler from answering without a cache, and is said of once', async () => {
    vi.stubEnv('KV_STORE', 'typo');
    const errors = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    const handler = cacheResponse(async () => new Response('page'), { ttlMs: 60_000 });
    for (let turn = 0; turn < 2; turn += 1) {
      expect(await (await handler(new Request('https://app.test/page'))).text()).toBe('page');
    }
    expect(errors.mock.calls).toEqual([[expect.stringContaining('KV_STORE must be')]]);
  });
});
