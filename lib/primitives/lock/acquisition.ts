import { randomBase62 } from '../../client/crypto.ts';
import type { KvClient } from '../../client/kv-client.ts';
import { pause } from '../../client/pause.ts';
import { RETRY_MS } from '../../client/retry-after.ts';
import { elapsedSince, type Instant, instant } from '../../clock.ts';
import { isUnavailable } from '../../errors.ts';
import { reportTo } from '../../events.ts';
import { type Unavailable, unavailableBy } from '../unavailable.ts';
import type { Contended } from './lock.ts';
import type { LockTerms } from './lock-options.ts';
import type { Answer, LockRequests } from './lock-requests.ts';
import type { LockCounts } from './lock-stats.ts';
import { remainingOf } from './validity.ts';

/** A lock as Redis has given it. */
export interface Grant {
  readonly status: 'acquired';
  readonly token: string;
  readonly fence: number;
  /** From when on its life counts: before it was asked for. */
  readonly since: Instant;
}

export interface AcquisitionOptions {
  readonly kv: KvClient;
  readonly requests: LockRequests;
  readonly terms: LockTerms;
  readonly signal: AbortSignal | undefined;
  readonly counts: LockCounts;
  readonly random: () => number;
  readonly onError: ((error: unknown) => void) | undefined;
  /** Releases in the background what may have been granted to nobody. */
  readonly abandon: (token: string) => void;
}

/** 22 characters of base62 are 131 bits. */
const TOKEN_LENGTH = 22;

/** Whoever waits for the last moments of a lock shall not ask all the time. */
const SHORTEST_PAUSE_MS = 5;

/** Whether `token` can be one of a lock. */
export function isToken(token: unknown): token is string {
  return typeof token === 'string' && token.length === TOKEN_LENGTH && /^[0-9A-Za-z]+$/.test(token);
}

/**
 * Asks for a lock until it is there or `waitMs` is over. Who waits asks again after a random share of `retryMs`, or of what
 * is left of the other's lock if that is less: all alike, however long they have waited. Nobody is in a queue.
 *
 * @throws the signal's reason
 */
export async function acquireLock(options: AcquisitionOptions): Promise<Grant | Contended | Unavailable> {
  const { kv, terms, signal, counts, random, abandon } = options;
  const asking = createAsking(options);
  const begunAt = instant(kv.clock);
  let isContended = false;
  for (;;) {
    signal?.throwIfAborted();
    const leftMs = terms.waitMs - elapsedSince(begunAt, kv.clock);
    const answer = await asking(leftMs);
    if (signal?.aborted) {
      // Its caller left as the answer came: nobody would release it.
      if (answer.status === 'acquired') abandon(answer.token);
      throw signal.reason;
    }
    if (answer.status !== 'contended') {
      counts[answer.status] += 1;
      kv.measure.lock(answer.status);
      return answer;
    }
    if (!isContended) counts.contended += 1;
    isContended = true;
    const stillMs = terms.waitMs - elapsedSince(begunAt, kv.clock);
    if (stillMs <= 0) {
      counts.timedOut += 1;
      kv.measure.lock('timeout');
      return answer;
    }
    const jittered = random() * Math.min(answer.retryAfterMs, terms.retryMs);
    await pause(kv.clock, Math.min(Math.max(SHORTEST_PAUSE_MS, jittered), stillMs), signal);
  }
}

/** One token's questions. One whose reply was lost is asked again at once, one time: the same token gets the same grant. */
function createAsking({ kv, requests, terms, signal, onError, abandon }: AcquisitionOptions) {
  const token = randomBase62(TOKEN_LENGTH);
  let mayRepeat = true;

  const ask = async (timeoutMs: number): Promise<Grant | Contended | Unavailable> => {
    const since = instant(kv.clock);
    const answer: Answer = await requests.acquire(token, terms.ttlMs, { signal, timeoutMs });
    if (!answer.isGranted) {
      return { status: 'contended', retryAfterMs: answer.endsInMs < 0 ? RETRY_MS : answer.endsInMs };
    }
    if (remainingOf({ since, ttlMs: terms.ttlMs }, kv.clock) > 0) {
      return { status: 'acquired', token, fence: answer.fence, since };
    }
    // It took so long to hear of it that another may have it by now.
    abandon(token);
    return { status: 'unavailable', retryAfterMs: RETRY_MS, mayHaveRun: true };
  };

  const within = async (timeoutMs: number, wasLost = false): Promise<Grant | Contended | Unavailable> => {
    const startedAt = instant(kv.clock);
    try {
      return await ask(timeoutMs);
    } catch (error) {
      if (signal?.aborted) {
        abandon(token);
        throw error;
      }
      const unavailable = unavailableBy(error);
      const leftMs = timeoutMs - elapsedSince(startedAt, kv.clock);
      if (mayRepeat && leftMs >= 1 && isReplyLost(error)) {
        mayRepeat = false;
        return within(leftMs, true);
      }
      // The first one may have been granted, whatever kept the second from being sent.
      const mayHaveRun = wasLost || unavailable.mayHaveRun;
      if (mayHaveRun) abandon(token);
      reportTo(onError, error);
      return { ...unavailable, mayHaveRun };
    }
  };

  return (waitMs: number) => within(Math.max(waitMs, kv.requestTimeoutMs));
}

/** Whether the lock may be ours, and it is worth asking at once: not where the server asked to wait. */
function isReplyLost(error: unknown): boolean {
  if (!isUnavailable(error) || error.code === 'CIRCUIT_OPEN' || !error.mayHaveRun) return false;
  return error.code === 'DEADLINE' || error.retryAfterMs === undefined;
}
