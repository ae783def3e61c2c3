import { describe, expect, it } from 'vitest';
import { notFound } from '../../lib/cache/loaded.ts';
import { arrival, cacheRig, heldLoader } from '../support/cache-rig.ts';
import { AWAY } from '../support/scripted-client.ts';

const STALE = { swrMs: 10_000, staleIfErrorMs: 600_000 };

/** With `old` in Redis and here, just past its end. */
async function endedRig(options = {}) {
  const rig = cacheRig<unknown>({ ...STALE, ...options });
  await rig.cache.set('k', 'old');
  rig.clock.advance(60_000);
  return rig;
}

describe('a value that the loader says is no more', () => {
  it.each([
    ['there is no such thing', () => notFound()],
    ['it has no text any more', () => () => 'a function'],
  ])('is not served on where %s', async (_, load) => {
    const { cache, elsewhere } = await endedRig();
    expect(await cache.getOrFetch('k', load)).toMatchObject({ status: 'stale', value: 'old' });
    await cache.settled();
    expect(await cache.get('k')).toEqual({ status: 'miss' });
    expect(await elsewhere().cache.get('k')).toEqual({ status: 'miss' });
  });

  it('stays where somebody else has put a newer one meanwhile', async () => {
    const { cache, elsewhere } = await endedRig();
    const loader = heldLoader<unknown>();
    await cache.getOrFetch('k', loader.load);
    await arrival(() => loader.contexts.length > 0);
    const other = elsewhere().cache;
    await other.set('k', 'newer');
    loader.answer(notFound());
    await cache.settled();
    expect(await other.get('k')).toMatchObject({ status: 'hit', value: 'newer' });
    expect(await cache.get('k')).toMatchObject({ status: 'hit', value: 'newer' });
  });

  it('costs no request where nothing stood there', async () => {
    const { cache, requests } = cacheRig(STALE);
    await cache.set('another', 'value');
    expect(await requests(() => cache.getOrFetch('k', () => notFound()))).toEqual(['GET HMGET']);
  });
});

describe('many values under a tag that is new', () => {
  it('are all kept, though only one of their loads can make its stamp', async () => {
    const { cache, elsewhere } = cacheRig();
    const keys = Array.from({ length: 10 }, (_, index) => `k${index}`);
    await Promise.all(keys.map((key) => cache.getOrFetch(key, () => key, { tags: ['new'] })));
    await cache.settled();
    expect(cache.stats()).toMatchObject({ writes: 10, outrunWrites: 0 });
    const other = elsewhere().cache;
    for (const key of keys) expect(await other.get(key)).toMatchObject({ status: 'hit', value: key });
    await other.invalidateTags(['new']);
    for (const key of keys) expect(await other.get(key)).toEqual({ status: 'miss' });
  });

  it('are not, where the tag was ended between their loads', async () => {
    const { cache, elsewhere } = cacheRig();
    await cache.set('another', 'value');
    const loader = heldLoader();
    const early = cache.getOrFetch('early', loader.load, { tags: ['new'] });
    await arrival(() => loader.contexts.length > 0);
    const other = elsewhere();
    await other.cache.invalidateTags(['new']);
    // As if Redis had evicted the stamp that the invalidation made: the next load makes one again.
    await other.kv.command(['DEL', 'cache:c:t:new']);
    await cache.getOrFetch('late', () => 'late', { tags: ['new'] });
    loader.answer('early');
    await early;
    await cache.settled();
    expect(await other.cache.get('early', { tags: ['new'] })).toEqual({ status: 'miss' });
  });
});

describe('a read that is the probe of a circuit', () => {
  it('is one request, with all that it asks', async () => {
    const { cache, clock, kv, store } = cacheRig({}, { kv: { breaker: { timeout: 1_000, failureThreshold: 1 } } });
    await cache.set('k', 'value');
    clock.advance(5_000);
    store.takeAway(AWAY);
    await cache.get('k');
    expect(kv.circuit.state().state).toBe('OPEN');
    store.giveBack();
    clock.advance(1_000);
    expect(await cache.get('k')).toMatchObject({ status: 'hit', tier: 'store' });
    expect(store.requests.at(-1)?.map(([name]) => name)).toEqual(['GET', 'HMGET']);
  });
});

describe('what may be served stale while Redis is away', () => {
  it('is loaded without asking Redis a second time', async () => {
    const { cache, clock, store, requests } = cacheRig<string>({ ...STALE, swrMs: 0 });
    await cache.set('k', 'old');
    clock.advance(60_000);
    store.takeAway(AWAY);
    const asked = await requests(async () => {
      expect(await cache.getOrFetch('k', () => 'new')).toEqual({ status: 'miss', value: 'new' });
    });
    expect(asked.filter((request) => request.includes('SET'))).toEqual([]);
    expect(await cache.get('k')).toMatchObject({ status: 'hit', value: 'new' });
  });
});

describe('a claim of a load whose value cannot be written', () => {
  it('is given back', async () => {
    const { cache, kv, elsewhere } = await endedRig();
    const loader = heldLoader<unknown>();
    await cache.getOrFetch('k', loader.load, { tags: ['t'] });
    await arrival(() => loader.contexts.length > 0);
    await elsewhere().cache.invalidateTags(['t']);
    loader.answer('late');
    await cache.settled();
    expect(await kv.command(['PTTL', 'cache:c:c:k'])).toBe(-2);
  });
});
