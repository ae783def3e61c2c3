import type { KvClient } from '../../client/kv-client.ts';
import { wholeNumber } from '../../client/whole-number.ts';
import { DAY_MS } from '../../clock.ts';

/** Settings of locks. Wrong ones throw a ConfigError. */
export interface LocksOptions {
  readonly kv: KvClient;
  /** How long a lock lives without being extended, in milliseconds, from 10 to a day. @default 30_000 */
  readonly ttlMs?: number | undefined;
  /** How long to wait for another's lock, in milliseconds; 0 asks once. @default 0 */
  readonly waitMs?: number | undefined;
  /** Who waits asks again after a random time of up to so many milliseconds. @default 100 */
  readonly retryMs?: number | undefined;
  /** `withLock` extends its lock until it was held for so many milliseconds. @default 300_000, or `ttlMs` if that is more */
  readonly maxHoldMs?: number | undefined;
  /** Told of each promise that outlives its caller, so that the platform keeps the process for it. @default the platform's, as far as it is known */
  readonly waitUntil?: ((promise: Promise<unknown>) => void) | undefined;
  /** Told why Redis could not be asked, and why a release failed that nobody waits for. Must not throw. */
  readonly onError?: ((error: unknown) => void) | undefined;
  /** @default the platform's, from 0 up to, not including, 1 */
  readonly random?: (() => number) | undefined;
}

/** Of one acquisition; what is left out is as for all locks. */
export interface AcquireOptions {
  readonly ttlMs?: number | undefined;
  readonly waitMs?: number | undefined;
  readonly retryMs?: number | undefined;
  /** Ends the wait. The promise rejects with the signal's reason, and nothing stays locked. */
  readonly signal?: AbortSignal | undefined;
}

/** Of one `withLock`; what is left out is as for all locks. */
export interface WithLockOptions extends AcquireOptions {
  readonly maxHoldMs?: number | undefined;
}

/** How one lock is acquired and held. */
export interface LockTerms {
  readonly ttlMs: number;
  readonly waitMs: number;
  readonly retryMs: number;
  readonly maxHoldMs: number;
}

/** Of a lock's life: with less, hardly anything is left of it once drift is allowed for. */
const SHORTEST_TTL_MS = 10;

/** What a timer can wait. */
const LONGEST_MS = 2 ** 31 - 1;
const MAX_HOLD_MS = 300_000;

/** What holds for a lock: `given`, else `defaults`, else ours. @throws ConfigError naming the option */
export function lockTerms(given: WithLockOptions, defaults: WithLockOptions = {}): LockTerms {
  const ttlMs = wholeTtl(given.ttlMs ?? defaults.ttlMs ?? 30_000);
  const unlessNamed = Math.max(defaults.maxHoldMs ?? MAX_HOLD_MS, ttlMs);
  return {
    ttlMs,
    waitMs: wholeNumber('waitMs', given.waitMs ?? defaults.waitMs ?? 0, 0, LONGEST_MS),
    retryMs: wholeNumber('retryMs', given.retryMs ?? defaults.retryMs ?? 100, 1, LONGEST_MS),
    maxHoldMs: wholeNumber('maxHoldMs', given.maxHoldMs ?? unlessNamed, ttlMs, Number.MAX_SAFE_INTEGER),
  };
}

/** @throws ConfigError */
export function wholeTtl(ttlMs: number): number {
  return wholeNumber('ttlMs', ttlMs, SHORTEST_TTL_MS, DAY_MS);
}
