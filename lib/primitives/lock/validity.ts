import { type Clock, elapsedSince, type Instant } from '../../clock.ts';

/** What clocks that should go alike may be apart, as a share of a lock's life, and what their steps add to it. */
const DRIFT = 0.01;
const DRIFT_MS = 2;

/** For how long a holder may rely on a lock that Redis was asked for at `since`. */
export interface Validity {
  /** Before the request left, so that Redis began to count later. */
  readonly since: Instant;
  readonly ttlMs: number;
}

/**
 * Milliseconds that are left, 0 or less when it is over. Time is the larger of both scales, so that a process that was
 * suspended finds its locks ended.
 */
export function remainingOf({ since, ttlMs }: Validity, clock: Clock): number {
  return ttlMs - (DRIFT * ttlMs + DRIFT_MS) - elapsedSince(since, clock);
}
