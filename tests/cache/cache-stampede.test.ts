import { describe, expect, it } from 'vitest';
import { createCache } from '../../lib/cache/cache.ts';
import type { CacheOptions } from '../../lib/cache/cache-options.ts';
import { entryWrite } from '../../lib/cache/entry-write.ts';
import { createKv } from '../../lib/client/kv-client.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import type { Store } from '../../lib/store/store.ts';
import { agendaClock } from '../support/agenda-clock.ts';

const TTL_MS = 10_000;
const LOAD_MS = 200;
const PROCESSES = 5;

/** Processes with callers who ask again and again for one key, on one store that is 2 ms away. */
async function crowd(options: Partial<CacheOptions<number>> = {}) {
  await entryWrite.sha1();
  const clock = agendaClock();
  const redis = memoryStore({ clock });
  const after = (ms: number) => new Promise<void>((resolve) => void clock.after(ms, resolve));
  const store: Store = {
    kind: 'memory',
    async execute(commands) {
      await after(1);
      const replies = await redis.execute(commands);
      await after(1);
      return replies;
    },
    close: async () => {},
  };
  const loadsAt: number[] = [];
  let isFailing = false;
  let longestMs = 0;
  const seen = new Set<string>();
  const load = async (): Promise<number> => {
    loadsAt.push(clock.monotonic());
    await after(LOAD_MS);
    if (isFailing) throw new Error('The origin has failed');
    return loadsAt.length;
  };
  const start = () =>
    createCache<number>({
      ...{ kv: createKv({ store, clock }), namespace: 'crowd', ttlMs: TTL_MS, swrMs: 5_000, staleIfErrorMs: 60_000 },
      ...{ l1: { maxTtlMs: 50 }, ...options },
    });
  const caches = Array.from({ length: PROCESSES }, start);
  const ask = async (cache: ReturnType<typeof start>): Promise<void> => {
    const askedAt = clock.monotonic();
    const { status } = await cache.getOrFetch('k', load);
    seen.add(status);
    longestMs = Math.max(longestMs, clock.monotonic() - askedAt);
  };
  return {
    ...{ clock, caches, load, loadsAt, seen, start, redis },
    ask,
    /** Every process asks every so many milliseconds, for so long. */
    async everybodyAsks(everyMs: number, forMs: number): Promise<void> {
      const pending: Promise<void>[] = [];
      for (let ms = 0; ms < forMs; ms += everyMs) {
        pending.push(...caches.map(ask));
        await clock.play(clock.monotonic() + everyMs);
      }
      await clock.play(clock.monotonic() + 2_000);
      await Promise.all(pending);
    },
    fail: () => {
      isFailing = true;
    },
    longestMs: () => longestMs,
    forget() {
      longestMs = 0;
      seen.clear();
    },
  };
}

describe('a value that many processes ask for', () => {
  it('is loaded once in each process where nobody has it, and never again while it is fresh', async () => {
    const { everybodyAsks, loadsAt } = await crowd();
    await everybodyAsks(20, 2_000);
    expect(loadsAt.length).toBe(PROCESSES);
  });

  it('is loaded about once in each period by all together, and nobody waits for it', async () => {
    const { everybodyAsks, loadsAt, forget, longestMs, seen } = await crowd();
    await everybodyAsks(20, 400);
    const before = loadsAt.length;
    forget();
    const periods = 10;
    await everybodyAsks(20, periods * TTL_MS);
    const loads = loadsAt.length - before;
    // Eleven, as a rule: XFetch begins before the end.
    expect(loads).toBeGreaterThanOrEqual(periods - 1);
    expect(loads).toBeLessThanOrEqual(2 * periods);
    expect(longestMs()).toBeLessThan(LOAD_MS / 2);
    expect(seen).not.toContain('miss');
  });

  it('is loaded by another process when the one that had begun is gone, after its claim has ended', async () => {
    const { everybodyAsks, loadsAt, redis, clock, ask, caches } = await crowd({
      earlyRefresh: 0,
      jitter: 0,
      loadTimeoutMs: 1_000,
    });
    await everybodyAsks(20, 100);
    const before = loadsAt.length;
    // It claimed the next load, and was never heard of again: 1 s for the load, 1 s for its request.
    await clock.play(clock.monotonic() + TTL_MS);
    await redis.execute([['SET', 'cache:crowd:c:k', '1', 'PX', 2_000]]);
    const [first] = caches;
    if (!first) throw new Error('There is no process');
    const end = clock.monotonic() + 2_000;
    while (clock.monotonic() < end - 20) {
      const asked = ask(first);
      await clock.play(clock.monotonic() + 20);
      await asked;
    }
    expect(loadsAt.length).toBe(before);
    await clock.play(end + 1);
    const asked = ask(first);
    await clock.play(clock.monotonic() + 1_000);
    await asked;
    expect(loadsAt.length).toBe(before + 1);
  });

  it('is served stale by all of them while the loader fails, which is called seldom', async () => {
    const { everybodyAsks, loadsAt, seen, forget, fail } = await crowd({ errorBackoffMs: { min: 1_000, max: 4_000 } });
    await everybodyAsks(20, TTL_MS - 3_000);
    const before = loadsAt.length;
    fail();
    forget();
    await everybodyAsks(20, 20_000);
    expect(seen).not.toContain('miss');
    expect(loadsAt.length - before).toBeLessThanOrEqual(4 * PROCESSES);
  });
});
