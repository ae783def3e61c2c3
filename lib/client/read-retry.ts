import type { Clock } from '../clock.ts';
import { ConfigError, isKvError } from '../errors.ts';

export interface RetrySettings {
  /** Send a call that only reads once more when its request failed. @default false */
  readonly reads?: boolean | undefined;
  /** Tokens that the client starts with and can save up. @default 500 */
  readonly capacity?: number | undefined;
  /** Tokens that one retry costs. A read that succeeds at once earns one. @default 5 */
  readonly cost?: number | undefined;
}

/** Runs `attempt` with the milliseconds it may take; a second time at most. */
export type Retry = <T>(timeoutMs: number, attempt: (timeoutMs: number) => Promise<T>) => Promise<T>;

/**
 * One further attempt for reads, at once and within the same deadline. It is an ordinary request: the breaker is asked
 * for it, and it is a sample. A bucket of tokens (the constants of the AWS SDKs) ends retries in an outage after a
 * hundred, and lets them come back by one in five reads that succeed.
 *
 * Not retried: what ran into its deadline (there is no time left), what the server asked to wait for, refused
 * credentials, a used-up quota, and anything that this client refused itself.
 *
 * @throws ConfigError
 */
export function createReadRetry({ capacity = 500, cost = 5 }: RetrySettings, clock: Clock): Retry {
  for (const [option, value] of Object.entries({ capacity, cost })) {
    if (!Number.isFinite(value) || value < 1) {
      throw new ConfigError(`retry.${option}`, `must be a number of at least 1, got ${value}`);
    }
  }
  let tokens = capacity;
  return async (timeoutMs, attempt) => {
    const endsAt = clock.monotonic() + timeoutMs;
    try {
      const value = await attempt(timeoutMs);
      tokens = Math.min(capacity, tokens + 1);
      return value;
    } catch (error) {
      const leftMs = endsAt - clock.monotonic();
      if (!isPassing(error) || leftMs < 1 || tokens < cost) throw error;
      tokens -= cost;
      return attempt(leftMs);
    }
  };
}

/** Whether the same request may well succeed a moment later. */
function isPassing(error: unknown): boolean {
  if (!isKvError(error) || error.code !== 'STORE' || error.retryAfterMs !== undefined) return false;
  if (error.kind === 'http') return error.status !== 429;
  return error.kind === 'network' || error.kind === 'protocol' || error.kind === 'unavailable';
}
