import { randomShare } from '../client/crypto.ts';
import type { Clock } from '../clock.ts';
import type { LimitResult } from './result.ts';

export interface WaitBounds {
  readonly maxWaitMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Of the time that a refusal names, how much more is waited at most: those who wait shall not all come back at once. */
const JITTER = 0.1;
/** So that a refusal that names hardly any time is not answered by a storm. */
const SHORTEST_MS = 1;

/** Checks until it is allowed, or until the next wait would end too late. @throws the signal's reason */
export async function waitUntilReady(
  clock: Clock,
  check: () => Promise<LimitResult>,
  { maxWaitMs, signal }: WaitBounds,
): Promise<LimitResult> {
  const endsAt = clock.monotonic() + maxWaitMs;
  for (;;) {
    signal?.throwIfAborted();
    const result = await check();
    const { allowed, retryAfterMs } = result;
    const leftMs = endsAt - clock.monotonic();
    if (allowed || retryAfterMs === undefined || retryAfterMs > leftMs) return result;
    const jittered = Math.max(SHORTEST_MS, retryAfterMs) * (1 + JITTER * randomShare());
    await pause(clock, Math.min(jittered, Math.max(retryAfterMs, leftMs)), signal);
  }
}

function pause(clock: Clock, ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = () => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = clock.after(ms, () => {
      signal?.removeEventListener('abort', leave);
      resolve();
    });
    signal?.addEventListener('abort', leave, { once: true });
  });
}
