import { describe, expect, it } from 'vitest';
import { skip } from '../../lib/cache/loaded.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import type { Store } from '../../lib/store/store.ts';
import { arrival, cacheRig, heldLoader } from '../support/cache-rig.ts';
import { allowNoUnhandledRejection } from '../support/unhandled-rejections.ts';

/** Lets what can happen now happen. */
const settle = async () => {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

describe('callers of one key that is not there', () => {
  allowNoUnhandledRejection();

  it('share one load, a thousand of them', async () => {
    const { cache, store, clock } = cacheRig();
    const loader = heldLoader();
    const asked = Array.from({ length: 1_000 }, () => cache.getOrFetch('k', loader.load));
    await arrival(() => loader.contexts.length > 0);
    await settle();
    expect(loader.contexts.length).toBe(1);
    loader.answer('v');
    for (const answer of await Promise.all(asked)) expect(answer).toEqual({ status: 'miss', value: 'v' });
    expect(cache.stats()).toMatchObject({ loads: 1, coalesced: 999, misses: 1_000 });
    await cache.settled();
    expect([store.requests.flat().filter(([name]) => name === 'GET').length, clock.pending()]).toEqual([1, 0]);
  });

  it('is one also for callers of a new cache whose questions leave in many requests', async () => {
    const memory = memoryStore();
    const later: Store = {
      ...memory,
      async execute(commands, options) {
        await new Promise((resolve) => setImmediate(resolve));
        return memory.execute(commands, options);
      },
    };
    const { cache, requests } = cacheRig({}, { store: later, kv: { batch: { maxCommands: 10 } } });
    let loads = 0;
    const load = async () => {
      loads += 1;
      return 'value';
    };
    const sent = await requests(() => Promise.all(Array.from({ length: 1_000 }, () => cache.getOrFetch('k', load))));
    expect(loads).toBe(1);
    expect(sent.filter((names) => names.includes('HSETNX'))).toHaveLength(1);
  });

  it('share its error, which the next one does not', async () => {
    const { cache } = cacheRig();
    const loader = heldLoader();
    const asked = Array.from({ length: 3 }, () => cache.getOrFetch('k', loader.load).catch((error: unknown) => error));
    await arrival(() => loader.contexts.length > 0);
    const error = new Error('origin');
    loader.fail(error);
    expect(await Promise.all(asked)).toEqual([error, error, error]);
    expect(await cache.getOrFetch('k', () => 'v')).toMatchObject({ value: 'v' });
    expect(cache.stats()).toMatchObject({ loads: 2, loadErrors: 1 });
  });

  it('share what nobody else gets', async () => {
    const { cache } = cacheRig();
    const loader = heldLoader();
    const asked = [cache.getOrFetch('k', loader.load), cache.getOrFetch('k', loader.load)];
    await arrival(() => loader.contexts.length > 0);
    loader.answer(skip('v'));
    expect(await Promise.all(asked)).toEqual([
      { status: 'miss', value: 'v' },
      { status: 'miss', value: 'v' },
    ]);
  });

  it('leave one by one, each with a reason of its own, the first of them too', async () => {
    const { cache, clock } = cacheRig();
    const loader = heldLoader();
    const controllers = Array.from({ length: 3 }, () => new AbortController());
    const asked = controllers.map(({ signal }) => cache.getOrFetch('k', loader.load, { signal }));
    await arrival(() => loader.contexts.length > 0);
    controllers[0]?.abort('first');
    await expect(asked[0]).rejects.toBe('first');
    controllers[2]?.abort('third');
    await expect(asked[2]).rejects.toBe('third');
    expect(loader.contexts[0]?.signal.aborted).toBe(false);
    loader.answer('v');
    expect(await asked[1]).toEqual({ status: 'miss', value: 'v' });
    await cache.settled();
    expect([await cache.has('k'), clock.pending()]).toEqual([true, 0]);
  });

  it('end the load when all have left, which is no failure of the loader', async () => {
    const { cache, clock } = cacheRig();
    const loader = heldLoader();
    const controllers = Array.from({ length: 3 }, () => new AbortController());
    const asked = controllers.map(({ signal }, index) =>
      cache.getOrFetch('k', loader.load, { signal }).catch((error: unknown) => `${index} ${error}`),
    );
    await arrival(() => loader.contexts.length > 0);
    for (const controller of controllers) {
      expect(loader.contexts[0]?.signal.aborted).toBe(false);
      controller.abort('gone');
    }
    expect(await Promise.all(asked)).toEqual(['0 gone', '1 gone', '2 gone']);
    expect(loader.contexts[0]?.signal).toMatchObject({ aborted: true, reason: 'gone' });
    await settle();
    expect(clock.pending()).toBe(0);
    // The next one begins anew, at once.
    expect(await cache.getOrFetch('k', () => 'v')).toEqual({ status: 'miss', value: 'v' });
    loader.answer('late');
    await settle();
    expect(await cache.get('k')).toMatchObject({ value: 'v' });
  });

  it('leave also while Redis is being asked', async () => {
    const { cache } = cacheRig();
    const controller = new AbortController();
    const asked = cache.getOrFetch('k', () => 'v', { signal: controller.signal });
    controller.abort('gone');
    await expect(asked).rejects.toBe('gone');
    const reading = cache.get('k', { signal: controller.signal });
    await expect(reading).rejects.toBe('gone');
    expect(cache.stats().loads).toBe(0);
  });

  it('wait loadTimeoutMs for a loader that hangs, and no longer; it is told', async () => {
    const { cache, clock } = cacheRig({ loadTimeoutMs: 3_000 });
    const loader = heldLoader();
    const seen: unknown[] = [];
    const ask = () => cache.getOrFetch('k', loader.load).catch((error: unknown) => seen.push(error));
    ask();
    await arrival(() => loader.contexts.length > 0);
    ask();
    await clock.run(2_999);
    expect([seen, loader.contexts[0]?.signal.aborted]).toEqual([[], false]);
    await clock.run(1);
    expect(seen).toEqual([
      expect.objectContaining({ code: 'DEADLINE', timeoutMs: 3_000, mayHaveRun: false }),
      expect.objectContaining({ code: 'DEADLINE', timeoutMs: 3_000 }),
    ]);
    expect([loader.contexts[0]?.signal.aborted, clock.pending()]).toEqual([true, 0]);
    loader.answer('late');
    await settle();
    expect(await cache.get('k')).toEqual({ status: 'miss' });
    expect(cache.stats()).toMatchObject({ loads: 1, loadErrors: 1 });
  });

  it('who came later wait as long themselves only where a new load is needed for that', async () => {
    const { cache, clock } = cacheRig({ loadTimeoutMs: 3_000 });
    const loader = heldLoader();
    const first = cache.getOrFetch('k', loader.load).catch((error: unknown) => error);
    await arrival(() => loader.contexts.length > 0);
    await clock.run(2_000);
    const second = cache.getOrFetch('k', loader.load).catch((error: unknown) => error);
    await settle();
    await clock.run(1_000);
    expect(await first).toMatchObject({ code: 'DEADLINE' });
    expect(await second).toMatchObject({ code: 'DEADLINE' });
    expect(loader.contexts.length).toBe(1);
  });

  it('load each for itself where runtimes forbid to wait for what another request began', async () => {
    const { cache, clock } = cacheRig({}, { kv: { coalesce: 'request' } });
    const loader = heldLoader();
    const controller = new AbortController();
    const asked = [
      cache.getOrFetch('k', loader.load, { signal: controller.signal }).catch((error: unknown) => error),
      cache.getOrFetch('k', loader.load),
    ];
    await arrival(() => loader.contexts.length === 2);
    controller.abort('gone');
    expect(loader.contexts.map(({ signal }) => signal.aborted)).toEqual([true, false]);
    loader.answer('first');
    loader.answer('second');
    expect(await Promise.all(asked)).toEqual(['gone', { status: 'miss', value: 'second' }]);
    await cache.settled();
    expect([cache.stats().coalesced, clock.pending()]).toEqual([0, 0]);
  });

  it('have no load that is under way spoilt by one of another key', async () => {
    const { cache } = cacheRig();
    const [a, b] = [heldLoader(), heldLoader()];
    const asked = [cache.getOrFetch('a', a.load), cache.getOrFetch('b', b.load)];
    await arrival(() => a.contexts.length + b.contexts.length === 2);
    b.answer('of b');
    a.answer('of a');
    expect(await Promise.all(asked)).toMatchObject([{ value: 'of a' }, { value: 'of b' }]);
  });
});

describe('loads at the same time', () => {
  allowNoUnhandledRejection();

  it('are so many, and further ones wait for a place within loadTimeoutMs', async () => {
    const { cache, clock } = cacheRig({ maxConcurrentLoads: 2, loadTimeoutMs: 3_000 });
    const loader = heldLoader();
    const seen: Record<string, unknown> = {};
    for (const key of ['a', 'b', 'c', 'd']) {
      cache.getOrFetch(key, loader.load).then(
        (answer) => {
          seen[key] = answer;
        },
        (error: { code: string }) => {
          seen[key] = error.code;
        },
      );
    }
    await arrival(() => loader.contexts.length === 2);
    await clock.run(1_000);
    expect(loader.contexts.length).toBe(2);
    loader.answer('v');
    await arrival(() => loader.contexts.length === 3);
    await clock.run(2_000);
    // Who came in late has the rest of its time; who found no place is told to come again.
    expect(seen).toEqual({
      ...{ a: { status: 'miss', value: 'v' }, b: 'DEADLINE', c: 'DEADLINE' },
      d: { status: 'unavailable', retryAfterMs: 1_000 },
    });
    await settle();
    expect([loader.contexts.length, clock.pending()]).toEqual([3, 0]);
    expect(await cache.getOrFetch('d', () => 'v')).toEqual({ status: 'miss', value: 'v' });
  });

  it('in the background never wait for a place, nor keep one from who waits', async () => {
    const { cache, clock } = cacheRig({ maxConcurrentLoads: 1, swrMs: 60_000 });
    await cache.getOrFetch('old', () => 'v');
    await cache.settled();
    clock.advance(60_000);
    const loader = heldLoader();
    const waiting = cache.getOrFetch('k', loader.load);
    await arrival(() => loader.contexts.length === 1);
    expect(await cache.getOrFetch('old', loader.load)).toMatchObject({ status: 'stale' });
    await settle();
    expect([loader.contexts.length, cache.stats().sparedLoads]).toEqual([1, 1]);
    loader.answer('v');
    await waiting;
    await cache.settled();
    await cache.getOrFetch('old', loader.load);
    await arrival(() => loader.contexts.length === 2);
  });
});
