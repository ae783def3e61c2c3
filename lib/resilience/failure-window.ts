import { type Clock, elapsedSince, instant } from '../clock.ts';
import { ConfigError } from '../errors.ts';

/** Opens the circuit by the share of failures among recent requests. */
export interface FailureRate {
  /** How far back "recent" reaches, in milliseconds; forgotten in tenths of it. @default 30_000 */
  readonly windowMs?: number | undefined;
  /** Fewer requests than this prove nothing. @default 20 */
  readonly minimumCalls?: number | undefined;
  /** The share of failures that opens it, above 0 and at most 1. @default 0.5 */
  readonly threshold?: number | undefined;
}

export interface ResolvedFailureRate {
  readonly windowMs: number;
  readonly minimumCalls: number;
  readonly threshold: number;
}

/** @throws ConfigError naming the option. */
export function resolveFailureRate(rate: FailureRate): ResolvedFailureRate {
  const { windowMs = 30_000, minimumCalls = 20, threshold = 0.5 } = rate;
  if (!(Number.isFinite(windowMs) && windowMs >= 10)) {
    throw new ConfigError('breaker.failureRate.windowMs', `must be a number of at least 10, got ${windowMs}`);
  }
  if (!(Number.isSafeInteger(minimumCalls) && minimumCalls >= 1)) {
    const setting = 'breaker.failureRate.minimumCalls';
    throw new ConfigError(setting, `must be a whole number of at least 1, got ${minimumCalls}`);
  }
  if (!(threshold > 0 && threshold <= 1)) {
    const setting = 'breaker.failureRate.threshold';
    throw new ConfigError(setting, `must be a number above 0 and at most 1, got ${threshold}`);
  }
  return { windowMs, minimumCalls, threshold };
}

export interface Recent {
  readonly calls: number;
  readonly failures: number;
}

export interface FailureWindow {
  record(failed: boolean): void;
  /** What was recorded within the window. Changes nothing. */
  recent(): Recent;
}

const BUCKETS = 10;

/**
 * Requests and failures of the last `windowMs`, in a ring of ten buckets: constant memory, and a silence of any length
 * empties all of it. Sleep counts as silence, and a wall clock set back keeps nothing alive: time is the larger of the
 * two scales, from one record to the next.
 */
export function createFailureWindow(clock: Clock, windowMs: number): FailureWindow {
  const bucketMs = windowMs / BUCKETS;
  const ring = Array.from({ length: BUCKETS }, () => ({ calls: 0, failures: 0 }));
  /** Milliseconds from the making of the window to `at`. */
  let position = 0;
  let at = instant(clock);

  const bucketOf = (milliseconds: number) => Math.floor(milliseconds / bucketMs);
  const passed = () => {
    const next = position + elapsedSince(at, clock);
    return { next, stale: Math.min(BUCKETS, bucketOf(next) - bucketOf(position)) };
  };

  return {
    record(failed) {
      const { next, stale } = passed();
      for (let step = 0; step < stale; step += 1) ring[(bucketOf(next) - step) % BUCKETS] = { calls: 0, failures: 0 };
      position = next;
      at = instant(clock);
      const bucket = ring[bucketOf(position) % BUCKETS];
      if (!bucket) return;
      bucket.calls += 1;
      if (failed) bucket.failures += 1;
    },
    recent() {
      const { stale } = passed();
      let calls = 0;
      let failures = 0;
      // The youngest bucket is the one last written to; as many as have gone stale are missing at the old end.
      for (let age = 0; age < BUCKETS - stale; age += 1) {
        const bucket = ring[(bucketOf(position) - age + BUCKETS) % BUCKETS];
        calls += bucket?.calls ?? 0;
        failures += bucket?.failures ?? 0;
      }
      return { calls, failures };
    },
  };
}
