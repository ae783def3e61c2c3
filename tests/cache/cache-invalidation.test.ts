import { describe, expect, it } from 'vitest';
import { loaded } from '../../lib/cache/loaded.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { arrival, type CacheRig, cacheRig, heldLoader } from '../support/cache-rig.ts';
import { heldStore } from '../support/held-store.ts';

const MISS = { status: 'miss' };

const filled = async (options = {}): Promise<CacheRig<string>> => {
  const rig = cacheRig<string>(options);
  await rig.cache.getOrFetch('a', () => 'v', { tags: ['t', 'u'] });
  await rig.cache.getOrFetch('b', () => 'v', { tags: ['u'] });
  await rig.cache.getOrFetch('c', () => 'v');
  await rig.cache.settled();
  return rig;
};

/** Which of the three are there. */
const present = async ({ cache }: Pick<CacheRig<string>, 'cache'>): Promise<string> => {
  const found = await Promise.all(['a', 'b', 'c'].map(async (key) => ((await cache.has(key)) ? key : '')));
  return found.join('');
};

describe('an invalidation', () => {
  it('of a tag ends what has it, here at once and for who asks Redis', async () => {
    const rig = await filled();
    expect(await rig.cache.invalidateTags(['t'])).toEqual({ propagated: true });
    expect([await present(rig), await present(rig.elsewhere())]).toEqual(['bc', 'bc']);
    await rig.cache.invalidateTags(['u']);
    expect([await present(rig), await present(rig.elsewhere())]).toEqual(['c', 'c']);
  });

  it('of several tags ends what has one of them', async () => {
    const rig = await filled();
    await rig.cache.invalidateTags(['t', 'u', 'w']);
    expect([await present(rig), await present(rig.elsewhere())]).toEqual(['c', 'c']);
  });

  it('of everything ends everything, also what has a tag, and nothing of another cache', async () => {
    const rig = await filled();
    const other = rig.elsewhere({ namespace: 'd' });
    await other.cache.set('a', 'v');
    expect(await rig.cache.clear()).toEqual({ propagated: true });
    expect(rig.cache.stats().entries).toBe(0);
    expect([await present(rig), await present(rig.elsewhere()), await present(other)]).toEqual(['', '', 'a']);
  });

  it('of a key ends that key', async () => {
    const rig = await filled();
    expect(await rig.cache.delete('b')).toEqual({ propagated: true });
    const other = rig.elsewhere();
    expect([await present(rig), await present(other)]).toEqual(['ac', 'ac']);
    // What is left in its place is no damage.
    expect([other.cache.stats().unreadable, other.events]).toEqual([0, []]);
  });

  it('ends nothing that is loaded after it', async () => {
    const rig = await filled();
    await rig.cache.delete('a');
    await rig.cache.invalidateTags(['u']);
    await rig.cache.clear();
    await rig.cache.getOrFetch('a', () => 'new', { tags: ['t', 'u'] });
    await rig.cache.settled();
    expect(await rig.cache.get('a')).toMatchObject({ value: 'new', tier: 'memory' });
    expect(await rig.elsewhere().cache.get('a')).toMatchObject({ value: 'new', tier: 'store' });
  });

  it('elsewhere is seen here after l1.maxTtlMs at the latest', async () => {
    const rig = await filled();
    const other = rig.elsewhere();
    expect(await present(other)).toBe('abc');
    rig.clock.advance(1);
    await rig.cache.delete('a');
    await rig.cache.invalidateTags(['u']);
    rig.clock.advance(4_998);
    expect(await present(other)).toBe('abc');
    rig.clock.advance(1);
    expect(await present(other)).toBe('c');
    await rig.cache.clear();
    rig.clock.advance(4_999);
    expect(await present(other)).toBe('c');
    rig.clock.advance(1);
    expect(await present(other)).toBe('');
  });

  it('elsewhere is seen within that time also of a tag that was asked for with another entry', async () => {
    const rig = await filled();
    const other = rig.elsewhere();
    await other.cache.get('a');
    rig.clock.advance(1);
    await rig.cache.invalidateTags(['u']);
    rig.clock.advance(4_998);
    // Its stamp is trusted for another millisecond, and so is what rests on it.
    expect(await other.cache.get('b')).toMatchObject({ status: 'hit', tier: 'store' });
    rig.clock.advance(2);
    expect(await other.cache.get('b')).toEqual(MISS);
  });

  it('elsewhere is seen at once where nothing is kept in this process', async () => {
    const rig = await filled({ l1: false });
    const other = rig.elsewhere();
    expect(await present(other)).toBe('abc');
    rig.clock.advance(1);
    await rig.cache.invalidateTags(['t']);
    expect(await present(other)).toBe('bc');
    await rig.cache.delete('b');
    expect(await present(other)).toBe('c');
    await rig.cache.clear();
    expect(await present(other)).toBe('');
    expect(other.cache.stats()).toMatchObject({ entries: 0, bytes: 0, memoryHits: 0 });
  });

  it.each<[string, (rig: CacheRig<string>) => Promise<unknown>]>([
    ['of its key', ({ cache }) => cache.delete('k')],
    ['of its tag', ({ cache }) => cache.invalidateTags(['t'])],
    ['of everything', ({ cache }) => cache.clear()],
    ['of its key, elsewhere', ({ elsewhere }) => elsewhere().cache.delete('k')],
    ['of its tag, elsewhere', ({ elsewhere }) => elsewhere().cache.invalidateTags(['t'])],
    ['of everything, elsewhere', ({ elsewhere }) => elsewhere().cache.clear()],
  ])('%s while a value is loaded keeps that from being served to anybody later', async (_, invalidate) => {
    for (const named of ['by the caller', 'by the loader']) {
      for (const isCold of [true, false]) {
        const rig = isCold ? cacheRig<string>({ l1: { maxTtlMs: 0 } }) : await filled({ l1: { maxTtlMs: 0 } });
        const loader = heldLoader();
        const own = named === 'by the caller' ? { tags: ['t'] } : {};
        const before = rig.cache.getOrFetch('k', loader.load, own);
        await arrival(() => loader.contexts.length > 0);
        rig.clock.advance(1);
        await invalidate(rig);
        rig.clock.advance(1);
        loader.answer(named === 'by the caller' ? 'old' : loaded('old', { tags: ['t'] }));
        expect(await before).toEqual({ status: 'miss', value: 'old' });
        await rig.cache.settled();
        expect([await rig.cache.get('k'), await rig.elsewhere().cache.get('k')]).toEqual([MISS, MISS]);
      }
    }
  });

  it.each<[string, (rig: CacheRig<string>) => Promise<unknown>]>([
    ['of its key', ({ cache }) => cache.delete('k')],
    ['of its tag', ({ cache }) => cache.invalidateTags(['t'])],
    ['of everything', ({ cache }) => cache.clear()],
  ])('%s lets nobody join a load any more that began before it', async (_, invalidate) => {
    const rig = await filled();
    const loader = heldLoader();
    const before = rig.cache.getOrFetch('k', loader.load, { tags: ['t'] });
    await arrival(() => loader.contexts.length === 1);
    await invalidate(rig);
    const after = rig.cache.getOrFetch('k', loader.load, { tags: ['t'] });
    await arrival(() => loader.contexts.length === 2);
    loader.answer('old');
    loader.answer('new');
    expect([await before, await after]).toEqual([
      { status: 'miss', value: 'old' },
      { status: 'miss', value: 'new' },
    ]);
    await rig.cache.settled();
    expect(await rig.cache.get('k')).toMatchObject({ status: 'hit', value: 'new' });
    expect(await rig.elsewhere().cache.get('k')).toMatchObject({ status: 'hit', value: 'new' });
  });

  it('is not undone by an answer that was under way', async () => {
    const clock = manualClock();
    const store = heldStore(memoryStore({ clock }));
    const rig = cacheRig<string>({}, { clock, store });
    await rig.cache.set('a', 'v', { tags: ['t'] });
    const other = rig.elsewhere().cache;
    store.hold();
    const reading = other.get('a');
    await clock.run(0);
    const deleting = other.delete('a');
    await clock.run(0);
    store.deliver();
    await Promise.all([reading, deleting]);
    expect(await other.get('a')).toEqual(MISS);
  });

  it('that is lost with the stamps of Redis leaves misses, not what was ended', async () => {
    const rig = await filled({ l1: false });
    await rig.cache.invalidateTags(['t']);
    for (const key of ['cache:c:t:t', 'cache:c:stamps']) {
      await rig.store.execute([['DEL', key]]);
      expect(await rig.elsewhere().cache.get('a')).toEqual(MISS);
    }
    expect(await present(rig.elsewhere())).toBe('');
    expect(await rig.cache.getOrFetch('a', () => 'new', { tags: ['t'] })).toEqual({ status: 'miss', value: 'new' });
    await rig.cache.settled();
    expect(await rig.elsewhere().cache.get('a')).toMatchObject({ value: 'new' });
  });

  it('is counted, a tag each', async () => {
    const { cache } = await filled();
    await cache.delete('a');
    await cache.invalidateTags(['t', 'u']);
    await cache.clear();
    expect(cache.stats()).toMatchObject({ invalidations: 4, pendingInvalidations: 0 });
  });
});
