import { describe, expect, it } from 'vitest';
import { loaded } from '../../lib/cache/loaded.ts';
import { type CacheRig, cacheRig } from '../support/cache-rig.ts';
import { AWAY } from '../support/scripted-client.ts';

const MISS = { status: 'miss' };

describe('a cache that has not reached Redis yet, or is not to', () => {
  it.each<[string, (rig: CacheRig<string>) => Promise<unknown>]>([
    ['its key', ({ cache }) => cache.delete('k')],
    ['its tag', ({ cache }) => cache.invalidateTags(['t'])],
    ['everything', ({ cache }) => cache.clear()],
  ])('ends and keeps all the same, also after the end of %s', async (_, invalidate) => {
    for (const localOnly of [true, false]) {
      for (const answer of ['new', loaded('new', { tags: ['late'] })]) {
        const rig = cacheRig<string>({ localOnly });
        rig.store.takeAway(AWAY);
        await rig.cache.set('k', 'old', { tags: ['t'] });
        expect(await rig.cache.get('k')).toMatchObject({ status: 'hit', value: 'old', tier: 'memory' });
        expect(await invalidate(rig)).toEqual({ propagated: false });
        expect((await rig.cache.get('k')).status).toMatch(/^(miss|unavailable)$/);
        await rig.cache.getOrFetch('k', () => answer, { tags: ['t'] });
        expect(await rig.cache.get('k')).toMatchObject({ status: 'hit', value: 'new' });
        await invalidate(rig);
        await rig.cache.set('k', 'set', { tags: ['t'] });
        expect(await rig.cache.get('k')).toMatchObject({ status: 'hit', value: 'set' });
      }
    }
  });

  it('does not keep a value whose tag ended while it was loaded, whoever names the tag', async () => {
    for (const localOnly of [true, false]) {
      for (const options of [{ tags: ['t'] }, {}]) {
        const rig = cacheRig<string>({ localOnly });
        rig.store.takeAway(AWAY);
        await rig.cache.getOrFetch(
          'k',
          async () => {
            await rig.cache.invalidateTags(['t']);
            return loaded('old', { tags: ['t'] });
          },
          options,
        );
        expect((await rig.cache.get('k')).status).toMatch(/^(miss|unavailable)$/);
      }
    }
  });

  it('never asks Redis where everything is to stay in this process', async () => {
    const { cache, store, clock } = cacheRig({ localOnly: true, swrMs: 1_000 });
    expect(await cache.get('k')).toEqual(MISS);
    expect(await cache.set('set', 'v')).toBe(false);
    expect(await cache.getOrFetch('k', () => 'v', { tags: ['t'] })).toEqual({ status: 'miss', value: 'v' });
    clock.advance(59_999);
    expect(await cache.getOrFetch('k', () => 'w')).toMatchObject({ status: 'hit', value: 'v', tier: 'memory' });
    clock.advance(1);
    expect(await cache.getOrFetch('k', () => 'w')).toMatchObject({ status: 'stale', value: 'v' });
    await cache.settled();
    expect(await cache.getOrFetch('k', () => 'x')).toMatchObject({ status: 'hit', value: 'w' });
    await cache.delete('k');
    await cache.invalidateTags(['t']);
    await cache.clear();
    expect(await cache.get('k')).toEqual(MISS);
    await cache.settled();
    expect(store.requests.length).toBe(0);
    expect(cache.stats()).toMatchObject({ pendingInvalidations: 0, droppedWrites: 1, writes: 0 });
  });
});
