import type { LimitResult } from '../limit/result.ts';
import { deny, refusalBy } from './decision.ts';
import { rateHeaders } from './rate-headers.ts';
import { toResponse } from './respond.ts';

/**
 * A refusal thrown by the functions that throw one. Says the limit and the minutes to wait; nothing of whose it is. Where
 * nothing could be counted, and the configuration says to refuse then, it is a 503: nobody has used anything up.
 */
export class RateLimitError extends Error {
  readonly code = 'RATE_LIMITED';
  readonly status: 429 | 503;
  readonly limit: number;
  readonly retryAfterMs: number | undefined;
  readonly result: LimitResult;

  constructor(result: LimitResult) {
    const { limit, retryAfterMs, basis } = result;
    super(
      basis === 'policy'
        ? 'Requests cannot be counted at the moment.'
        : `Rate limit of ${limit} requests exceeded. ${advice(retryAfterMs)}`,
    );
    this.name = 'RateLimitError';
    this.status = basis === 'policy' ? 503 : 429;
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
    return toResponse(refusalBy(this.result) ?? deny(429, 'quota-exceeded', { limits: this.result }));
  }
}

function advice(retryAfterMs: number | undefined): string {
  if (retryAfterMs === undefined) return 'It can never be met.';
  const minutes = Math.ceil(retryAfterMs / 60_000);
  return `Try again in ${minutes} ${minutes === 1 ? 'minute' : 'minutes'}.`;
}
