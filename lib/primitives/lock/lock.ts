import type { Unavailable } from '../unavailable.ts';
import type { AcquireOptions, WithLockOptions } from './lock-options.ts';
import type { LockStats } from './lock-stats.ts';

/** Another has it. */
export interface Contended {
  readonly status: 'contended';
  /** Until the end of the other's lock, in milliseconds, unless that is extended or released. */
  readonly retryAfterMs: number;
}

/** It is not held any more: see {@link Lock.signal}. */
export interface Lost {
  readonly status: 'lost';
}

/** Whether the lock goes on being held. */
export type Extension = { readonly status: 'extended' } | Lost | Unavailable;

/** `lost`: this token did not hold it any more. `unavailable`: it ends by itself, if it has not been released. */
export type Release = { readonly status: 'released' } | Lost | Unavailable;

/** A lock that is held by this process. */
export interface Lock {
  /**
   * Greater than that of everybody who held the lock before. Write it beside all that the lock protects, and let the
   * resource refuse a smaller one. About the clock of Redis in microseconds, below 2^53.
   */
  readonly fence: number;
  /** By which it can be extended and released elsewhere. */
  readonly token: string;
  /**
   * Aborted when the lock is lost, at the latest at its end; the reason is a `LockLostError`. Not by its release. Its timer
   * stands still while the machine sleeps: after that `isValid` knows first, and aborts it.
   */
  readonly signal: AbortSignal;
  /** How long it may be relied on without being extended, in milliseconds; 0 when it is not held any more. No I/O. */
  remainingMs(): number;
  /** Whether it may be relied on now. Ask after everything that may have taken long. No I/O. */
  isValid(): boolean;
  /** A whole life anew, from now on. One request. Redis away: `unavailable`, and the lock lasts as long as before. */
  extend(ttlMs?: number): Promise<Extension>;
  /** Gives it back, once: later calls answer the same. One request. Redis away: `unavailable`; it ends by itself, or is released by another call. */
  release(): Promise<Release>;
}

/** A lock, or why there is none. `unavailable` is not `contended`: nobody can say whether somebody holds it. */
export type Acquisition = { readonly status: 'acquired'; readonly lock: Lock } | Contended | Unavailable;

/** As {@link Acquisition}, with a token to give back by hand. */
export type TokenAcquisition =
  | {
      readonly status: 'acquired';
      readonly token: string;
      /** See {@link Lock.fence}. */
      readonly fence: number;
      /** How long it may be relied on from now on, in milliseconds. */
      readonly remainingMs: number;
    }
  | Contended
  | Unavailable;

/** What work under a lock is given. */
export interface LockContext extends Pick<Lock, 'fence' | 'remainingMs' | 'isValid'> {
  /** Aborted when the lock is lost, with a `LockLostError`; and by the caller's own signal. */
  readonly signal: AbortSignal;
}

/** What became of work under a lock. */
export type LockedWork<T> =
  | { readonly status: 'done'; readonly value: T }
  /** The work was done, but another may have had the lock before it ended. */
  | { readonly status: 'lost'; readonly value: T }
  | Contended
  | Unavailable;

/** What Redis knows of a lock. */
export type LockStatus =
  | { readonly status: 'free' }
  /** `endsInMs`: unless it is extended or released; `undefined` for something that has no end, and is no lock of ours. */
  | { readonly status: 'held'; readonly endsInMs: number | undefined }
  | Unavailable;

/**
 * Locks by key, each held by one at a time as far as a lease on one Redis can say: see docs/locks.md. While Redis is away
 * nobody gets one. Errors of Redis other than an outage are thrown.
 */
export interface Locks {
  /**
   * Runs `work` while it holds the lock of `key`, extends it every third of `ttlMs` up to `maxHoldMs`, and releases it. One
   * request to acquire, one to release, one for each extension, and one for each further time that it asks while it waits.
   * Redis away: `unavailable`, and `work` does not run; away during `work`, the lock is lost at its end.
   *
   * @throws what `work` throws, and the reason of the caller's signal.
   */
  withLock<T>(
    key: string,
    options: WithLockOptions,
    work: (context: LockContext) => T | Promise<T>,
  ): Promise<LockedWork<T>>;
  /**
   * A lock that the caller releases, and extends where `ttlMs` is not enough. One request, and one for each further time that
   * it asks while it waits. A reply that is lost is asked for again, once. Redis away: `unavailable`; with `mayHaveRun` the
   * key may stay locked for `ttlMs`, by nobody.
   *
   * @throws the signal's reason
   */
  acquire(key: string, options?: AcquireOptions): Promise<Acquisition>;
  /** As `acquire`, for a lock that is released by its token, in another process too. No timers. */
  acquireToken(key: string, options?: AcquireOptions): Promise<TokenAcquisition>;
  /** A whole life anew, for who has the token. One request. */
  extendToken(key: string, token: string, ttlMs?: number): Promise<Extension>;
  /** One request. Never another's lock. */
  releaseToken(key: string, token: string): Promise<Release>;
  /** Whether anybody holds it: to be shown, not to be relied on. One request. */
  status(key: string): Promise<LockStatus>;
  /** Of this process. No I/O. */
  stats(): LockStats;
}
