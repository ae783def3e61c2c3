import { cachified, createCacheEntry, softPurge } from '@epic-web/cachified';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { cachifiedCache } from '../../../lib/cache/cachified.ts';
import { createKv } from '../../../lib/client/kv-client.ts';
import type { BreakwaterEvent } from '../../../lib/events.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import type { Store } from '../../../lib/store/store.ts';
import { type ManualClock, manualClock } from '../../../lib/testing/manual-clock.ts';
import { scriptedStore } from '../../../lib/testing/scripted-store.ts';
import { contentsOf, onEveryStore } from '../../support/every-store.ts';
import { watchedStore } from '../../support/watched-store.ts';

const NAME = 'cache:cachified:cachified:key';

function cacheOn(store: Store, options: { readonly clock?: ManualClock; readonly maxEntryLength?: number } = {}) {
  const events: BreakwaterEvent[] = [];
  const kv = createKv({ store, clock: options.clock, onEvent: (event) => events.push(event) });
  const cache = cachifiedCache({ kv, maxEntryLength: options.maxEntryLength });
  return { kv, cache, events };
}

/** Loads 1, then 2, and so on. */
function loader() {
  let loads = 0;
  return async () => {
    loads += 1;
    return loads;
  };
}

onEveryStore('cachified', (current) => {
  it('loads a value once, and keeps it to the end of ttl and swr', async () => {
    const { cache } = cacheOn(current());
    const options = { key: 'key', cache, ttl: 60_000, swr: 30_000, getFreshValue: loader() };
    expect([await cachified(options), await cachified(options)]).toEqual([1, 1]);
    const kept = (await contentsOf(current())).get(NAME);
    expect(kept?.ttlMs).toBeGreaterThan(80_000);
    expect(kept?.ttlMs).toBeLessThanOrEqual(90_000);
  });

  it.each([
    ['without ttl', {}],
    ['with a ttl without end', { ttl: Number.POSITIVE_INFINITY, swr: 1_000 }],
    ['with a swr without end', { ttl: 1_000, swr: Number.POSITIVE_INFINITY }],
  ])('keeps a value %s for good', async (_what, times) => {
    const { cache } = cacheOn(current());
    await cachified({ key: 'key', cache, getFreshValue: loader(), ...times });
    expect((await contentsOf(current())).get(NAME)?.ttlMs).toBe(-1);
  });

  it.each([
    ['a text', 'text \ud800 \0'],
    ['null', null],
    ['undefined', undefined],
    ['an object', { a: [1, { b: false }] }],
    ['much text', 'ü'.repeat(500_000)],
  ])('gives back %s', async (_what, value) => {
    const { cache, events } = cacheOn(current());
    const getFreshValue = vi.fn(async () => value);
    for (let call = 0; call < 3; call += 1) {
      expect(await cachified({ key: 'key', cache, ttl: 60_000, getFreshValue })).toEqual(value);
    }
    expect(getFreshValue).toHaveBeenCalledTimes(1);
    expect(events.filter(({ type }) => type === 'unreadable')).toEqual([]);
  });

  it('tells all keys apart, whatever is in them', async () => {
    const { cache } = cacheOn(current());
    const keys = [
      '',
      '*',
      'a:b',
      'a%3Ab',
      '{a}',
      '\n',
      '\ud800',
      '\ud801',
      'x'.repeat(128),
      'x'.repeat(129),
      'x'.repeat(10_000),
      'sha256-x',
    ];
    for (const key of keys) await cachified({ key, cache, ttl: 60_000, getFreshValue: () => `of ${key}` });
    for (const key of keys) expect((await cache.get(key))?.value, key).toBe(`of ${key}`);
    const names = [...(await contentsOf(current())).keys()];
    expect(names).toHaveLength(keys.length);
    for (const name of names) expect(name).toMatch(/^cache:cachified:cachified:[^:{}*\s]{0,128}$/);
  });

  it('loads again what was deleted', async () => {
    const { cache } = cacheOn(current());
    const options = { key: 'key', cache, ttl: 60_000, getFreshValue: loader() };
    await cachified(options);
    expect(await cache.delete('key')).toBe(true);
    expect(await cache.delete('key')).toBe(true);
    expect(await cachified(options)).toBe(2);
  });

  it('loads again, and replaces, what cannot be read; deletes nothing', async () => {
    const damage = [
      ['SET', NAME, '{"metadata"'],
      ['SET', NAME, '[]'],
      ['SET', NAME, '{"value":1}'],
      ['SET', NAME, '{"metadata":{},"value":1}'],
      ['SET', NAME, '{"metadata":{"createdTime":"1"},"value":1}'],
      ['SET', NAME, '{"metadata":{"createdTime":1,"ttl":"1"},"value":1}'],
      ['SET', NAME, '{"metadata":{"createdTime":1,"swr":{}},"value":1}'],
      ['RPUSH', NAME, 'another type'],
    ] as const;
    const store = watchedStore(current());
    const { cache, events } = cacheOn(store);
    for (const command of damage) {
      await current().execute([['DEL', NAME], command]);
      expect(await cachified({ key: 'key', cache, ttl: 60_000, getFreshValue: () => 'new' })).toBe('new');
      expect((await cache.get('key'))?.value).toBe('new');
    }
    expect(events.map(({ type }) => type)).toEqual(damage.map(() => 'unreadable'));
    expect(events[0]).toMatchObject({ feature: 'cache', problem: 'an entry of cachified that is damaged' });
    expect(events.at(-1)).toMatchObject({ problem: 'something else in the place of an entry of cachified' });
    expect(cache.stats()).toEqual({ failedReads: 0, failedWrites: 0, failedDeletes: 0, unstorable: 0, unreadable: 8 });
    expect(store.requests.flat().map(([name]) => name)).not.toContain('UNLINK');
  });

  it('deletes what does not pass its check', async () => {
    const { cache } = cacheOn(current());
    await cachified({ key: 'key', cache, ttl: 60_000, getFreshValue: () => 1 });
    const load = vi.fn(() => 'text');
    const checkValue = (value: unknown) => typeof value === 'string';
    expect(await cachified({ key: 'key', cache, ttl: 60_000, checkValue, getFreshValue: load })).toBe('text');
    expect(load).toHaveBeenCalledTimes(1);
  });

  it('loads once for all who ask at the same time, with one read', async () => {
    const store = watchedStore(current());
    const { cache } = cacheOn(store);
    const options = { key: 'key', cache, ttl: 60_000, getFreshValue: loader() };
    const values = await Promise.all(Array.from({ length: 50 }, () => cachified(options)));
    expect(new Set(values)).toEqual(new Set([1]));
    expect(store.requests.flat().map(([name]) => name)).toEqual(['GET', 'SET']);
  });
});

describe('cachified as time passes', () => {
  let clock = manualClock();
  // cachified reads the system's clock.
  const advance = (ms: number) => {
    clock.advance(ms);
    vi.setSystemTime(clock.now());
  };
  beforeEach(() => {
    clock = manualClock();
    vi.useFakeTimers({ toFake: ['Date'], now: clock.now() });
  });
  afterEach(() => {
    vi.useRealTimers();
  });
  const cacheNow = () => {
    const store = memoryStore({ clock });
    return { store, ...cacheOn(store, { clock }) };
  };

  it('serves a value to the end of its ttl, then to the end of swr while it loads the next one', async () => {
    const { cache } = cacheNow();
    const background: Promise<unknown>[] = [];
    const options = {
      key: 'key',
      cache,
      ttl: 1_000,
      swr: 500,
      getFreshValue: loader(),
      waitUntil: (work: Promise<unknown>) => background.push(work),
    };
    expect(await cachified(options)).toBe(1);
    advance(1_000);
    expect(await cachified(options)).toBe(1);
    expect(background).toEqual([]);
    advance(500);
    expect(await cachified(options)).toBe(1);
    await Promise.all(background);
    expect(await cachified(options)).toBe(2);
    advance(1_501);
    expect(await cache.get('key')).toBeUndefined();
    expect(await cachified(options)).toBe(3);
  });

  it('serves a value whose swr has no end long after its ttl', async () => {
    const { cache } = cacheNow();
    const options = { key: 'key', cache, ttl: 1_000, swr: Number.POSITIVE_INFINITY, getFreshValue: loader() };
    await cachified(options);
    advance(1_000_000);
    expect(await cachified(options)).toBe(1);
  });

  it('falls back to what is there when a forced load fails', async () => {
    const { cache } = cacheNow();
    await cachified({ key: 'key', cache, ttl: 1_000, getFreshValue: () => 1 });
    const getFreshValue = () => Promise.reject(new Error('down'));
    expect(await cachified({ key: 'key', cache, ttl: 1_000, forceFresh: true, getFreshValue })).toBe(1);
  });

  it('keeps a value that was purged softly to the end that it had', async () => {
    const { store, cache } = cacheNow();
    await cachified({ key: 'key', cache, ttl: 1_000, swr: 500, getFreshValue: () => 1 });
    advance(400);
    await softPurge({ key: 'key', cache });
    expect((await contentsOf(store)).get(NAME)?.ttlMs).toBe(1_100);
  });

  it('keeps a value that ends now, or was made in the future, no longer than it is good for', async () => {
    const { store, cache } = cacheNow();
    await cache.set('key', createCacheEntry('old', { ttl: 1_000, createdTime: clock.now() - 5_000 }));
    expect((await contentsOf(store)).get(NAME)?.ttlMs).toBe(1);
    await cache.set('key', createCacheEntry('early', { ttl: 1_000, createdTime: clock.now() + 60_000 }));
    expect((await contentsOf(store)).get(NAME)?.ttlMs).toBe(1_000);
    await cache.set('key', { metadata: { createdTime: clock.now(), ttl: 0.5 }, value: 1 });
    expect((await contentsOf(store)).get(NAME)?.ttlMs).toBe(1);
    await cache.set('key', { metadata: { createdTime: clock.now(), ttl: 2 ** 53, swr: 1 }, value: 1 });
    expect((await contentsOf(store)).get(NAME)?.ttlMs).toBe(-1);
  });
});

describe('cachified while Redis is away', () => {
  it('loads every time, and neither fails nor deletes', async () => {
    const store = scriptedStore();
    store.respond(() => new Error('gone'));
    const { cache } = cacheOn(store);
    const options = { key: 'key', cache, ttl: 60_000, getFreshValue: loader() };
    expect([await cachified(options), await cachified(options)]).toEqual([1, 2]);
    expect(store.sent.flatMap(({ commands }) => commands.map(([name]) => name))).toEqual(['GET', 'SET', 'GET', 'SET']);
    expect(await cache.delete('key')).toBe(false);
    expect(cache.stats()).toMatchObject({ failedReads: 2, failedWrites: 2, failedDeletes: 1, unreadable: 0 });
  });

  it('leaves a good entry alone after a read that took too long', async () => {
    const clock = manualClock();
    const redis = memoryStore({ clock });
    const slow = scriptedStore();
    const { cache: good } = cacheOn(redis, { clock });
    await cachified({ key: 'key', cache: good, ttl: 60_000, getFreshValue: () => 'good' });
    const { cache } = cacheOn(slow, { clock });
    const getFreshValue = () => Promise.reject(new Error('down'));
    const failed = expect(cachified({ key: 'key', cache, ttl: 60_000, getFreshValue })).rejects.toThrow('down');
    await clock.run(1_000);
    await failed;
    expect(cache.stats().failedReads).toBe(1);
    expect(slow.sent.flatMap(({ commands }) => commands.map(([name]) => name))).toEqual(['GET']);
  });

  it('loads at once while the circuit is open, and asks nobody', async () => {
    const store = scriptedStore();
    const { kv, cache } = cacheOn(store);
    kv.circuit.force('FORCED_OPEN');
    expect(await cachified({ key: 'key', cache, getFreshValue: () => 1 })).toBe(1);
    expect(await cache.delete('key')).toBe(false);
    expect(store.sent).toEqual([]);
  });

  it('serves a value whose write Redis refuses', async () => {
    const store = scriptedStore();
    store.respond((commands) => commands.map(([name]) => (name === 'SET' ? { error: 'ERR no' } : null)));
    const { cache } = cacheOn(store);
    expect(await cachified({ key: 'key', cache, getFreshValue: () => 1 })).toBe(1);
    expect(cache.stats()).toMatchObject({ failedReads: 0, failedWrites: 1 });
  });
});

describe('a cache for cachified', () => {
  it('stores nothing that has no JSON text, or too much of it', async () => {
    const { cache } = cacheOn(memoryStore(), { maxEntryLength: 100 });
    const entry = (value: unknown) => ({ metadata: { createdTime: 0, ttl: null }, value });
    const fits = 'x'.repeat(100 - JSON.stringify(entry('')).length);
    expect(await cache.set('key', entry(fits))).toBe(true);
    expect((await cache.get('key'))?.value).toBe(fits);
    expect(await cache.set('key', entry(`${fits}x`))).toBe(false);
    expect(await cache.set('key', entry(1n))).toBe(false);
    const circle: unknown[] = [];
    circle.push(circle);
    expect(await cache.set('key', entry(circle))).toBe(false);
    expect(cache.stats()).toMatchObject({ unstorable: 3, failedWrites: 0 });
    expect((await cache.get('key'))?.value).toBe(fits);
  });

  it('does not parse more than it would store', async () => {
    const store = memoryStore();
    await cacheOn(store).cache.set('key', { metadata: { createdTime: 0, ttl: null }, value: 'x'.repeat(100) });
    const { cache, events } = cacheOn(store, { maxEntryLength: 100 });
    expect(await cache.get('key')).toBeUndefined();
    expect(events).toMatchObject([{ type: 'unreadable', problem: 'an entry of cachified that is too long' }]);
  });

  it('is told at once what it cannot have', () => {
    const kv = createKv({ store: scriptedStore() });
    expect(() => cachifiedCache({ kv, name: '' })).toThrow('name must have 1 to 128 characters');
    for (const maxEntryLength of [0, Number.NaN]) {
      expect(() => cachifiedCache({ kv, maxEntryLength })).toThrow('maxEntryLength must be at least 1');
    }
  });

  it('shares its entries with those of its name only, below the namespace of the client', async () => {
    const store = memoryStore();
    const cache = cachifiedCache({ kv: createKv({ store, namespace: 'app:' }), name: 'my:cache' });
    expect(cache.name).toBe('my:cache');
    await cache.set('key', { metadata: { createdTime: 0, ttl: null }, value: 1 });
    expect(await store.execute([['KEYS', '*']])).toEqual([['app:cache:cachified:my%3Acache:key']]);
  });
});
