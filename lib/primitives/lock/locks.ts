import { createBackground } from '../../client/background.ts';
import { randomShare } from '../../client/crypto.ts';
import { withSignal } from '../../resilience/linked-signal.ts';
import { unlessAway } from '../unavailable.ts';
import { acquireLock, isToken } from './acquisition.ts';
import { keepExtended } from './auto-extension.ts';
import { countedRequests } from './counted-requests.ts';
import { type HeldLock, holdLock } from './held-lock.ts';
import type { Extension, Locks, Release } from './lock.ts';
import { type AcquireOptions, type LocksOptions, type LockTerms, lockTerms } from './lock-options.ts';
import { lockRequests } from './lock-requests.ts';
import { noCounts, statsOf } from './lock-stats.ts';
import { remainingOf } from './validity.ts';

/**
 * Locks on one client: each holder gets a fence by which the resource can refuse all earlier ones. See docs/locks.md for
 * what a lease cannot promise.
 *
 * @throws ConfigError naming the option
 * @example
 * ```ts
 * const locks = createLocks({ kv });
 * const outcome = await locks.withLock('invoice:7', { waitMs: 5_000 }, async ({ signal, fence }) => {
 *   await saveTotal(7, { total: await addUp(7, { signal }), fence });
 * });
 * ```
 */
export function createLocks(options: LocksOptions): Locks {
  const { kv, onError, random = randomShare } = options;
  const { clock } = kv;
  lockTerms(options);
  const counts = noCounts();
  const background = createBackground(options.waitUntil);

  const requestsOf = async (key: string) => countedRequests(await lockRequests(kv, key), counts, onError);

  const acquire = async (key: string, terms: LockTerms, { signal }: AcquireOptions) => {
    const requests = await requestsOf(key);
    const abandon = (token: string) => background.run(() => requests.release(token));
    const answer = await acquireLock({ kv, requests, terms, signal, counts, random, onError, abandon });
    return { requests, answer };
  };

  const acquireHandle = async (key: string, terms: LockTerms, given: AcquireOptions) => {
    const { requests, answer } = await acquire(key, terms, given);
    if (answer.status !== 'acquired') return answer;
    const { token, fence, since } = answer;
    const lock = holdLock({ clock, requests, token, fence, since, ttlMs: terms.ttlMs, counts });
    return { status: answer.status, lock, since };
  };

  return {
    async withLock(key, given, work) {
      const terms = lockTerms(given, options);
      const acquired = await acquireHandle(key, terms, given);
      if (acquired.status !== 'acquired') return acquired;
      const { lock, since } = acquired;
      const stop = keepExtended(lock, { clock, since, ttlMs: terms.ttlMs, maxHoldMs: terms.maxHoldMs });
      const end = () => {
        stop();
        return releaseQuietly(lock);
      };
      const working = withSignal(given.signal, async (controller) => {
        controller.signal.throwIfAborted();
        lock.signal.addEventListener('abort', () => controller.abort(lock.signal.reason), { once: true });
        const { fence, remainingMs, isValid } = lock;
        return work({ signal: controller.signal, fence, remainingMs, isValid });
      });
      const value = await working.catch(async (error: unknown) => {
        await end();
        throw error;
      });
      const isHeld = lock.isValid();
      const release = await end();
      return { status: isHeld && release?.status !== 'lost' ? 'done' : 'lost', value };
    },

    async acquire(key, given = {}) {
      const acquired = await acquireHandle(key, lockTerms(given, options), given);
      if (acquired.status !== 'acquired') return acquired;
      const { endsBy: _, ...lock } = acquired.lock;
      return { status: 'acquired', lock };
    },

    async acquireToken(key, given = {}) {
      const terms = lockTerms(given, options);
      const { answer } = await acquire(key, terms, given);
      if (answer.status !== 'acquired') return answer;
      const { status, token, fence, since } = answer;
      return { status, token, fence, remainingMs: remainingOf({ since, ttlMs: terms.ttlMs }, clock) };
    },

    async extendToken(key, token, given) {
      const { ttlMs } = lockTerms({ ttlMs: given }, options);
      if (!isToken(token)) return { status: 'lost' };
      return unlessAway<Extension>(async () => {
        const isExtended = await (await requestsOf(key)).extend(token, ttlMs);
        return { status: isExtended ? 'extended' : 'lost' };
      });
    },

    async releaseToken(key, token) {
      if (!isToken(token)) return { status: 'lost' };
      return unlessAway<Release>(async () => {
        const isReleased = await (await requestsOf(key)).release(token);
        return { status: isReleased ? 'released' : 'lost' };
      });
    },

    status: (key) => unlessAway(async () => (await requestsOf(key)).status()),

    stats: () => statsOf(counts),
  };
}

/** What goes wrong has been counted and reported, and the lock ends by itself: the caller's result is not its business. */
async function releaseQuietly(lock: HeldLock): Promise<Release | undefined> {
  try {
    return await lock.release();
  } catch {
    // A key that holds something else, say.
    return undefined;
  }
}
