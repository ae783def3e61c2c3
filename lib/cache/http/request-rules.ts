import { type Directives, readDirectives } from './cache-control.ts';
import { isKeyable, type KeyRules } from './request-key.ts';

/** Which requests are answered from the cache. */
export interface RequestRules extends KeyRules {
  /**
   * Headers that say who asks, beside `authorization`, `proxy-authorization`, `cookie`, `x-api-key` and
   * `x-breakwater-identity`. A request that has one goes to the handler, unless `varyOn` names that header. @default []
   */
  readonly credentials?: readonly string[] | undefined;
  /**
   * Whether a request may ask for a new response (`Cache-Control: no-cache` or `max-age=0`), or for a stored one alone
   * (`only-if-cached`). Any client could go past the cache with it, and have the handler do all the work. @default false
   */
  readonly honourRequestDirectives?: boolean | undefined;
}

/**
 * What becomes of a request.
 *
 * - `pass`: it is none of the cache's business, and neither is the response.
 * - `bypass`: the handler answers it, and nothing is stored.
 * - `load`: what is stored, or what the handler answers now, for all who ask the same.
 * - `read`: what is stored, else the handler answers this one request.
 * - `reload`: what the handler answers now, for all who ask later.
 * - `only-if-cached`: what is stored, or nothing.
 */
export type Treatment = 'pass' | 'bypass' | 'load' | 'read' | 'reload' | 'only-if-cached';

const CREDENTIALS = ['authorization', 'proxy-authorization', 'cookie', 'x-api-key', 'x-breakwater-identity'];

/**
 * They ask for a part, for another protocol, or for what only the origin may decide: RFC 9111, section 4.3.2, has a cache
 * evaluate neither `If-Match` nor `If-Unmodified-Since`.
 */
const FOR_THE_ORIGIN = ['range', 'upgrade', 'if-match', 'if-unmodified-since'];

export function treatmentOf(request: Request, rules: RequestRules): Treatment {
  const { method, headers } = request;
  if (method !== 'GET' && method !== 'HEAD') return 'pass';
  if (FOR_THE_ORIGIN.some((name) => headers.has(name))) return 'pass';
  if (hasCredentials(headers, rules) || !isKeyable(request, rules)) return 'bypass';
  // What cannot be read says nothing: else it would be a way around the cache.
  const directives = readDirectives(headers.get('cache-control'));
  if (rules.honourRequestDirectives) {
    if (directives?.has('only-if-cached')) return 'only-if-cached';
    if (method === 'GET' && wantsReload(headers, directives)) return directives?.has('no-store') ? 'bypass' : 'reload';
  }
  // The answer to a HEAD has no body that a GET could be given.
  return method === 'HEAD' || directives?.has('no-store') ? 'read' : 'load';
}

function hasCredentials(headers: Headers, { credentials = [], varyOn = [] }: RequestRules): boolean {
  const keyed = new Set(varyOn.map((name) => name.toLowerCase()));
  return [...CREDENTIALS, ...credentials].some((name) => headers.has(name) && !keyed.has(name.toLowerCase()));
}

function wantsReload(headers: Headers, directives: Directives | undefined): boolean {
  if (!headers.has('cache-control')) return /\bno-cache\b/i.test(headers.get('pragma')?.slice(0, 64) ?? '');
  return directives?.has('no-cache') || directives?.get('max-age')?.includes('0') || false;
}
