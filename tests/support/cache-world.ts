import { createCache } from '../../lib/cache/cache.ts';
import type { Cache } from '../../lib/cache/cache-options.ts';
import { entryWrite } from '../../lib/cache/entry-write.ts';
import { loaded } from '../../lib/cache/loaded.ts';
import { createKv } from '../../lib/client/kv-client.ts';
import { StoreError } from '../../lib/errors.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import type { Command, Reply, Store } from '../../lib/store/store.ts';
import { type AgendaClock, agendaClock } from './agenda-clock.ts';
import { type Barrier, type CacheHistory, cacheHistory } from './cache-history.ts';
import { dice } from './dice.ts';

export interface CacheWorldOptions {
  readonly seed: number;
  readonly processes: number;
  /** `false` for nothing in the processes. */
  readonly trustMs: number | false;
  /** Commands of one request run one by one, each at a time of its own, as on several nodes of a Cluster. */
  readonly isSplit: boolean;
  /** What requests take there, and replies back, at most. They pass each other. */
  readonly delayMs: number;
}

export type ReadKind = 'get' | 'fetch';

/** Processes with a cache each, on one store that takes its time. */
export interface CacheWorld {
  readonly clock: AgendaClock;
  readonly history: CacheHistory;
  readonly caches: readonly Cache<number>[];
  /** From now on so many of this process's requests are lost on their way there, or their replies on their way back. */
  breakAway(process: number, share: number): void;
  /** Redis evicts one of the keys that the cache keeps beside its entries. */
  evict(what: 'stamps' | 'tag', which: number): Promise<void>;
  read(process: number, kind: ReadKind, key: string, wanted: Wanted): Promise<void>;
  set(process: number, key: string, tags: readonly string[]): Promise<void>;
  delete(process: number, key: string): Promise<void>;
  invalidate(process: number, tags: readonly string[]): Promise<void>;
  clear(process: number): Promise<void>;
  /** Notes whose invalidations Redis has heard of by now. */
  lookAtJournals(): void;
}

export interface Wanted {
  /** Named by the caller; and by the loader only. */
  readonly tags: readonly string[];
  readonly lateTags: readonly string[];
  /** What a load takes, at most. */
  readonly loadMs: number;
}

const REQUEST_TIMEOUT_MS = 50;
const NAMESPACE = 'race';

export async function cacheWorld(options: CacheWorldOptions): Promise<CacheWorld> {
  const { seed, processes, trustMs, isSplit, delayMs } = options;
  const clock = agendaClock();
  const store = memoryStore({ clock });
  const random = dice(seed);
  // There and back: callers may share a request that was answered before they asked.
  const history = cacheHistory(clock.monotonic, trustMs === false ? 0 : trustMs + 2 * delayMs);
  const lost = Array.from({ length: processes }, () => 0);
  const lossOf = Array.from({ length: processes }, () => 0);
  // Computed once, in real time: afterwards everything happens at the instants of the manual clock.
  await entryWrite.sha1();
  await store.execute([['SCRIPT', 'LOAD', entryWrite.lua]]);

  const after = (ms: number) => new Promise<void>((resolve) => void clock.after(ms, resolve));
  const sometime = (most: number) => after(random.whole(0, most));

  const transport = (process: number): Store => ({
    kind: 'memory',
    ...(isSplit ? { slotOf: () => 0 } : {}),
    async execute(commands) {
      const isLost = random.chance(lossOf[process] ?? 0);
      if (isLost) lost[process] = (lost[process] ?? 0) + 1;
      const isReplyLost = isLost && random.chance(0.5);
      if (isLost && !isReplyLost) {
        await sometime(delayMs);
        throw new StoreError('network', 'lost', { mayHaveRun: true });
      }
      const replies = await executed(commands);
      await sometime(delayMs);
      if (isReplyLost) throw new StoreError('network', 'lost', { mayHaveRun: true });
      return replies;
    },
    close: async () => {},
  });

  const executed = async (commands: readonly Command[]): Promise<readonly Reply[]> => {
    if (!isSplit) {
      await sometime(delayMs);
      return store.execute(commands);
    }
    const arrivals = new Map<unknown, Promise<void>>();
    const replies = commands.map(async (command) => {
      const [name, first, , third] = command;
      const key = name === 'EVALSHA' ? third : first;
      const arrival = arrivals.get(key) ?? sometime(delayMs);
      arrivals.set(key, arrival);
      await arrival;
      return (await store.execute([command]))[0] ?? null;
    });
    return Promise.all(replies);
  };

  const clients = Array.from({ length: processes }, (_, process) =>
    createKv({
      store: transport(process),
      clock,
      requestTimeoutMs: REQUEST_TIMEOUT_MS,
      breaker: { failureThreshold: 4, timeout: 100 },
    }),
  );
  const caches = clients.map((kv) =>
    createCache<number>({
      kv,
      namespace: NAMESPACE,
      ttlMs: 60,
      swrMs: 40,
      staleIfErrorMs: 200,
      l1: trustMs === false ? false : { maxTtlMs: trustMs },
      loadTimeoutMs: 100,
      softTimeoutMs: 15,
      errorBackoffMs: { min: 10, max: 20 },
      random: random.share,
    }),
  );

  const cacheOf = (process: number): Cache<number> => {
    const cache = caches[process];
    if (!cache) throw new Error('There is no such process');
    return cache;
  };

  /** Whether it cannot ask Redis, or has not told it everything. */
  const isAway = (process: number): boolean =>
    lossOf[process] !== 0 ||
    clients[process]?.circuit.state().state !== 'CLOSED' ||
    cacheOf(process).stats().pendingInvalidations > 0;

  const unheard: Barrier[] = [];
  const ended = (barrier: Barrier, propagated: boolean): void => {
    barrier.here = history.moment();
    if (propagated) barrier.everywhere = barrier.here;
    else unheard.push(barrier);
  };

  /** What a loader does: it reads at some moment, and is done at another. */
  const load = async (key: string, { tags, lateTags, loadMs }: Wanted) => {
    await sometime(loadMs);
    if (random.chance(0.1)) throw new Error('The origin has failed');
    const value = history.value(key, [...tags, ...lateTags], true);
    await sometime(loadMs);
    return lateTags.length > 0 ? loaded(value, { tags: lateTags }) : value;
  };

  return {
    clock,
    history,
    caches,
    breakAway(process, share) {
      lossOf[process] = share;
    },
    async evict(what, which) {
      const head = `cache:${NAMESPACE}`;
      await store.execute([['DEL', what === 'stamps' ? `${head}:stamps` : `${head}:t:t${which}`]]);
    },
    async read(process, kind, key, wanted) {
      const cache = cacheOf(process);
      const wasAway = isAway(process);
      const lostBefore = lost[process];
      const begun = history.moment();
      const { tags } = wanted;
      const asked = kind === 'get' ? cache.get(key) : cache.getOrFetch(key, () => load(key, wanted), { tags });
      const read = await asked.catch(() => undefined);
      const isAlone = wasAway || isAway(process) || lost[process] !== lostBefore;
      if (read && 'value' in read) {
        history.served({ process, key, begun, value: read.value, isAlone });
      }
    },
    async set(process, key, tags) {
      const barrier = history.barrier({ what: 'set', process, ends: (other) => other === key });
      const value = history.value(key, tags, false);
      if (!(await cacheOf(process).set(key, value, { tags }))) return;
      history.written(value);
      ended(barrier, true);
    },
    async delete(process, key) {
      const barrier = history.barrier({ what: 'delete', process, ends: (other) => other === key });
      const { propagated } = await cacheOf(process).delete(key);
      ended(barrier, propagated);
    },
    async invalidate(process, tags) {
      const ends = (_: string, of: readonly string[]) => tags.some((tag) => of.includes(tag));
      const barrier = history.barrier({ what: `tags ${tags.join(' ')}`, process, ends });
      const { propagated } = await cacheOf(process).invalidateTags(tags);
      ended(barrier, propagated);
    },
    async clear(process) {
      const barrier = history.barrier({ what: 'clear', process, ends: () => true });
      const { propagated } = await cacheOf(process).clear();
      ended(barrier, propagated);
    },
    lookAtJournals() {
      for (const [index, barrier] of [...unheard].reverse().entries()) {
        if (cacheOf(barrier.process).stats().pendingInvalidations > 0) continue;
        barrier.everywhere = history.moment();
        unheard.splice(unheard.length - 1 - index, 1);
      }
    },
  };
}
