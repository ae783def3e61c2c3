import type { Background } from '../client/background.ts';
import type { Clock } from '../clock.ts';
import { DeadlineError } from '../errors.ts';
import { createCoalescer } from '../resilience/coalescer.ts';
import { withDeadline } from '../resilience/deadline.ts';
import { withSignal } from '../resilience/linked-signal.ts';
import type { Backoff } from './backoff.ts';
import type { FetchOptions, Loader } from './cache-options.ts';
import type { CacheSettings } from './cache-settings.ts';
import type { CacheCounts } from './cache-stats.ts';
import type { EntryHead } from './entry.ts';
import type { Keepable, Keeper } from './keeper.ts';
import type { LoadGate } from './load-gate.ts';
import { type Loaded, readLoaded } from './loaded.ts';
import type { Claim, Grounds, LookOptions, Reader, Sight, Sighted } from './reader.ts';

/** What a caller wants to have loaded. */
export interface Wish<T> extends LookOptions, Keepable {
  readonly load: Loader<T>;
  readonly mayServeStale?: FetchOptions<T>['mayServeStale'];
}

export type Answer<T> = (
  | Exclude<Loaded<T>, { kind: 'value' | 'skip' }>
  | { readonly kind: 'value'; readonly value: T }
) & {
  /** Where it has tags that its caller did not name: {@link Grounds.unrest} before it. */
  readonly unrest?: string | undefined;
};

export interface Loading<T> {
  /** Loads, or joins who does. @throws what the loader throws; DeadlineError; StoreError of kind `local`; the signal's reason. */
  miss(wish: Wish<T>, grounds: Grounds): Promise<Answer<T>>;
  /**
   * Loads again what is old, in the background, unless another process has, or does. Answers what was loaded here,
   * `undefined` for nothing. Without a `sight` for who does not wait for it.
   */
  refresh(wish: Wish<T>, old: Sighted<T>, sight?: Sight<T>): Promise<Answer<T> | undefined>;
  /** Nobody joins a load of `key` any more that is under way now. */
  forget(key: string): void;
  forgetAll(): void;
}

export interface LoadingOptions<T> {
  readonly clock: Clock;
  readonly settings: CacheSettings<T>;
  readonly reader: Reader<T>;
  readonly gate: LoadGate;
  readonly backoff: Backoff;
  readonly background: Background;
  readonly counts: CacheCounts;
  /** Whether callers may wait for what another one began. */
  readonly shares: boolean;
  readonly claimMs: number;
  readonly keeper: Keeper<T>;
}

/** A load in the background. */
interface Refresh<T> {
  readonly name: string | undefined;
  readonly answer: Promise<Answer<T> | undefined>;
}

interface LoadOptions<T> {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs: number;
  readonly place?: () => void;
  readonly release?: Claim<T>['release'];
}

export function createLoading<T>(options: LoadingOptions<T>): Loading<T> {
  const { clock, settings, reader, gate, backoff, background, counts, shares, claimMs, keeper } = options;
  const { loadTimeoutMs } = settings;
  const coalescer = createCoalescer<Answer<T>>({ clock, timeoutMs: loadTimeoutMs });
  const refreshes = new Map<string, Refresh<T>>();

  /** Calls the loader, within its time. */
  const call = async (wish: Wish<T>, stale: T | undefined, timeoutMs: number, controller: AbortController) => {
    counts.loads += 1;
    try {
      const expired = () => new DeadlineError(loadTimeoutMs, false);
      const answer = await withDeadline({ clock, timeoutMs, controller, expired }, async (signal) =>
        wish.load({ signal, stale }),
      );
      return readLoaded<T>(answer);
    } catch (error) {
      counts.loadErrors += 1;
      throw error;
    }
  };

  /** Once there is a place for it; `place` is one that is taken already. */
  const load = (
    wish: Wish<T>,
    grounds: Grounds,
    stale: T | undefined,
    { signal, timeoutMs, place, release }: LoadOptions<T>,
  ): Promise<Answer<T>> =>
    withSignal(signal, async (controller) => {
      const begunAt = clock.monotonic();
      let leave = place;
      try {
        leave ??= await gate.enter(controller.signal, timeoutMs);
        const startedAt = clock.monotonic();
        const loaded = await call(wish, stale, Math.max(1, timeoutMs - (startedAt - begunAt)), controller);
        // Who comes a moment later is to find it here.
        const kept = await keeper.keep(wish, loaded, grounds, clock.monotonic() - startedAt);
        background.run(async () => {
          const isSent = kept !== undefined && (await keeper.write(wish.key, kept, grounds));
          if (!isSent) await release?.(0);
        });
        backoff.succeeded(wish.key);
        if (loaded.kind === 'not-found') return loaded;
        const isLate = loaded.kind === 'value' && loaded.tags !== undefined;
        return { kind: 'value', value: loaded.value, unrest: isLate ? grounds.unrest : undefined };
      } catch (error) {
        // Who is gone says nothing about the loader.
        const waitMs = leave && !signal?.aborted ? backoff.failed(wish.key) : 0;
        // So long other processes leave it alone as well.
        if (release) background.run(() => release(waitMs));
        throw error;
      } finally {
        leave?.();
      }
    });

  const again = async (wish: Wish<T>, old: Sighted<T>, seen: Sight<T> | undefined): Promise<Answer<T> | undefined> => {
    // Who has just found that Redis does not answer does not ask it again while a caller waits.
    const isAway = seen?.awayMs !== undefined;
    const alone = isAway ? { sight: seen, isClaimed: true, release: undefined } : undefined;
    const claim = alone ?? (await reader.claim(wish.key, { parts: wish.parts }, claimMs));
    const { sight, isClaimed, release } = claim;
    const newer = newerThan(old.head, sight.found);
    const place = isClaimed && !newer ? gate.tryEnter() : undefined;
    if (release && !place) background.run(() => release(0));
    if (newer) {
      counts.sparedLoads += 1;
      if (newer.isNegative) return { kind: 'not-found' };
      return { kind: 'value', value: newer.value as T, unrest: sight.grounds.unrest };
    }
    if (!place) {
      counts.sparedLoads += 1;
      return undefined;
    }
    return load(wish, await keeper.begin(sight.grounds), old.value, { timeoutMs: loadTimeoutMs, place, release });
  };

  const join = (name: string, wish: Wish<T>, grounds: Grounds): Promise<Answer<T>> => {
    let isLeader = false;
    const answer = coalescer.run(name, {
      keys: [wish.key],
      signal: wish.signal,
      load: (signal, timeoutMs) => {
        isLeader = true;
        return load(wish, grounds, undefined, { signal, timeoutMs });
      },
    });
    if (!isLeader) counts.coalesced += 1;
    return answer;
  };

  return {
    async miss(wish, found) {
      const grounds = await keeper.begin(found);
      // Somebody may have loaded it while the stamp of a new cache was made.
      const near = grounds === found ? undefined : reader.near(wish.key);
      if (near) return near.isNegative ? { kind: 'not-found' } : { kind: 'value', value: near.value as T };
      if (!shares) return load(wish, grounds, undefined, { timeoutMs: loadTimeoutMs, signal: wish.signal });
      const name = flightName(wish.key, grounds);
      const first = await join(name, wish, grounds);
      if (!isTooOld(first, grounds)) return first;
      return join(`${name} ${grounds.unrest}`, wish, grounds);
    },
    refresh(wish, old, sight) {
      const under = shares ? refreshes.get(wish.key) : undefined;
      const grounds = sight?.grounds;
      const name = grounds && flightName(wish.key, grounds);
      if (under && (name === undefined || name === under.name)) {
        return under.answer.then((answer) => (answer && grounds && isTooOld(answer, grounds) ? undefined : answer));
      }
      const answer = again(wish, old, sight).finally(() => {
        if (refreshes.get(wish.key)?.answer === answer) refreshes.delete(wish.key);
      });
      if (shares) refreshes.set(wish.key, { name, answer });
      background.run(() => answer);
      return answer;
    },
    forget(key) {
      coalescer.forget(key);
      refreshes.delete(key);
    },
    forgetAll() {
      coalescer.forgetAll();
      refreshes.clear();
    },
  };
}

/** Somebody has loaded it since. */
function newerThan<T>(old: EntryHead, found: Sighted<T> | undefined): Sighted<T> | undefined {
  if (!found || found.head.id === old.id) return undefined;
  return found.freshness === 'fresh' || found.freshness === 'early' ? found : undefined;
}

/**
 * Who has found something else in Redis than the one who loads has begun to ask after something changed, so that what is
 * being loaded may be too old for him.
 */
function flightName(key: string, { id, basis, unrest }: Grounds): string {
  return JSON.stringify([key, id, basis?.generation, basis?.tags ?? unrest]);
}

/** Some tag was invalidated between the load and a caller who joined it, and it may be one that only the loader knew. */
function isTooOld<T>(answer: Answer<T>, { unrest }: Grounds): boolean {
  return answer.unrest !== undefined && answer.unrest !== unrest;
}
