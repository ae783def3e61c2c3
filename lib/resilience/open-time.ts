import { ConfigError } from '../errors.ts';

/** How the time that the circuit stays open grows while the store stays away. */
export interface OpenBackoff {
  /** Each failed probe multiplies the time by this; 1 is no growth. @default 2 */
  readonly factor?: number | undefined;
  /** Where the growth ends, before jitter, in milliseconds; at least `timeout`. @default 300_000, or `timeout` if longer */
  readonly maxMs?: number | undefined;
  /**
   * Up to this share is added at random, from 0 to 1, so that processes that lost their Redis together do not all try it
   * again together. Never subtracted: `timeout` is the least that was asked for. @default 0.2
   */
  readonly jitter?: number | undefined;
}

export interface ResolvedBackoff {
  readonly baseMs: number;
  readonly factor: number;
  readonly maxMs: number;
  readonly jitter: number;
}

/** @throws ConfigError naming the option. */
export function resolveOpenBackoff(backoff: OpenBackoff | undefined, timeout: number): ResolvedBackoff {
  if (!backoff) return { baseMs: timeout, factor: 1, maxMs: timeout, jitter: 0 };
  const { factor = 2, maxMs = Math.max(300_000, timeout), jitter = 0.2 } = backoff;
  if (!(Number.isFinite(factor) && factor >= 1)) {
    throw new ConfigError('breaker.openBackoff.factor', `must be a number of at least 1, got ${factor}`);
  }
  if (!(Number.isFinite(maxMs) && maxMs >= timeout)) {
    throw new ConfigError('breaker.openBackoff.maxMs', `must be a number not below breaker.timeout, got ${maxMs}`);
  }
  if (!(jitter >= 0 && jitter <= 1)) {
    throw new ConfigError('breaker.openBackoff.jitter', `must be a number from 0 to 1, got ${jitter}`);
  }
  return { baseMs: timeout, factor, maxMs, jitter };
}

/** @param chance from 0 to 1: how much of the jitter this opening gets. */
export function openTimeMs(backoff: ResolvedBackoff, reopenCount: number, chance: number): number {
  const { baseMs, factor, maxMs, jitter } = backoff;
  return Math.min(baseMs * factor ** reopenCount, maxMs) * (1 + jitter * chance);
}

/** The longest that {@link openTimeMs} can answer. */
export function longestOpenMs({ maxMs, jitter }: ResolvedBackoff): number {
  return maxMs * (1 + jitter);
}
