import { describe, expect, it } from 'vitest';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import type { Reply, Store } from '../../lib/store/store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { arrival, cacheRig, heldLoader } from '../support/cache-rig.ts';
import { heldStore } from '../support/held-store.ts';
import { AWAY } from '../support/scripted-client.ts';
import { allowNoUnhandledRejection } from '../support/unhandled-rejections.ts';

const MISS = { status: 'miss' };

/** Answers what reads before what writes, as the nodes of a Cluster may with the commands of one request. */
function readsFirst(store: Store): Store {
  return {
    ...store,
    async execute(commands, options) {
      const replies = new Map<number, Reply>();
      for (const isRead of [true, false]) {
        for (const [index, command] of commands.entries()) {
          if (/GET$/.test(command[0]) !== isRead) continue;
          const [reply = null] = await store.execute([command], options);
          replies.set(index, reply);
        }
      }
      return commands.map((_, index) => replies.get(index) ?? null);
    },
  };
}

const heldRig = (options = {}) => {
  const clock = manualClock();
  const store = heldStore(memoryStore({ clock }));
  return { ...cacheRig<string>(options, { clock, store }), held: store };
};

describe('what happens at the same time', () => {
  allowNoUnhandledRejection();

  it('as a deletion: a read that overtakes it keeps nothing', async () => {
    const clock = manualClock();
    const { cache } = cacheRig<string>({}, { clock, store: readsFirst(memoryStore({ clock })) });
    await cache.set('k', 'old');
    const both = [cache.delete('k'), cache.get('k')];
    await Promise.all(both);
    expect(await cache.get('k')).toEqual(MISS);
  });

  it('as a set: a read that overtakes it keeps nothing', async () => {
    const clock = manualClock();
    const rig = cacheRig<string>({}, { clock, store: readsFirst(memoryStore({ clock })) });
    await rig.cache.set('k', 'old');
    const other = rig.elsewhere().cache;
    await other.get('warm');
    await Promise.all([other.set('k', 'new'), other.get('k')]);
    expect(await other.get('k')).toMatchObject({ status: 'hit', value: 'new' });
  });

  it('as a read that finds nothing: what was loaded meanwhile is what it finds', async () => {
    const { cache, clock, held } = heldRig();
    const loader = heldLoader();
    const loading = cache.getOrFetch('k', loader.load);
    await arrival(() => loader.contexts.length > 0);
    held.hold();
    const reading = cache.get('k');
    await clock.run(1);
    loader.answer('v');
    await loading;
    held.deliver();
    expect(await reading).toMatchObject({ status: 'hit', value: 'v', tier: 'memory' });
    await cache.settled();
  });

  it('as a deletion: a set that was begun before it is over, one begun after it is not', async () => {
    const { cache, clock, held, elsewhere } = heldRig();
    await cache.set('warm', 'v');
    held.hold();
    const before = cache.set('k', 'before');
    await clock.run(0);
    const deleting = cache.delete('k');
    await clock.run(0);
    held.deliver();
    expect([await before, await deleting, await cache.get('k')]).toEqual([false, { propagated: true }, MISS]);
    expect(await elsewhere().cache.get('k')).toEqual(MISS);
    await Promise.all([cache.delete('k'), cache.set('k', 'after')]);
    expect(await cache.get('k')).toMatchObject({ value: 'after' });
  });

  it('as another set: the later one counts, here and in Redis, and only it is sent', async () => {
    const { cache, store, elsewhere } = cacheRig<string>();
    expect(await Promise.all([cache.set('k', 'first'), cache.set('k', 'second')])).toEqual([false, true]);
    expect(await cache.get('k')).toMatchObject({ value: 'second' });
    expect(await elsewhere().cache.get('k')).toMatchObject({ value: 'second' });
    expect(store.requests.flat().filter(([name]) => name === 'SET').length).toBe(1);
  });

  it('as the first writes of other processes: all of them get there', async () => {
    const rig = cacheRig<string>();
    const others = [rig.cache, rig.elsewhere().cache, rig.elsewhere().cache];
    const sets = others.map((cache, index) => cache.set(`k${index}`, 'v', { tags: ['t'] }));
    expect(await Promise.all(sets)).toEqual([true, true, true]);
    const reader = rig.elsewhere().cache;
    for (const index of [0, 1, 2]) expect(await reader.get(`k${index}`)).toMatchObject({ status: 'hit' });
  });

  it('as a load: a deletion elsewhere holds for as long as the load may take', async () => {
    const { cache, clock, elsewhere } = cacheRig<string>();
    await cache.set('warm', 'v');
    const loader = heldLoader();
    const loading = cache.getOrFetch('k', loader.load);
    await arrival(() => loader.contexts.length > 0);
    await elsewhere().cache.delete('k');
    await clock.run(9_999);
    loader.answer('old');
    await loading;
    await cache.settled();
    expect(await elsewhere().cache.get('k')).toEqual(MISS);
    expect(cache.stats()).toMatchObject({ outrunWrites: 1 });
    // Not here either, where it was kept until Redis had been heard.
    expect(await cache.get('k')).toEqual(MISS);
  });

  it('as a load: a deletion here is not undone, not even before Redis has been heard', async () => {
    const { cache, clock, held } = heldRig();
    const loader = heldLoader();
    const loading = cache.getOrFetch('k', loader.load);
    await arrival(() => loader.contexts.length > 0);
    await cache.delete('k');
    held.hold();
    loader.answer('old');
    await loading;
    expect(cache.stats().entries).toBe(0);
    held.deliver();
    await cache.settled();
    expect([await cache.get('k'), clock.pending()]).toEqual([MISS, 0]);
  });

  it.each<[string, (cache: ReturnType<typeof heldRig>['cache']) => Promise<unknown>]>([
    ['its key', (cache) => cache.delete('k')],
    ['everything', (cache) => cache.clear()],
  ])('as a load in the background: after the end of %s nobody waits for it', async (_, invalidate) => {
    const { cache, clock } = cacheRig<string>({ ttlMs: 1_000, staleIfErrorMs: 60_000, localOnly: true });
    await cache.set('k', 'v');
    clock.advance(1_000);
    const [hung, fine] = [heldLoader(), heldLoader()];
    cache.getOrFetch('k', hung.load);
    await arrival(() => hung.contexts.length > 0);
    await invalidate(cache);
    await cache.getOrFetch('k', () => 'w');
    clock.advance(1_000);
    const again = cache.getOrFetch('k', fine.load);
    await arrival(() => fine.contexts.length > 0);
    fine.answer('new');
    expect(await again).toEqual({ status: 'miss', value: 'new' });
    hung.answer('late');
    await cache.settled();
    expect(await cache.get('k')).toMatchObject({ value: 'new' });
  });

  it('as a failure: what is put there afterwards is not made to wait for it', async () => {
    const errorBackoffMs = { min: 600_000, max: 600_000 };
    const { cache, clock } = cacheRig<string>({ ttlMs: 1_000, swrMs: 600_000, errorBackoffMs, localOnly: true });
    await cache.getOrFetch('k', () => Promise.reject(new Error('origin'))).catch(() => undefined);
    await cache.set('k', 'set');
    clock.advance(1_000);
    await cache.getOrFetch('k', () => 'new');
    await cache.settled();
    expect(await cache.get('k')).toMatchObject({ status: 'hit', value: 'new' });
  });

  it('as all callers leave: that is no failure', async () => {
    const errorBackoffMs = { min: 600_000, max: 600_000 };
    const { cache, clock, elsewhere } = cacheRig<string>({ ttlMs: 1_000, swrMs: 600_000, errorBackoffMs });
    const loader = heldLoader();
    const controller = new AbortController();
    const asked = cache.getOrFetch('k', loader.load, { signal: controller.signal });
    await arrival(() => loader.contexts.length > 0);
    controller.abort('gone');
    await expect(asked).rejects.toBe('gone');
    await elsewhere().cache.set('k', 'v');
    clock.advance(1_000);
    expect(await cache.getOrFetch('k', () => 'new')).toMatchObject({ status: 'stale' });
    await cache.settled();
    expect(await cache.get('k')).toMatchObject({ status: 'hit', value: 'new' });
  });

  it('as Redis goes away: what it has said to be over is not brought back from here', async () => {
    const rig = cacheRig<string>({ staleIfErrorMs: 600_000 });
    await rig.cache.set('k', 'v');
    await rig.elsewhere().cache.delete('k');
    rig.clock.advance(5_000);
    expect(await rig.cache.get('k')).toEqual(MISS);
    rig.store.takeAway();
    expect(await rig.cache.get('k')).toMatchObject({ status: 'unavailable' });
  });
});

describe('a set', () => {
  it('that Redis refuses is kept here, and what was there is deleted later', async () => {
    const clock = manualClock();
    const redis = memoryStore({ clock });
    let isFull = false;
    const refuse: Store = {
      ...redis,
      execute: async (commands, options) =>
        isFull && commands[0]?.[0] === 'SET'
          ? commands.map(() => ({ error: 'OOM command not allowed' }))
          : redis.execute(commands, options),
    };
    const { cache, elsewhere } = cacheRig<string>({}, { clock, store: refuse });
    await cache.set('k', 'old');
    isFull = true;
    expect(await cache.set('k', 'new')).toBe(false);
    expect(await cache.get('k')).toMatchObject({ value: 'new', tier: 'memory' });
    await cache.settled();
    isFull = false;
    clock.advance(1_000);
    await cache.get('traffic');
    await cache.settled();
    expect(cache.stats()).toMatchObject({ pendingInvalidations: 0, droppedWrites: 1 });
    expect(await elsewhere().cache.get('k')).toEqual(MISS);
  });

  it('whose caller gives up rejects with his reason', async () => {
    const { cache, clock, held } = heldRig();
    await cache.set('warm', 'v');
    held.hold();
    const controller = new AbortController();
    const setting = cache.set('k', 'v', { signal: controller.signal });
    await clock.run(0);
    // Not even one that reads as an outage.
    controller.abort(AWAY);
    await expect(setting).rejects.toBe(AWAY);
    held.deliver();
  });
});
