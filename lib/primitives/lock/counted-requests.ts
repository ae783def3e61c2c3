import { reportTo } from '../../events.ts';
import type { LockRequests } from './lock-requests.ts';
import type { LockCounts } from './lock-stats.ts';

/**
 * `requests`, with a count of what Redis did, and with word of why it could not be asked. Acquisitions are counted by who
 * makes them: one may take several requests.
 */
export function countedRequests(
  requests: LockRequests,
  counts: LockCounts,
  onError: ((error: unknown) => void) | undefined,
): LockRequests {
  const reported = async <A>(answer: Promise<A>): Promise<A> => {
    try {
      return await answer;
    } catch (error) {
      reportTo(onError, error);
      throw error;
    }
  };

  return {
    acquire: requests.acquire,
    async extend(token, ttlMs, options) {
      const isExtended = await reported(requests.extend(token, ttlMs, options));
      if (isExtended) counts.extended += 1;
      return isExtended;
    },
    async release(token) {
      try {
        const isReleased = await reported(requests.release(token));
        if (isReleased) counts.released += 1;
        return isReleased;
      } catch (error) {
        counts.releaseErrors += 1;
        throw error;
      }
    },
    status: () => reported(requests.status()),
  };
}
