import type { LimitResult } from '../limit/result.ts';

/**
 * `RateLimit-Policy` and `RateLimit` as structured fields, draft-ietf-httpapi-ratelimit-headers-11; `Retry-After` on
 * refusal, RFC 9110. Nothing is said of what is not known.
 */
export function rateHeaders({ allowed, policies, retryAfterMs }: LimitResult): readonly (readonly [string, string])[] {
  const offered = policies.map(({ policy, limit, windowMs }) => `"${policy}";q=${limit};w=${seconds(windowMs)}`);
  const left = policies.flatMap(({ policy, remaining, resetAfterMs, retryAfterMs: wait }) => {
    const window = wait ?? resetAfterMs;
    return remaining === undefined || window === undefined ? [] : [`"${policy}";r=${remaining};t=${seconds(window)}`];
  });
  const headers: [string, string][] = [['ratelimit-policy', offered.join(', ')]];
  if (left.length > 0) headers.push(['ratelimit', left.join(', ')]);
  if (!allowed && retryAfterMs !== undefined) headers.push(['retry-after', String(seconds(retryAfterMs))]);
  return headers;
}

/** Whole seconds, rounded up: a client that waits as long as it is told must not come too early. */
export function seconds(ms: number): number {
  return Math.ceil(ms / 1000);
}
