import { type Cache, type CacheOptions, createCache } from '../../lib/cache/cache.ts';
import type { LoadContext } from '../../lib/cache/cache-options.ts';
import type { Marked } from '../../lib/cache/loaded.ts';
import { createKv, type KvClient, type KvOptions } from '../../lib/client/kv-client.ts';
import type { BreakwaterEvent } from '../../lib/events.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import type { Store } from '../../lib/store/store.ts';
import { type ManualClock, manualClock } from '../../lib/testing/manual-clock.ts';
import { type WatchedStore, watchedStore } from './watched-store.ts';

/** A process with a cache of its own. */
export interface CacheProcess<T> {
  readonly cache: Cache<T>;
  readonly kv: KvClient;
  /** What it sent, and whether it still can. */
  readonly store: WatchedStore;
  readonly events: readonly BreakwaterEvent[];
  /** What its platform was told of. */
  readonly kept: readonly Promise<unknown>[];
  /** Requests that `work` sends, those in the background included, by the names of their commands. */
  requests(work: () => Promise<unknown>): Promise<readonly string[]>;
}

export interface CacheRig<T> extends CacheProcess<T> {
  readonly clock: ManualClock;
  /** Another process on the same Redis. */
  elsewhere(options?: Partial<CacheOptions<T>>): CacheProcess<T>;
}

export interface RigOptions {
  readonly clock?: ManualClock | undefined;
  readonly store?: Store | undefined;
  readonly kv?: Partial<KvOptions> | undefined;
}

/** A cache `c` of values that are fresh for 60 s, to the millisecond, without a tally, on a clock and a store of its own. */
export function cacheRig<T = string>(
  options: Partial<CacheOptions<T>> = {},
  { clock = manualClock(), store = memoryStore({ clock }), kv: kvOptions }: RigOptions = {},
): CacheRig<T> {
  const process = (own: Partial<CacheOptions<T>>): CacheProcess<T> => {
    const watched = watchedStore(store);
    const events: BreakwaterEvent[] = [];
    const kept: Promise<unknown>[] = [];
    const kv = createKv({ store: watched, clock, onEvent: (event) => events.push(event), ...kvOptions });
    const waitUntil = (promise: Promise<unknown>) => {
      kept.push(promise);
    };
    const cache = createCache<T>({
      kv,
      namespace: 'c',
      ttlMs: 60_000,
      jitter: 0,
      earlyRefresh: 0,
      waitUntil,
      tally: false,
      ...own,
    });
    return {
      ...{ cache, kv, store: watched, events, kept },
      async requests(work) {
        const before = watched.requests.length;
        await work();
        await cache.settled();
        return watched.requests.slice(before).map((request) => request.map(([name]) => name).join(' '));
      },
    };
  };
  return { ...process(options), clock, elsewhere: (own) => process({ ...options, ...own }) };
}

/** A loader that answers when and what the test says. */
export interface HeldLoader<T> {
  readonly load: (context: LoadContext<T>) => Promise<T | Marked<T>>;
  readonly contexts: readonly LoadContext<T>[];
  /** Answers the oldest load that waits. */
  answer(value: T | Marked<T>): void;
  fail(error: Error): void;
}

export function heldLoader<T = string>(): HeldLoader<T> {
  const contexts: LoadContext<T>[] = [];
  const waiting: { resolve: (value: T | Marked<T>) => void; reject: (error: Error) => void }[] = [];
  const next = () => {
    const first = waiting.shift();
    if (!first) throw new Error('no load is waiting');
    return first;
  };
  return {
    contexts,
    load(context) {
      contexts.push(context);
      return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
    },
    answer: (value) => next().resolve(value),
    fail: (error) => next().reject(error),
  };
}

/** Lets what has been asked for arrive. */
export async function arrival(holds: () => boolean): Promise<void> {
  for (let turn = 0; turn < 1_000 && !holds(); turn += 1) await new Promise((resolve) => setImmediate(resolve));
  if (!holds()) throw new Error(`still not so: ${holds}`);
}
