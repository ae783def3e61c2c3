import { describe, expect, it } from 'vitest';
import { notFound } from '../../lib/cache/loaded.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { type CacheRig, cacheRig, heldLoader } from '../support/cache-rig.ts';
import { heldStore } from '../support/held-store.ts';
import { AWAY } from '../support/scripted-client.ts';
import { allowNoUnhandledRejection } from '../support/unhandled-rejections.ts';

const MISS = { status: 'miss' };
const UNAVAILABLE = { status: 'unavailable', retryAfterMs: 1_000 };

/** With `k` here and in Redis, which is then away. */
const awayRig = async (options = {}): Promise<CacheRig<string>> => {
  const rig = cacheRig<string>({ swrMs: 10_000, staleIfErrorMs: 600_000, ...options });
  await rig.cache.getOrFetch('k', () => 'old', { tags: ['t'] });
  await rig.cache.settled();
  rig.clock.advance(10_000);
  rig.store.takeAway(AWAY);
  return rig;
};

/** Redis answers again, and is asked again. */
const back = async ({ clock, kv, store, cache }: CacheRig<string>): Promise<void> => {
  await cache.settled();
  store.giveBack();
  kv.circuit.reset();
  clock.advance(1_000);
  await cache.get('traffic');
  await cache.settled();
};

describe('a cache while Redis is away', () => {
  allowNoUnhandledRejection();

  it('answers from the copy here for as long as that is good, fresh or stale', async () => {
    const { cache, clock } = await awayRig();
    expect(await cache.get('k')).toEqual({ status: 'hit', value: 'old', tier: 'memory', ageMs: 10_000 });
    clock.advance(50_000);
    expect(await cache.get('k')).toMatchObject({ status: 'stale', value: 'old' });
    clock.advance(599_999);
    expect(await cache.get('k')).toMatchObject({ status: 'stale', value: 'old' });
    clock.advance(1);
    expect(await cache.get('k')).toEqual(UNAVAILABLE);
  });

  it('says that it cannot know what it has no copy of, and when to come again', async () => {
    const { cache, clock, kv } = await awayRig({ l1: false });
    expect([await cache.get('k'), await cache.has('k')]).toEqual([UNAVAILABLE, false]);
    expect(cache.stats()).toMatchObject({ unavailable: 2 });
    for (let index = 0; index < 5; index += 1) await cache.get('k');
    expect(kv.circuit.state().state).toBe('OPEN');
    const retryAfterMs = kv.circuit.state().retryAfterMs ?? 0;
    expect(await cache.get('k')).toEqual({ status: 'unavailable', retryAfterMs });
    clock.advance(100);
    expect(await cache.get('k')).toEqual({ status: 'unavailable', retryAfterMs: retryAfterMs - 100 });
  });

  it('loads what it has no copy of, keeps it here, and drops the write', async () => {
    const { cache } = await awayRig();
    expect(await cache.getOrFetch('new', () => 'v')).toEqual({ status: 'miss', value: 'v' });
    await cache.settled();
    expect(cache.stats()).toMatchObject({ droppedWrites: 1, writes: 1 });
    expect(await cache.getOrFetch('new', () => 'w')).toMatchObject({ status: 'hit', value: 'v', tier: 'memory' });
  });

  it('loads again in the background what is stale, and keeps it here', async () => {
    const { cache, clock } = await awayRig();
    clock.advance(50_000);
    expect(await cache.getOrFetch('k', () => 'new')).toMatchObject({ status: 'stale', value: 'old' });
    await cache.settled();
    expect(await cache.getOrFetch('k', () => 'newer')).toMatchObject({ status: 'hit', value: 'new', tier: 'memory' });
  });

  it('serves what is stale where the loader fails too', async () => {
    const { cache, clock } = await awayRig();
    clock.advance(100_000);
    const failing = () => Promise.reject(new Error('origin'));
    expect(await cache.getOrFetch('k', failing)).toMatchObject({ status: 'stale', value: 'old' });
    await expect(cache.getOrFetch('other', failing)).rejects.toThrow('origin');
  });

  it('answers within the client’s deadline where Redis is silent, and at once when the circuit is open', async () => {
    const clock = manualClock();
    const store = heldStore(memoryStore({ clock }));
    const { cache, kv } = cacheRig({}, { clock, store });
    await cache.getOrFetch('k', () => 'old');
    await cache.settled();
    clock.advance(10_000);
    store.hold();
    const seen: unknown[] = [];
    cache.get('k').then((answer) => seen.push(answer.status));
    cache.getOrFetch('k', () => 'new').then((answer) => seen.push(answer.status));
    cache.getOrFetch('other', () => 'v').then((answer) => seen.push(answer.status));
    await clock.run(999);
    expect(seen).toEqual([]);
    await clock.run(1);
    expect(seen.toSorted()).toEqual(['hit', 'hit', 'miss']);
    kv.circuit.force('FORCED_OPEN');
    cache.get('unknown').then((answer) => seen.push(answer.status));
    await clock.run(0);
    expect(seen.at(-1)).toBe('unavailable');
  });

  it('believes for no longer than it was to that there is no such thing', async () => {
    const rig = await awayRig({ negativeTtlMs: 2_000 });
    expect(await rig.cache.getOrFetch('none', notFound)).toEqual({ status: 'negative' });
    rig.clock.advance(1_999);
    expect(await rig.cache.get('none')).toEqual({ status: 'negative' });
    rig.clock.advance(1);
    expect(await rig.cache.get('none')).toEqual(UNAVAILABLE);
  });

  it('keeps here what is set, and sees that Redis does not bring back what was there', async () => {
    const rig = await awayRig();
    expect(await rig.cache.set('k', 'set')).toBe(false);
    expect(await rig.cache.get('k')).toMatchObject({ status: 'hit', value: 'set' });
    expect(rig.cache.stats()).toMatchObject({ pendingInvalidations: 1, droppedWrites: 1 });
    await back(rig);
    expect(rig.cache.stats().pendingInvalidations).toBe(0);
    expect(await rig.elsewhere().cache.get('k')).toEqual(MISS);
    expect(await rig.cache.get('k')).toMatchObject({ value: 'set', tier: 'memory' });
  });

  it('needs no deletion any more once a later set has reached Redis', async () => {
    const rig = await awayRig();
    await rig.cache.set('k', 'lost');
    await rig.cache.get('other');
    await rig.cache.settled();
    rig.store.giveBack();
    // Too early to tell it by itself.
    rig.clock.advance(999);
    expect(await rig.cache.set('k', 'set')).toBe(true);
    expect(rig.cache.stats().pendingInvalidations).toBe(0);
    expect(await rig.elsewhere().cache.get('k')).toMatchObject({ value: 'set' });
  });

  it.each<[string, (rig: CacheRig<string>) => Promise<unknown>]>([
    ['a key', ({ cache }) => cache.delete('k')],
    ['a tag', ({ cache }) => cache.invalidateTags(['t'])],
    ['everything', ({ cache }) => cache.clear()],
  ])('ends %s here at once, and in Redis with its first answer', async (_, invalidate) => {
    const rig = await awayRig();
    expect(await invalidate(rig)).toEqual({ propagated: false });
    expect((await rig.cache.get('k')).status).not.toBe('hit');
    expect(rig.cache.stats().pendingInvalidations).toBe(1);
    expect(await rig.elsewhere().cache.get('k')).toMatchObject({ value: 'old' });
    await back(rig);
    expect(rig.cache.stats().pendingInvalidations).toBe(0);
    expect([await rig.cache.get('k'), await rig.elsewhere().cache.get('k')]).toEqual([MISS, MISS]);
  });

  it.each<[string, (rig: CacheRig<string>) => Promise<unknown>]>([
    ['a key', ({ cache }) => cache.delete('k')],
    ['a tag', ({ cache }) => cache.invalidateTags(['t'])],
    ['everything', ({ cache }) => cache.clear()],
  ])('does not serve what Redis still has of %s before it has been told', async (_, invalidate) => {
    const rig = await awayRig();
    await invalidate(rig);
    rig.store.giveBack();
    // Too early to try again.
    rig.clock.advance(999);
    expect(await rig.cache.get('k')).toEqual(MISS);
    expect(rig.cache.stats().pendingInvalidations).toBe(1);
    expect(await rig.elsewhere().cache.get('k')).toMatchObject({ value: 'old' });
    expect(await rig.cache.getOrFetch('k', () => 'new', { tags: ['t'] })).toEqual({ status: 'miss', value: 'new' });
    await rig.cache.settled();
    expect(await rig.cache.get('k')).toMatchObject({ status: 'hit', value: 'new' });
  });

  it.each<[string, (rig: CacheRig<string>) => Promise<unknown>]>([
    ['its key', ({ cache }) => cache.delete('k')],
    ['its tag', ({ cache }) => cache.invalidateTags(['t'])],
    ['everything', ({ cache }) => cache.clear()],
  ])('keeps what is loaded after the end of %s', async (_, invalidate) => {
    const rig = await awayRig();
    await invalidate(rig);
    await rig.cache.getOrFetch('k', () => 'new', { tags: ['t'] });
    await rig.cache.settled();
    expect(await rig.cache.getOrFetch('k', () => 'newer', { tags: ['t'] })).toMatchObject({
      ...{ status: 'hit', value: 'new', tier: 'memory' },
    });
  });

  it.each<[string, (rig: CacheRig<string>) => Promise<unknown>]>([
    ['get', ({ cache }) => cache.get('traffic')],
    ['getOrFetch', ({ cache }) => cache.getOrFetch('traffic', () => 'v')],
    ['set', ({ cache }) => cache.set('traffic', 'v')],
  ])('tells Redis what it has missed with the next %s', async (_, traffic) => {
    const rig = await awayRig();
    await rig.cache.clear();
    rig.store.giveBack();
    rig.clock.advance(1_000);
    await traffic(rig);
    await rig.cache.settled();
    expect(rig.cache.stats().pendingInvalidations).toBe(0);
  });

  it('leaves a loader that fails alone for its back-off, which a success begins anew', async () => {
    const { cache, clock } = await awayRig({ swrMs: 600_000, errorBackoffMs: { min: 1_000, max: 60_000 } });
    clock.advance(50_000);
    let loads = 0;
    const ask = async (load: () => string | Promise<string>) => {
      await cache.getOrFetch('k', () => {
        loads += 1;
        return load();
      });
      await cache.settled();
      return loads;
    };
    const failing = () => Promise.reject(new Error('origin'));
    expect([await ask(failing), await ask(failing)]).toEqual([1, 1]);
    clock.advance(1_000);
    expect(await ask(failing)).toBe(2);
    clock.advance(1_999);
    expect(await ask(() => 'new')).toBe(2);
    clock.advance(1);
    expect(await ask(() => 'new')).toBe(3);
    clock.advance(60_000);
    expect(await ask(failing)).toBe(4);
    clock.advance(1_000);
    expect(await ask(failing)).toBe(5);
  });

  it('loads nothing early: what is fresh is good enough', async () => {
    const here = await awayRig({ earlyRefresh: 100, random: () => 0.999, l1: { maxTtlMs: 0 } });
    const loader = heldLoader();
    const slow = here.cache.getOrFetch('slow', loader.load);
    await here.clock.run(0);
    await here.clock.run(500);
    loader.answer('old');
    await slow;
    await here.clock.run(50_000);
    expect(await here.cache.getOrFetch('slow', loader.load)).toMatchObject({ status: 'hit', value: 'old' });
    await here.cache.settled();
    expect(loader.contexts.length).toBe(1);
  });

  it('forgets no end among a thousand and more: then everything ends', async () => {
    const rig = await awayRig();
    for (let index = 0; index < 1_000; index += 1) await rig.cache.delete(`k${index}`);
    expect(rig.cache.stats().pendingInvalidations).toBe(1_000);
    expect(await rig.cache.get('k')).toMatchObject({ status: 'hit' });
    await rig.cache.invalidateTags(['one more']);
    expect(rig.cache.stats().pendingInvalidations).toBe(1);
    expect(await rig.cache.get('k')).toMatchObject({ status: 'unavailable' });
    await back(rig);
    expect(rig.cache.stats().pendingInvalidations).toBe(0);
    expect(await rig.elsewhere().cache.get('k')).toEqual(MISS);
    // And nothing is left behind that would end what comes.
    await rig.cache.getOrFetch('k', () => 'new', { tags: ['one more'] });
    await rig.cache.settled();
    expect(await rig.elsewhere().cache.get('k', { tags: ['one more'] })).toMatchObject({ value: 'new' });
  });

  it('refuses loads beyond maxConcurrentLoads', async () => {
    const { cache, clock } = await awayRig({ maxConcurrentLoads: 2, loadTimeoutMs: 500 });
    const loader = heldLoader();
    const seen: string[] = [];
    for (let index = 0; index < 5; index += 1) {
      cache.getOrFetch(`n${index}`, loader.load).then(
        ({ status }) => seen.push(status),
        () => seen.push('error'),
      );
    }
    await clock.run(500);
    expect([loader.contexts.length, seen.toSorted()]).toEqual([
      2,
      ['error', 'error', 'unavailable', 'unavailable', 'unavailable'],
    ]);
  });

  it('goes on with Redis as soon as that answers, and serves nothing that was ended elsewhere meanwhile', async () => {
    const rig = await awayRig();
    await rig.cache.getOrFetch('late', () => 'v', { tags: ['t'] });
    const other = rig.elsewhere().cache;
    await other.delete('k');
    await other.invalidateTags(['t']);
    expect(await rig.cache.get('k')).toMatchObject({ status: 'hit' });
    await back(rig);
    rig.clock.advance(5_000);
    expect([await rig.cache.get('k'), await rig.cache.get('late')]).toEqual([MISS, MISS]);
  });
});
