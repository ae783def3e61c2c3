import { randomShare } from '../client/crypto.ts';
import { pause } from '../client/pause.ts';
import type { Clock } from '../clock.ts';
import { ConfigError } from '../errors.ts';
import type { LimitResult } from './result.ts';

export interface WaitBounds {
  readonly maxWaitMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Of the time that a refusal names, how much more is waited at most: those who wait shall not all come back at once. */
const JITTER = 0.1;
/** So that a refusal that names hardly any time is not answered by a storm. */
const SHORTEST_MS = 1;

/** What a timer can wait; beyond it, it would ring at once. */
const LONGEST_MS = 2 ** 31 - 1;

/** Checks until it is allowed, or until the next wait would end too late. @throws ConfigError; the signal's reason */
export async function waitUntilReady(
  clock: Clock,
  check: () => Promise<LimitResult>,
  { maxWaitMs, signal }: WaitBounds,
): Promise<LimitResult> {
  if (!(maxWaitMs >= 0 && maxWaitMs <= LONGEST_MS)) {
    throw new ConfigError('maxWaitMs', `must be a number of milliseconds from 0 to ${LONGEST_MS}, got ${maxWaitMs}`);
  }
  const startedAt = clock.monotonic();
  // A clock that stands still within a request must not make the wait endless.
  let pausedMs = 0;
  for (;;) {
    signal?.throwIfAborted();
    const result = await check();
    const { allowed, retryAfterMs } = result;
    const leftMs = maxWaitMs - Math.max(pausedMs, clock.monotonic() - startedAt);
    if (allowed || retryAfterMs === undefined || retryAfterMs > leftMs) return result;
    const jittered = Math.max(SHORTEST_MS, retryAfterMs) * (1 + JITTER * randomShare());
    const pauseMs = Math.max(SHORTEST_MS, Math.min(jittered, leftMs));
    await pause(clock, pauseMs, signal);
    pausedMs += pauseMs;
  }
}
