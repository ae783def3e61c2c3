import type { Unavailable } from '../unavailable.ts';

/**
 * 503 with `Retry-After`, for a request whose session nobody can say anything about. It sets no cookie, so the browser keeps
 * the one it has, and whoever was logged in still is when Redis is back.
 */
export function sessionUnavailable({ retryAfterMs }: Pick<Unavailable, 'retryAfterMs'>): Response {
  const body = {
    type: 'about:blank',
    title: 'Service Unavailable',
    status: 503,
    detail: 'Sessions cannot be read now.',
  };
  return new Response(JSON.stringify(body), {
    status: 503,
    headers: {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      'retry-after': String(Math.max(1, Math.ceil(retryAfterMs / 1_000))),
    },
  });
}
