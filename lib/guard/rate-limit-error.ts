import type { LimitResult } from '../limit/result.ts';
import { rateHeaders } from './rate-headers.ts';
import { toResponse } from './respond.ts';

/** A refusal thrown by the functions that throw one. Says the limit and the minutes to wait; nothing of whose it is. */
export class RateLimitError extends Error {
  readonly code = 'RATE_LIMITED';
  readonly status = 429;
  readonly limit: number;
  readonly retryAfterMs: number | undefined;
  readonly result: LimitResult;

  constructor(result: LimitResult) {
    const { limit, retryAfterMs } = result;
    super(`Rate limit of ${limit} requests exceeded. ${advice(retryAfterMs)}`);
    this.name = 'RateLimitError';
    this.limit = limit;
    this.retryAfterMs = retryAfterMs;
    this.result = result;
  }

  /** `RateLimit`, `RateLimit-Policy` and `Retry-After`, ready to send. */
  get headers(): Record<string, string> {
    return Object.fromEntries(rateHeaders(this.result));
  }

  /** The refusal as problem details. */
  toResponse(): Response {
    return toResponse({
      outcome: 'deny',
      status: 429,
      code: 'quota-exceeded',
      retryAfterMs: this.retryAfterMs,
      limits: this.result,
      degraded: this.result.basis === 'store' ? [] : ['limit'],
    });
  }
}

function advice(retryAfterMs: number | undefined): string {
  if (retryAfterMs === undefined) return 'It can never be met.';
  const minutes = Math.ceil(retryAfterMs / 60_000);
  return `Try again in ${minutes} ${minutes === 1 ? 'minute' : 'minutes'}.`;
}
