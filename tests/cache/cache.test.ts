import { describe, expect, it } from 'vitest';
import { loaded, notFound, skip } from '../../lib/cache/loaded.ts';
import type { Store } from '../../lib/store/store.ts';
import { cacheRig } from '../support/cache-rig.ts';
import { contentsOf } from '../support/every-store.ts';
import { allowNoUnhandledRejection } from '../support/unhandled-rejections.ts';

/** Stamps are there before anything is loaded. */
const entriesIn = async (store: Store): Promise<readonly string[]> =>
  [...(await contentsOf(store)).keys()].filter((name) => name.startsWith('cache:c:v:'));

describe('a cache', () => {
  allowNoUnhandledRejection();

  it('loads what is not there, keeps it here and in Redis, and says where it was found', async () => {
    const { cache, clock, elsewhere } = cacheRig();
    expect(await cache.get('k')).toEqual({ status: 'miss' });
    expect(await cache.getOrFetch('k', () => 'v')).toEqual({ status: 'miss', value: 'v' });
    await cache.settled();
    clock.advance(100);
    const fail = () => Promise.reject(new Error('not to be called'));
    expect(await cache.getOrFetch('k', fail)).toEqual({ status: 'hit', value: 'v', tier: 'memory', ageMs: 100 });
    const other = elsewhere().cache;
    expect(await other.getOrFetch('k', fail)).toEqual({ status: 'hit', value: 'v', tier: 'store', ageMs: 100 });
    expect(await other.get('k')).toEqual({ status: 'hit', value: 'v', tier: 'memory', ageMs: 100 });
  });

  it('has a value until its end, to the millisecond, here and in Redis', async () => {
    const { cache, clock, elsewhere } = cacheRig({ l1: { maxTtlMs: 3_600_000 } });
    await cache.getOrFetch('k', () => 'v');
    await cache.settled();
    clock.advance(59_999);
    expect(await cache.get('k')).toMatchObject({ status: 'hit', tier: 'memory' });
    expect(await elsewhere().cache.get('k')).toMatchObject({ status: 'hit', tier: 'store' });
    clock.advance(1);
    expect(await cache.get('k')).toEqual({ status: 'miss' });
    expect(await elsewhere().cache.get('k')).toEqual({ status: 'miss' });
  });

  it.each([
    [0, 60_000],
    [0.5, 57_000],
    [1 - 2 ** -53, 54_000],
  ])('ends it up to a tenth earlier, by chance: %d', async (chance, freshMs) => {
    const { cache, clock, elsewhere } = cacheRig({ jitter: undefined, random: () => chance });
    await cache.getOrFetch('k', () => 'v');
    await cache.settled();
    clock.advance(freshMs - 1);
    expect(await elsewhere().cache.get('k')).toMatchObject({ status: 'hit' });
    clock.advance(1);
    expect(await elsewhere().cache.get('k')).toEqual({ status: 'miss' });
  });

  it('lets a caller set another life', async () => {
    const { cache, clock } = cacheRig();
    await cache.getOrFetch('short', () => 'v', { ttlMs: 10 });
    await cache.set('set', 'v', { ttlMs: 10 });
    await cache.settled();
    clock.advance(9);
    expect([await cache.has('short'), await cache.has('set')]).toEqual([true, true]);
    clock.advance(1);
    expect([await cache.has('short'), await cache.has('set')]).toEqual([false, false]);
  });

  it('lets the loader set a life and tags', async () => {
    const { cache, clock, elsewhere } = cacheRig();
    await cache.getOrFetch('short', () => loaded('v', { ttlMs: 10 }));
    await cache.getOrFetch('tagged', () => loaded('v', { tags: ['t'] }));
    await cache.settled();
    expect(await elsewhere().cache.get('tagged')).toMatchObject({ status: 'hit' });
    await cache.invalidateTags(['t']);
    clock.advance(10);
    expect([await cache.has('short'), await cache.has('tagged')]).toEqual([false, false]);
    expect(await elsewhere().cache.has('tagged')).toBe(false);
  });

  it('keeps the tags of caller and loader together, up to 32', async () => {
    const { cache, elsewhere } = cacheRig();
    const names = (count: number, prefix: string) => Array.from({ length: count }, (_, index) => `${prefix}${index}`);
    const load = () => loaded('v', { tags: [...names(16, 'caller'), ...names(16, 'loader')] });
    await cache.getOrFetch('k', load, { tags: names(16, 'caller') });
    await cache.settled();
    expect(await elsewhere().cache.get('k')).toMatchObject({ status: 'hit' });
    const more = cache.getOrFetch('more', load, { tags: names(17, 'caller') });
    await expect(more).rejects.toMatchObject({ code: 'CONFIG', setting: 'tags' });
    await cache.settled();
    expect([await elsewhere().cache.get('more'), cache.stats().unreadable]).toEqual([{ status: 'miss' }, 0]);
  });

  it('believes that there is no such thing for as long as it is told to, and no longer', async () => {
    const { cache, clock, store, elsewhere } = cacheRig({
      negativeTtlMs: 1_000,
      swrMs: 60_000,
      staleIfErrorMs: 60_000,
    });
    expect(await cache.getOrFetch('k', notFound)).toEqual({ status: 'negative' });
    await cache.settled();
    expect((await contentsOf(store)).get('cache:c:v:k')?.ttlMs).toBe(1_000);
    clock.advance(999);
    for (const one of [cache, elsewhere().cache]) {
      expect(await one.getOrFetch('k', () => 'v')).toEqual({ status: 'negative' });
      expect([await one.get('k'), await one.has('k')]).toEqual([{ status: 'negative' }, false]);
    }
    clock.advance(1);
    expect(await cache.get('k')).toEqual({ status: 'miss' });
    expect(await cache.getOrFetch('k', () => 'v')).toEqual({ status: 'miss', value: 'v' });
  });

  it('does not remember that there is no such thing unless it is told to', async () => {
    const { cache, store } = cacheRig();
    expect(await cache.getOrFetch('k', notFound)).toEqual({ status: 'negative' });
    await cache.settled();
    expect(await cache.get('k')).toEqual({ status: 'miss' });
    expect(await entriesIn(store)).toEqual([]);
  });

  it.each([
    ['what is skipped', skip('v'), 'v'],
    ['undefined', undefined, undefined],
  ])('hands out %s, and stores nothing', async (_, answer, value) => {
    const { cache, store } = cacheRig<string | undefined>();
    expect(await cache.getOrFetch('k', () => answer)).toEqual({ status: 'miss', value });
    await cache.settled();
    expect([await cache.get('k'), await entriesIn(store)]).toEqual([{ status: 'miss' }, []]);
  });

  it('gives each caller a value of its own where it comes from a copy', async () => {
    const { cache, elsewhere } = cacheRig<{ list: number[] }>();
    await cache.getOrFetch('k', () => ({ list: [1] }));
    await cache.settled();
    for (const one of [cache, elsewhere().cache, cache]) {
      const found = await one.get('k');
      if (found.status !== 'hit') throw new Error(found.status);
      expect(found.value.list).toEqual([1]);
      found.value.list.push(2);
    }
  });

  it('passes the loader’s error on, and keeps nothing', async () => {
    const { cache } = cacheRig();
    const error = new Error('origin');
    await expect(cache.getOrFetch('k', () => Promise.reject(error))).rejects.toBe(error);
    await expect(
      cache.getOrFetch('k', () => {
        throw error;
      }),
    ).rejects.toBe(error);
    expect(await cache.getOrFetch('k', () => 'v')).toEqual({ status: 'miss', value: 'v' });
    expect(cache.stats()).toMatchObject({ loads: 3, loadErrors: 2 });
  });

  it('keeps what is set, over what was there', async () => {
    const { cache, elsewhere } = cacheRig();
    await cache.getOrFetch('k', () => 'old');
    await cache.settled();
    expect(await cache.set('k', 'new')).toBe(true);
    expect(await cache.get('k')).toMatchObject({ value: 'new', tier: 'memory' });
    expect(await elsewhere().cache.get('k')).toMatchObject({ value: 'new', tier: 'store' });
  });

  it('keeps its keys apart from those of other caches, and takes any text for one', async () => {
    const { cache, elsewhere } = cacheRig();
    const keys = ['', ' ', 'a:b', 'a%3Ab', '{x}', 'é😀', '\ud800', 'k'.repeat(10_000), 'v:c', 'constructor'];
    for (const key of keys) await cache.set(key, `of ${key.length} ${key}`);
    const other = elsewhere();
    for (const key of keys) expect(await other.cache.get(key)).toMatchObject({ value: `of ${key.length} ${key}` });
    const apart = elsewhere({ namespace: 'd' }).cache;
    for (const key of keys) expect(await apart.get(key)).toEqual({ status: 'miss' });
  });

  it('wraps a function, whose answers are cached by its arguments', async () => {
    const { cache } = cacheRig({ negativeTtlMs: 1_000 });
    const asked: string[] = [];
    const nameOf = cache.wrap(
      async ({ signal }, id: number, lang: string) => {
        asked.push(`${id} ${lang} ${signal.aborted}`);
        return id === 0 ? notFound() : `user ${id}`;
      },
      { key: (id, lang) => `${id}:${lang}`, ttlMs: 500, tags: (id) => [`user:${id}`], absent: 'nobody' },
    );
    expect(await Promise.all([nameOf(1, 'de'), nameOf(1, 'de'), nameOf(1, 'en'), nameOf(0, 'de')])).toEqual([
      'user 1',
      'user 1',
      'user 1',
      'nobody',
    ]);
    expect(asked).toEqual(['1 de false', '1 en false', '0 de false']);
    await cache.invalidateTags(['user:1']);
    await nameOf(1, 'de');
    await nameOf(0, 'de');
    expect(asked).toEqual(['1 de false', '1 en false', '0 de false', '1 de false']);
  });

  it('counts what was served of what was asked for', async () => {
    const { cache, clock } = cacheRig({ swrMs: 1_000, negativeTtlMs: 1_000 });
    expect(cache.stats().hitRate).toBeUndefined();
    await cache.getOrFetch('k', () => 'v');
    expect(cache.stats()).toMatchObject({ hitRate: 0, misses: 1, loads: 1, entries: 1 });
    await cache.getOrFetch('k', () => 'v');
    await cache.getOrFetch('none', notFound);
    await cache.settled();
    await cache.get('none');
    clock.advance(60_500);
    await cache.get('k');
    expect(cache.stats()).toMatchObject({
      ...{ hitRate: 3 / 5, memoryHits: 1, storeHits: 0, staleHits: 1, negativeHits: 1, misses: 2, unavailable: 0 },
      ...{ loads: 2, loadErrors: 0, coalesced: 0, writes: 2, droppedWrites: 0, outrunWrites: 0, unstorable: 0 },
      ...{ unreadable: 0, invalidations: 0, pendingInvalidations: 0, entries: 2 },
    });
    expect(cache.stats().bytes).toBeGreaterThan(0);
  });
});
