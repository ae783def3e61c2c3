import { describe, expect, it } from 'vitest';
import { createCache } from '../../lib/cache/cache.ts';
import type { CacheOptions } from '../../lib/cache/cache-options.ts';
import { entryWrite } from '../../lib/cache/entry-write.ts';
import { loaded } from '../../lib/cache/loaded.ts';
import { createKv } from '../../lib/client/kv-client.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import type { Store } from '../../lib/store/store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { arrival, cacheRig, heldLoader } from '../support/cache-rig.ts';
import { heldStore } from '../support/held-store.ts';

/** Two processes on one Redis; the first one's requests fail as often as it is told. */
async function pair(options: Partial<CacheOptions<string>> = {}) {
  await entryWrite.sha1();
  const clock = manualClock();
  const redis = memoryStore({ clock });
  let failures = 0;
  const failing: Store = {
    kind: 'memory',
    execute(commands) {
      if (failures-- > 0) return Promise.reject(new Error('lost'));
      return redis.execute(commands);
    },
    close: async () => {},
  };
  const start = (store: Store) =>
    createCache<string>({ kv: createKv({ store, clock }), namespace: 'c', ttlMs: 60_000, l1: false, ...options });
  return {
    ...{ clock, redis },
    first: start(failing),
    second: start(redis),
    fail: (count: number) => {
      failures = count;
    },
  };
}

describe('an end that Redis hears of late', () => {
  it.each([
    ['of the whole cache', (cache: ReturnType<typeof createCache<string>>) => cache.clear()],
    ['of a tag', (cache: ReturnType<typeof createCache<string>>) => cache.invalidateTags(['t'])],
    ['of a key', (cache: ReturnType<typeof createCache<string>>) => cache.delete('k')],
  ])('brings nothing back that another process has ended before: %s', async (_, end) => {
    const { clock, first, second, fail } = await pair();
    const tags = ['t'];
    await first.set('k', 'old', { tags });
    fail(1);
    expect(await end(first)).toEqual({ propagated: false });
    // Loaded here after the end, and before Redis has heard of it.
    await first.getOrFetch('k', () => 'between', { tags });
    await first.settled();
    expect(await end(second)).toEqual({ propagated: true });
    clock.advance(1_000);
    await first.get('other');
    await first.settled();
    expect(first.stats().pendingInvalidations).toBe(0);
    expect(await second.get('k', { tags })).toEqual({ status: 'miss' });
    expect(await first.get('k', { tags })).toEqual({ status: 'miss' });
  });

  it('is another tombstone each time: who began to load upon the first one writes nothing', async () => {
    const { clock, redis, first, second } = await pair();
    const loader = heldLoader();
    // The first attempt arrives, and its answer is lost.
    const unheard = createCache<string>({
      kv: createKv({
        store: {
          kind: 'memory',
          execute: async (commands) => {
            const replies = await redis.execute(commands);
            if (isMute) throw new Error('lost');
            return replies;
          },
          close: async () => {},
        },
        clock,
      }),
      ...{ namespace: 'c', ttlMs: 60_000, l1: false },
    });
    let isMute = false;
    await second.set('warm', 'v');
    isMute = true;
    expect(await unheard.delete('k')).toEqual({ propagated: false });
    isMute = false;
    const loading = first.getOrFetch('k', loader.load);
    await arrival(() => loader.contexts.length === 1);
    expect(await second.delete('k')).toEqual({ propagated: true });
    clock.advance(1_000);
    await unheard.get('other');
    await unheard.settled();
    expect(unheard.stats().pendingInvalidations).toBe(0);
    loader.answer('of before');
    await loading;
    await first.settled();
    expect(await second.get('k')).toEqual({ status: 'miss' });
  });
});

describe('a load that ends late', () => {
  it('writes nothing once its process has been suspended for longer than a deletion keeps it away', async () => {
    const { cache, clock, elsewhere } = cacheRig({ l1: false });
    const loader = heldLoader();
    await cache.set('warm', 'v');
    const loading = cache.getOrFetch('k', loader.load);
    await arrival(() => loader.contexts.length === 1);
    await elsewhere().cache.delete('k');
    clock.suspend(60_000);
    loader.answer('of before');
    await loading;
    await cache.settled();
    expect(cache.stats()).toMatchObject({ outrunWrites: 1 });
    expect(await elsewhere().cache.get('k')).toEqual({ status: 'miss' });
  });

  it('is not handed to who asked after an end elsewhere, and later than l1.maxTtlMs', async () => {
    const held = heldStore(memoryStore());
    const { cache, clock, elsewhere } = cacheRig({ l1: { maxTtlMs: 5_000 } }, { store: held });
    const loader = heldLoader();
    await cache.set('warm', 'v');
    const loading = cache.getOrFetch('k', loader.load);
    await arrival(() => loader.contexts.length === 1);
    await elsewhere().cache.delete('k');
    clock.advance(5_001);
    held.hold();
    const read = cache.get('k');
    await arrival(() => held.held > 0);
    loader.answer('of before');
    expect(await loading).toMatchObject({ value: 'of before' });
    held.deliver();
    expect(await read).toEqual({ status: 'miss' });
    await cache.settled();
  });

  it('writes nothing under a stamp that was made anew since, because Redis had evicted that of an end', async () => {
    const { cache, elsewhere, store } = cacheRig({ l1: false });
    const loader = heldLoader();
    await cache.set('warm', 'v');
    const loading = cache.getOrFetch('k', (context) => loader.load(context), { tags: ['cold'] });
    await arrival(() => loader.contexts.length === 1);
    await elsewhere().cache.invalidateTags(['cold']);
    await store.execute([['DEL', 'cache:c:t:cold']]);
    loader.answer('of before');
    await loading;
    await cache.settled();
    expect(await elsewhere().cache.get('k')).toEqual({ status: 'miss' });
  });

  it('is joined by nobody who asks after an end elsewhere, also of a tag that only the loader names', async () => {
    const { cache, elsewhere } = cacheRig({ l1: false });
    const loader = heldLoader();
    await cache.set('warm', 'v');
    const before = cache.getOrFetch('k', loader.load);
    await arrival(() => loader.contexts.length === 1);
    await elsewhere().cache.invalidateTags(['late']);
    const after = cache.getOrFetch('k', loader.load);
    await arrival(() => cache.stats().coalesced === 1);
    loader.answer(loaded('old', { tags: ['late'] }));
    expect(await before).toMatchObject({ value: 'old' });
    await arrival(() => loader.contexts.length === 2);
    loader.answer(loaded('new', { tags: ['late'] }));
    expect(await after).toMatchObject({ value: 'new' });
  });
});
