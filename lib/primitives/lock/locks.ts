import { randomShare } from '../../client/crypto.ts';
import { reportTo } from '../../events.ts';
import { withSignal } from '../../resilience/linked-signal.ts';
import { unavailableBy } from '../unavailable.ts';
import { acquireLock, isToken } from './acquisition.ts';
import { keepExtended } from './auto-extension.ts';
import { type HeldLock, holdLock } from './held-lock.ts';
import type { Extension, Locks } from './lock.ts';
import { type AcquireOptions, type LocksOptions, type LockTerms, lockTerms } from './lock-options.ts';
import { type LockRequests, lockRequests } from './lock-requests.ts';
import { noCounts, statsOf } from './lock-stats.ts';
import { remainingOf } from './validity.ts';

/**
 * Locks on one client: each holder gets a fence by which the resource can refuse all earlier ones. See docs/locks.md for
 * what a lease cannot promise.
 *
 * @throws ConfigError naming the option
 * @example
 * const locks = createLocks({ kv });
 * const outcome = await locks.withLock('invoice:7', { waitMs: 5_000 }, async ({ signal, fence }) => {
 *   await send(invoice, { signal, fence });
 * });
 */
export function createLocks(options: LocksOptions): Locks {
  const { kv, waitUntil, onError, random = randomShare } = options;
  const { clock } = kv;
  lockTerms(options);
  const counts = noCounts();

  const abandon = (requests: LockRequests) => (token: string) => {
    const released = requests.release(token).catch((error: unknown) => {
      counts.releaseErrors += 1;
      reportTo(onError, error);
    });
    try {
      waitUntil?.(released);
    } catch {
      // Outside a request some platforms refuse it: then nothing has to be kept awake.
    }
  };

  const acquire = async (key: string, terms: LockTerms, { signal }: AcquireOptions) => {
    const requests = await lockRequests(kv, key);
    const given = { kv, requests, terms, signal, counts, random, onError, abandon: abandon(requests) };
    return { requests, answer: await acquireLock(given) };
  };

  const acquireHandle = async (key: string, terms: LockTerms, given: AcquireOptions) => {
    const { requests, answer } = await acquire(key, terms, given);
    if (answer.status !== 'acquired') return answer;
    const { token, fence, since } = answer;
    const lock = holdLock({ clock, requests, token, fence, since, ttlMs: terms.ttlMs, counts, onError });
    return { status: answer.status, lock, since };
  };

  return {
    async withLock(key, given, work) {
      const terms = lockTerms(given, options);
      const acquired = await acquireHandle(key, terms, given);
      if (acquired.status !== 'acquired') return acquired;
      const { lock, since } = acquired;
      const stop = keepExtended(lock, { clock, since, ttlMs: terms.ttlMs, maxHoldMs: terms.maxHoldMs });
      try {
        const value = await withSignal(given.signal, async (controller) => {
          controller.signal.throwIfAborted();
          lock.signal.addEventListener('abort', () => controller.abort(lock.signal.reason), { once: true });
          const { fence, remainingMs, isValid } = lock;
          return work({ signal: controller.signal, fence, remainingMs, isValid });
        });
        return { status: lock.isValid() ? 'done' : 'lost', value };
      } finally {
        stop();
        await releaseQuietly(lock);
      }
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

    async extendToken(key, token, ttlMs) {
      const terms = lockTerms({ ttlMs }, options);
      if (!isToken(token)) return { status: 'lost' };
      return unlessAway<Extension>(async () => {
        const isExtended = await (await lockRequests(kv, key)).extend(token, terms.ttlMs);
        if (isExtended) counts.extended += 1;
        return { status: isExtended ? 'extended' : 'lost' };
      });
    },

    async releaseToken(key, token) {
      if (!isToken(token)) return { status: 'lost' };
      return unlessAway(
        async () => {
          const isReleased = await (await lockRequests(kv, key)).release(token);
          if (isReleased) counts.released += 1;
          return { status: isReleased ? 'released' : 'lost' };
        },
        () => {
          counts.releaseErrors += 1;
        },
      );
    },

    status: (key) =>
      unlessAway(async () => {
        return (await lockRequests(kv, key)).status();
      }),

    stats: () => statsOf(counts),
  };

  async function unlessAway<A>(ask: () => Promise<A>, failed?: () => void) {
    try {
      return await ask();
    } catch (error) {
      failed?.();
      reportTo(onError, error);
      return unavailableBy(error);
    }
  }
}

/** What goes wrong has been counted and reported, and the lock ends by itself. The caller's result is not its business. */
async function releaseQuietly(lock: HeldLock): Promise<void> {
  try {
    await lock.release();
  } catch {
    // A key that holds something else, say.
  }
}
