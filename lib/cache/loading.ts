import type { Clock } from '../clock.ts';
import { DeadlineError } from '../errors.ts';
import { createCoalescer } from '../resilience/coalescer.ts';
import { withDeadline } from '../resilience/deadline.ts';
import { withSignal } from '../resilience/linked-signal.ts';
import type { Background } from './background.ts';
import type { Backoff } from './backoff.ts';
import type { Loader } from './cache-options.ts';
import type { CacheSettings } from './cache-settings.ts';
import type { CacheCounts } from './cache-stats.ts';
import type { EntryHead } from './entry.ts';
import type { Keepable, Keeper } from './keeper.ts';
import type { LoadGate } from './load-gate.ts';
import { type Loaded, readLoaded } from './loaded.ts';
import type { Claim, Grounds, LookOptions, Reader, Sighted } from './reader.ts';

/** What a caller wants to have loaded. */
export interface Wish<T> extends LookOptions, Keepable {
  readonly load: Loader<T>;
}

export type Answer<T> = Exclude<Loaded<T>, { kind: 'value' | 'skip' }> | { readonly kind: 'value'; readonly value: T };

export interface Loading<T> {
  /** Loads, or joins who does. @throws what the loader throws; DeadlineError; StoreError of kind `local`; the signal's reason. */
  miss(wish: Wish<T>, grounds: Grounds): Promise<Answer<T>>;
  /**
   * Loads again what is old, in the background, unless another process has, or does. Answers what was loaded here,
   * `undefined` for nothing.
   */
  refresh(wish: Wish<T>, old: Sighted<T>): Promise<Answer<T> | undefined>;
  /** Nobody joins a load of `key` any more that is under way now. */
  forget(key: string): void;
  /** As `forget`, for all whose callers named this tag. */
  forgetTag(part: string): void;
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
  const refreshes = new Map<string, Promise<Answer<T> | undefined>>();

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
        const begun = await keeper.begin(grounds);
        const startedAt = clock.monotonic();
        const loaded = await call(wish, stale, Math.max(1, timeoutMs - (startedAt - begunAt)), controller);
        // Who comes a moment later is to find it here.
        const kept = await keeper.keep(wish, loaded, begun, clock.monotonic() - startedAt);
        if (kept) background.run(() => keeper.write(wish.key, kept, begun));
        else if (release) background.run(() => release(0));
        backoff.succeeded(wish.key);
        return loaded.kind === 'not-found' ? loaded : { kind: 'value', value: loaded.value };
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

  const again = async (wish: Wish<T>, old: Sighted<T>): Promise<Answer<T> | undefined> => {
    const { sight, isClaimed, release } = await reader.claim(wish.key, { parts: wish.parts }, claimMs);
    const newer = newerThan(old.head, sight.found);
    const place = isClaimed && !newer ? gate.tryEnter() : undefined;
    if (release && !place) background.run(() => release(0));
    if (newer) {
      counts.sparedLoads += 1;
      return newer.isNegative ? { kind: 'not-found' } : { kind: 'value', value: newer.value as T };
    }
    if (!place) {
      counts.sparedLoads += 1;
      return undefined;
    }
    return load(wish, sight.grounds, old.value, { timeoutMs: loadTimeoutMs, place, release });
  };

  return {
    async miss(wish, grounds) {
      if (!shares) return load(wish, grounds, undefined, { timeoutMs: loadTimeoutMs, signal: wish.signal });
      let isLeader = false;
      const answer = coalescer.run(wish.key, {
        keys: [wish.key, ...wish.parts.map(tagOf)],
        signal: wish.signal,
        load: (signal, timeoutMs) => {
          isLeader = true;
          return load(wish, grounds, undefined, { signal, timeoutMs });
        },
      });
      if (!isLeader) counts.coalesced += 1;
      return answer;
    },
    refresh(wish, old) {
      const under = shares ? refreshes.get(wish.key) : undefined;
      if (under) return under;
      const refresh = again(wish, old).finally(() => {
        if (refreshes.get(wish.key) === refresh) refreshes.delete(wish.key);
      });
      refreshes.set(wish.key, refresh);
      background.run(() => refresh);
      return refresh;
    },
    forget(key) {
      coalescer.forget(key);
      refreshes.delete(key);
    },
    forgetTag(part) {
      coalescer.forget(tagOf(part));
    },
    forgetAll() {
      coalescer.forgetAll();
      refreshes.clear();
    },
  };
}

/** Under which a load is forgotten with a tag. */
function tagOf(part: string): string {
  return `tag ${part}`;
}

/** Somebody has loaded it since. */
function newerThan<T>(old: EntryHead, found: Sighted<T> | undefined): Sighted<T> | undefined {
  if (!found || found.head.id === old.id) return undefined;
  return found.freshness === 'fresh' || found.freshness === 'early' ? found : undefined;
}
