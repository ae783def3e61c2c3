import { createLru } from '../client/lru.ts';
import { type Clock, elapsedSince, type Instant, instant } from '../clock.ts';

/** Keys whose loader has failed, and is left alone for a while. Bounded. */
export interface Backoff {
  isDue(key: string): boolean;
  /** Answers how long it is left alone now, in milliseconds. */
  failed(key: string): number;
  succeeded(key: string): void;
}

const MAX_KEYS = 10_000;

/** The wait counts from the failure, not from the value's end, and doubles with each further one. */
export function createBackoff(clock: Clock, { min, max }: { readonly min: number; readonly max: number }): Backoff {
  const failures = createLru<{ readonly at: Instant; readonly waitMs: number }>(MAX_KEYS);
  return {
    isDue(key) {
      const failure = failures.size > 0 ? failures.get(key) : undefined;
      return failure === undefined || elapsedSince(failure.at, clock) >= failure.waitMs;
    },
    failed(key) {
      const before = failures.get(key);
      const waitMs = Math.min(max, before ? 2 * before.waitMs : min);
      failures.set(key, { at: instant(clock), waitMs });
      return waitMs;
    },
    succeeded(key) {
      failures.delete(key);
    },
  };
}
