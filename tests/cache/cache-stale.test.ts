import { describe, expect, it } from 'vitest';
import { notFound, skip } from '../../lib/cache/loaded.ts';
import { arrival, type CacheRig, cacheRig, heldLoader } from '../support/cache-rig.ts';
import { allowNoUnhandledRejection } from '../support/unhandled-rejections.ts';

/** With an entry `old` that ended `agoMs` ago. */
const endedRig = async (agoMs: number, options = {}): Promise<CacheRig<string>> => {
  const rig = cacheRig<string>({ swrMs: 10_000, staleIfErrorMs: 600_000, ...options });
  await rig.cache.getOrFetch('k', () => 'old');
  await rig.cache.settled();
  rig.clock.advance(60_000 + agoMs);
  return rig;
};

describe('what is past its end, while a newer one is loaded', () => {
  allowNoUnhandledRejection();

  it('is served at once, and loaded once, however many ask', async () => {
    const { cache } = await endedRig(0);
    const loader = heldLoader();
    const asked = await Promise.all(Array.from({ length: 100 }, () => cache.getOrFetch('k', loader.load)));
    for (const answer of asked) {
      expect(answer).toMatchObject({ status: 'stale', value: 'old', ageMs: 60_000 });
    }
    await arrival(() => loader.contexts.length > 0);
    expect(await cache.getOrFetch('k', loader.load)).toMatchObject({ status: 'stale', tier: 'memory' });
    expect(loader.contexts.map(({ stale }) => stale)).toEqual(['old']);
    loader.answer('new');
    await cache.settled();
    expect(await cache.getOrFetch('k', loader.load)).toEqual({ status: 'hit', value: 'new', tier: 'memory', ageMs: 0 });
    expect(loader.contexts.length).toBe(1);
  });

  it('is served for swrMs, to the millisecond', async () => {
    const { cache } = await endedRig(9_999, { staleIfErrorMs: 0 });
    expect(await cache.getOrFetch('k', () => 'new')).toMatchObject({ status: 'stale', value: 'old' });
    const late = await endedRig(10_000, { staleIfErrorMs: 0 });
    expect(await late.cache.getOrFetch('k', () => 'new')).toEqual({ status: 'miss', value: 'new' });
  });

  it('is waited for by those who may not be served the old one, who share its load', async () => {
    const { cache } = await endedRig(0);
    const loader = heldLoader();
    const judged: unknown[] = [];
    const mayServeStale = (value: string, ageMs: number) => {
      judged.push([value, ageMs]);
      return false;
    };
    const asked = Array.from({ length: 20 }, () => cache.getOrFetch('k', loader.load, { mayServeStale }));
    await arrival(() => loader.contexts.length > 0);
    expect(await cache.getOrFetch('k', loader.load, { mayServeStale: () => true })).toMatchObject({ status: 'stale' });
    loader.answer('new');
    for (const answer of await Promise.all(asked)) expect(answer).toMatchObject({ value: 'new' });
    expect(loader.contexts.length).toBe(1);
    expect(judged[0]).toEqual(['old', 60_000]);
  });

  it('is served all the same to those who may not where the load fails', async () => {
    const { cache } = await endedRig(0);
    const failing = () => Promise.reject(new Error('broken'));
    expect(await cache.getOrFetch('k', failing, { mayServeStale: () => false })).toMatchObject({ status: 'stale' });
  });

  it('is loaded by one process of all', async () => {
    const { cache, clock, elsewhere } = await endedRig(0);
    const [here, there] = [heldLoader(), heldLoader()];
    await cache.getOrFetch('k', here.load);
    await arrival(() => here.contexts.length > 0);
    const other = elsewhere();
    expect(await other.cache.getOrFetch('k', there.load)).toMatchObject({ status: 'stale', value: 'old' });
    await other.cache.settled();
    expect([there.contexts.length, other.cache.stats().sparedLoads]).toEqual([0, 1]);
    here.answer('new');
    await cache.settled();
    clock.advance(5_000);
    expect(await other.cache.getOrFetch('k', there.load)).toMatchObject({ status: 'hit', value: 'new' });
    // The next end finds nobody's claim in the way.
    clock.advance(55_000);
    await other.cache.getOrFetch('k', there.load);
    await arrival(() => there.contexts.length > 0);
  });

  it('is not loaded again where another process has done it', async () => {
    const { cache, elsewhere } = await endedRig(0, { l1: { maxTtlMs: 3_600_000 } });
    const other = elsewhere().cache;
    await other.getOrFetch('k', () => 'new');
    await other.settled();
    const loader = heldLoader();
    expect(await cache.getOrFetch('k', loader.load)).toMatchObject({ status: 'stale', value: 'old', tier: 'memory' });
    await cache.settled();
    expect(await cache.getOrFetch('k', loader.load)).toMatchObject({ status: 'hit', value: 'new' });
    expect([loader.contexts.length, cache.stats().sparedLoads]).toEqual([0, 1]);
  });

  it('stays where the loader fails, and is not loaded again before its back-off: from now, doubled each time', async () => {
    const { cache, clock } = await endedRig(0, { swrMs: 3_600_000, l1: { maxTtlMs: 3_600_000 } });
    let loads = 0;
    const ask = async () => {
      const answer = await cache.getOrFetch('k', () => {
        loads += 1;
        return Promise.reject(new Error('origin'));
      });
      expect(answer).toMatchObject({ status: 'stale', value: 'old' });
      await cache.settled();
      return loads;
    };
    expect(await ask()).toBe(1);
    for (const [index, waitMs] of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000].entries()) {
      clock.advance(waitMs - 1);
      expect(await ask()).toBe(index + 1);
      // Redis ends a claim in the millisecond after.
      clock.advance(2);
      expect(await ask()).toBe(index + 2);
    }
    expect(cache.stats().loadErrors).toBe(8);
  });

  it('is left alone by other processes as long as by the one whose loader failed', async () => {
    const { cache, clock, elsewhere } = await endedRig(0);
    await cache.getOrFetch('k', () => Promise.reject(new Error('origin')));
    await cache.settled();
    const other = elsewhere().cache;
    const loader = heldLoader();
    clock.advance(1_000);
    await other.getOrFetch('k', loader.load);
    await other.settled();
    expect(loader.contexts.length).toBe(0);
    clock.advance(1);
    await other.getOrFetch('k', loader.load);
    await arrival(() => loader.contexts.length > 0);
  });

  it('stays where the loader keeps nothing, and the next process may try', async () => {
    const { cache, elsewhere } = await endedRig(0);
    await cache.getOrFetch('k', () => skip('for nobody'));
    await cache.settled();
    const other = elsewhere().cache;
    expect(await other.getOrFetch('k', () => 'new')).toMatchObject({ status: 'stale', value: 'old' });
    await other.settled();
    expect(await other.getOrFetch('k', () => 'newer')).toMatchObject({ status: 'hit', value: 'new' });
  });

  it('is served by get, which loads nothing', async () => {
    const { cache, requests } = await endedRig(0);
    expect(await requests(() => cache.get('k'))).toEqual(['GET HMGET']);
    expect(await cache.get('k')).toMatchObject({ status: 'stale', value: 'old' });
  });

  it('gives way to "there is no such thing"', async () => {
    const { cache } = await endedRig(0, { negativeTtlMs: 5_000 });
    await cache.getOrFetch('k', notFound);
    await cache.settled();
    expect(await cache.getOrFetch('k', () => 'new')).toEqual({ status: 'negative' });
  });
});

describe('what is past its end, for when none can be loaded', () => {
  allowNoUnhandledRejection();
  const failing = () => Promise.reject(new Error('origin'));

  it('waits for the loader, and is not served where that answers', async () => {
    const { cache } = await endedRig(10_000);
    expect(await cache.getOrFetch('k', ({ stale }) => `${stale} and new`)).toEqual({
      status: 'miss',
      value: 'old and new',
    });
  });

  it('is served where the loader fails, for staleIfErrorMs', async () => {
    const { cache } = await endedRig(599_999);
    expect(await cache.getOrFetch('k', failing)).toMatchObject({ status: 'stale', value: 'old' });
    const late = await endedRig(600_000);
    await expect(late.cache.getOrFetch('k', failing)).rejects.toThrow('origin');
  });

  it('is served after softTimeoutMs where the loader has not answered, which goes on', async () => {
    const { cache, clock } = await endedRig(10_000, { softTimeoutMs: 200 });
    const loader = heldLoader();
    const seen: unknown[] = [];
    cache.getOrFetch('k', loader.load).then((answer) => seen.push(answer.status));
    await arrival(() => loader.contexts.length > 0);
    await clock.run(199);
    expect(seen).toEqual([]);
    await clock.run(1);
    expect([seen, loader.contexts[0]?.signal.aborted]).toEqual([['stale'], false]);
    loader.answer('new');
    await cache.settled();
    expect(await cache.get('k')).toMatchObject({ status: 'hit', value: 'new' });
  });

  it('is served without another load until the back-off is over', async () => {
    const { cache, clock } = await endedRig(10_000);
    await cache.getOrFetch('k', failing);
    clock.advance(999);
    const fine = heldLoader();
    expect(await cache.getOrFetch('k', fine.load)).toMatchObject({ status: 'stale' });
    expect(fine.contexts.length).toBe(0);
    clock.advance(2);
    expect(await cache.getOrFetch('k', () => 'new')).toEqual({ status: 'miss', value: 'new' });
  });

  it('leaves a caller who gives up its own reason, and the load to the others', async () => {
    const { cache, clock } = await endedRig(10_000);
    const loader = heldLoader();
    const controller = new AbortController();
    const given = cache.getOrFetch('k', loader.load, { signal: controller.signal });
    const waiting = cache.getOrFetch('k', loader.load);
    await arrival(() => loader.contexts.length > 0);
    controller.abort('gone');
    await expect(given).rejects.toBe('gone');
    loader.answer('new');
    expect(await waiting).toEqual({ status: 'miss', value: 'new' });
    expect(loader.contexts.length).toBe(1);
    await cache.settled();
    expect(clock.pending()).toBe(0);
  });
});

describe('what is about to end', () => {
  it('is served, and loaded by one in the background, in the second half of its life', async () => {
    const { cache, clock } = cacheRig({ earlyRefresh: 1, random: () => 0.999, jitter: 0, l1: { maxTtlMs: 3_600_000 } });
    const loader = heldLoader();
    const first = cache.getOrFetch('k', loader.load);
    await arrival(() => loader.contexts.length > 0);
    await clock.run(9_000);
    loader.answer('old');
    await first;
    await cache.settled();
    await clock.run(29_999);
    expect(await cache.getOrFetch('k', loader.load)).toMatchObject({ status: 'hit', value: 'old' });
    await cache.settled();
    expect(loader.contexts.length).toBe(1);
    await clock.run(1);
    for (let index = 0; index < 10; index += 1) {
      expect(await cache.getOrFetch('k', loader.load)).toMatchObject({ status: 'hit', value: 'old' });
    }
    await arrival(() => loader.contexts.length > 1);
    loader.answer('new');
    await cache.settled();
    expect(await cache.getOrFetch('k', loader.load)).toMatchObject({ status: 'hit', value: 'new', ageMs: 0 });
    expect(loader.contexts.length).toBe(2);
  });
});
