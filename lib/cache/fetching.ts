import type { KvClient } from '../client/kv-client.ts';
import { RETRY_MS } from '../client/retry-after.ts';
import { DeadlineError } from '../errors.ts';
import { withDeadline } from '../resilience/deadline.ts';
import { withSignal } from '../resilience/linked-signal.ts';
import type { Backoff } from './backoff.ts';
import type { CacheFetch, CacheRead, Found } from './cache-options.ts';
import type { CacheSettings } from './cache-settings.ts';
import type { CacheCounts } from './cache-stats.ts';
import { isGateRefusal } from './load-gate.ts';
import type { Answer, Loading, Wish } from './loading.ts';
import type { LookOptions, Reader, Sight, Sighted } from './reader.ts';

/** Decides what a reader gets: what there is, or what is loaded now. */
export interface Fetching<T> {
  read(key: string, look: LookOptions): Promise<CacheRead<T>>;
  answer(wish: Wish<T>): Promise<CacheFetch<T>>;
}

export interface FetchingOptions<T> {
  readonly kv: KvClient;
  readonly settings: CacheSettings<T>;
  readonly reader: Reader<T>;
  readonly loading: Loading<T>;
  readonly backoff: Backoff;
  readonly counts: CacheCounts;
}

export function createFetching<T>(options: FetchingOptions<T>): Fetching<T> {
  const { kv, settings, reader, loading, backoff, counts } = options;
  const { clock } = kv;

  const note = (missed: 'misses' | 'unavailable'): void => {
    kv.measure.cacheRead(missed === 'misses' ? 'miss' : missed);
    counts[missed] += 1;
  };

  const hit = (sighted: Sighted<T>): Found<T> | { readonly status: 'negative' } => {
    const isFresh = sighted.freshness === 'fresh' || sighted.freshness === 'early';
    kv.measure.cacheRead(sighted.isNegative ? 'negative' : isFresh ? 'hit' : 'stale');
    if (sighted.isNegative) counts.negativeHits += 1;
    else if (!isFresh) counts.staleHits += 1;
    else if (sighted.tier === 'memory') counts.memoryHits += 1;
    else counts.storeHits += 1;
    if (sighted.isNegative) return { status: 'negative' };
    return {
      status: isFresh ? 'hit' : 'stale',
      value: sighted.value as T,
      tier: sighted.tier,
      ageMs: ageOf(sighted),
    };
  };

  const ageOf = ({ head }: Sighted<T>): number => Math.max(0, clock.now() - head.createdAt);

  /** It will do only if no newer one can be loaded. */
  const isLastResort = ({ mayServeStale }: Wish<T>, sighted: Sighted<T>): boolean => {
    if (sighted.freshness !== 'revalidating') return sighted.freshness === 'failing';
    return mayServeStale !== undefined && !mayServeStale(sighted.value as T, ageOf(sighted));
  };

  const answered = (answer: Answer<T>): CacheFetch<T> =>
    answer.kind === 'not-found' ? { status: 'negative' } : { status: 'miss', value: answer.value };

  /** Loads while the caller waits, with something stale at hand. */
  const loadOrStale = async (wish: Wish<T>, stale: Sighted<T>, sight: Sight<T>): Promise<CacheFetch<T>> => {
    const { signal } = wish;
    const timeoutMs = settings.softTimeoutMs;
    const expired = () => new DeadlineError(timeoutMs, false);
    try {
      const answer = await withSignal(signal, (controller) =>
        withDeadline({ clock, timeoutMs, controller, expired }, () => loading.refresh(wish, stale, sight)),
      );
      if (!answer) return hit(stale);
      note('misses');
      return answered(answer);
    } catch {
      signal?.throwIfAborted();
      return hit(stale);
    }
  };

  /** What is there, if it will do without waiting for a load; sees that one is begun where it is time. */
  const use = (wish: Wish<T>, sighted: Sighted<T>, isAway: boolean): CacheFetch<T> | undefined => {
    const { freshness } = sighted;
    const rests = !backoff.isDue(wish.key);
    if (!rests && isLastResort(wish, sighted)) return undefined;
    // What is fresh while Redis is away is not loaded for the sake of others.
    const wantsLoad = freshness === 'revalidating' || (freshness === 'early' && !isAway);
    if (wantsLoad && !rests) loading.refresh(wish, sighted).catch(() => undefined);
    return hit(sighted);
  };

  const miss = async (wish: Wish<T>, { grounds, awayMs }: Sight<T>): Promise<CacheFetch<T>> => {
    note('misses');
    try {
      return answered(await loading.miss(wish, grounds));
    } catch (error) {
      if (!isGateRefusal(error)) throw error;
      return { status: 'unavailable', retryAfterMs: awayMs ?? RETRY_MS };
    }
  };

  return {
    async read(key, look) {
      const near = reader.near(key);
      if (near) return hit(near);
      const { found, awayMs } = await reader.look(key, look);
      if (found) return hit(found);
      note(awayMs === undefined ? 'misses' : 'unavailable');
      return awayMs === undefined ? { status: 'miss' } : { status: 'unavailable', retryAfterMs: awayMs };
    },
    async answer(wish) {
      const near = reader.near(wish.key);
      const used = near && use(wish, near, false);
      if (used) return used;
      const sight = await reader.look(wish.key, wish);
      const { found, awayMs } = sight;
      if (!found) return miss(wish, sight);
      return use(wish, found, awayMs !== undefined) ?? loadOrStale(wish, found, sight);
    },
  };
}
