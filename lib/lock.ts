import { wholeNumber } from './client/whole-number.ts';
import { onDefaultClient } from './default-client.ts';
import { isKvError } from './errors.ts';
import type { LockContext, LockedWork, Locks } from './primitives/lock/lock.ts';
import type { WithLockOptions } from './primitives/lock/lock-options.ts';
import { createLocks } from './primitives/lock/locks.ts';

export type * from './primitives/lock/lock.ts';
export { LockLostError, type LossReason } from './primitives/lock/lock-lost-error.ts';
export type { AcquireOptions, LocksOptions, WithLockOptions } from './primitives/lock/lock-options.ts';
export type { LockStats } from './primitives/lock/lock-stats.ts';
export { createLocks };

const SECOND_MS = 1_000;
const DAY_S = 86_400;

/** The locks of the default client, which is made at first use. */
export const defaultLocks: () => Locks = onDefaultClient('locks', ({ kv, logFailure }) =>
  createLocks({
    kv,
    onError(error) {
      // While the circuit is open the one line of its opening has said it.
      if (!isKvError(error) || error.code !== 'CIRCUIT_OPEN') logFailure('ask about a lock', error);
    },
  }),
);

/**
 * Asks once for the lock of `key`, for `ttl` seconds. One request. `null` when another holds it, and also while Redis is
 * away: `withLock` and `createLocks` tell these apart, and give the fence without which the resource cannot refuse a holder
 * whose lock has ended.
 *
 * @param ttl whole seconds, from 1 to a day
 * @returns the token to release it with
 * @throws ConfigError for another `ttl`
 */
export async function acquireLock(key: string, ttl: number = 30): Promise<string | null> {
  const ttlMs = wholeNumber('ttl', ttl, 1, DAY_S) * SECOND_MS;
  const acquired = await defaultLocks().acquireToken(key, { ttlMs });
  return acquired.status === 'acquired' ? acquired.token : null;
}

/**
 * Ends the lock that `token` was given for; never another's. One request. `false` when it had ended before, and also while
 * Redis is away: then it ends by itself.
 */
export async function releaseLock(key: string, token: string): Promise<boolean> {
  return (await defaultLocks().releaseToken(key, token)).status === 'released';
}

/** As {@link Locks.withLock}, on the default client. */
export function withLock<T>(
  key: string,
  options: WithLockOptions,
  work: (context: LockContext) => T | Promise<T>,
): Promise<LockedWork<T>> {
  return defaultLocks().withLock(key, options, work);
}
