import type { Obstacle } from './response-rules.ts';

/**
 * How the cache tells what it did.
 *
 * - `cache-status`: RFC 9211, as `breakwater; hit; ttl=30`; a `ttl` below 0 is a stale response.
 * - `x-cache`: `HIT`, `STALE`, `MISS` or `BYPASS`.
 */
export type StatusHeader = 'cache-status' | 'x-cache';

export interface StatusRules {
  /** Which headers are added to responses; an empty list for none. @default ['cache-status'] */
  readonly statusHeaders?: readonly StatusHeader[] | undefined;
  /** What this cache is called in `Cache-Status`: a token of RFC 9651. @default 'breakwater' */
  readonly cacheName?: string | undefined;
}

/** What the cache did for a request. */
export type CacheStatus =
  | { readonly hit: true; readonly isStale: boolean; readonly ttlMs: number }
  | {
      readonly hit: false;
      /** Why it did not answer itself: a value of `fwd`. `miss`: there was nothing, or nothing that fits. */
      readonly forward: 'bypass' | 'miss' | 'stale' | 'request';
      /** It waited for the answer to another. */
      readonly isCollapsed?: boolean;
      readonly obstacle?: Obstacle | undefined;
    }
  /** There is nothing, and nobody was asked. */
  | { readonly hit: false; readonly forward: undefined };

/**
 * A copy of `response` that tells of the cache too, behind the caches before it. The body is handed on unread. What cannot
 * be copied, such as a switch of protocols, stays as it is.
 */
export function withCacheStatus(response: Response, status: CacheStatus, rules: StatusRules): Response {
  const { statusHeaders = ['cache-status'], cacheName = 'breakwater' } = rules;
  const copy = statusHeaders.length === 0 ? undefined : copyOf(response);
  if (!copy) return response;
  if (statusHeaders.includes('cache-status')) {
    copy.headers.append('cache-status', [cacheName, ...parameters(status)].join('; '));
  }
  if (statusHeaders.includes('x-cache')) copy.headers.set('x-cache', word(status));
  return copy;
}

function copyOf(response: Response): Response | undefined {
  try {
    return new Response(response.body, response);
  } catch {
    return undefined;
  }
}

function parameters(status: CacheStatus): readonly string[] {
  if (status.hit) return ['hit', `ttl=${Math.floor(status.ttlMs / 1_000)}`];
  if (status.forward === undefined) return ['detail=only-if-cached'];
  const told = [`fwd=${status.forward}`];
  if (status.isCollapsed) told.push('collapsed');
  if (status.obstacle) told.push('stored=?0', `detail=${status.obstacle}`);
  return told;
}

function word(status: CacheStatus): string {
  if (status.hit) return status.isStale ? 'STALE' : 'HIT';
  return status.forward === 'bypass' ? 'BYPASS' : 'MISS';
}
