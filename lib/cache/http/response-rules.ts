import { type Directives, durationMs, readDirectives } from './cache-control.ts';

/** Which responses are stored, and for how long. */
export interface ResponseRules {
  /**
   * For how long a response is fresh that says nothing of it, neither by `Cache-Control` nor by `Expires`; 0 for not to
   * store it, in milliseconds. @default 0
   */
  readonly ttlMs?: number | undefined;
  /** However long a response says that it is fresh, in milliseconds. @default 86_400_000 */
  readonly maxTtlMs?: number | undefined;
  /** The same for 404, 405, 410 and 414; 0 for not to store them. @default 0 */
  readonly negativeTtlMs?: number | undefined;
  /** Longer bodies are handed out and not stored; the cache's `maxValueBytes` bounds them too. @default 1_048_576 */
  readonly maxBodyBytes?: number | undefined;
  /** See `KeyRules`. */
  readonly varyOn?: readonly string[] | undefined;
}

/** How long a stored response is good for, counted from when it was made here. */
export interface ResponseLife {
  readonly ttlMs: number;
  /** How old it was already, by its `Age` and its `Date`. */
  readonly ageMs: number;
  /** After `ttlMs`; `undefined` where the response leaves it to the cache. */
  readonly staleWhileRevalidateMs: number | undefined;
  readonly staleIfErrorMs: number | undefined;
}

/** Why a response is not stored: a token of `Cache-Status`. */
export type Obstacle =
  | 'status'
  | 'set-cookie'
  | 'partial'
  | 'event-stream'
  | 'cache-control'
  | 'vary'
  | 'encoding'
  | 'body'
  | 'lifetime';

export type Verdict =
  | { readonly isStorable: true; readonly life: ResponseLife }
  | { readonly isStorable: false; readonly obstacle: Obstacle };

/**
 * Of what RFC 9110 lets a cache store by itself: what is a whole answer to everybody. Not 206, which is a part, 300, which
 * is a choice, and 501, which like all errors of the server is not worth keeping.
 */
const STORABLE = new Set([200, 203, 204, 301, 308]);
const NEGATIVE = new Set([404, 405, 410, 414]);

/** With arguments too: `no-cache="x"` and `private="x"` allow the rest, which we do not take apart. */
const FORBIDDING = ['no-store', 'no-cache', 'private'];

/** Whether a response to a GET may be given to others. Reads nothing of its body. @param now Unix milliseconds */
export function judgeResponse(response: Response, rules: ResponseRules, now: number): Verdict {
  const { headers } = response;
  const directives = readDirectives(headers.get('cache-control'));
  const obstacle = obstacleOf(response, rules, directives);
  if (obstacle !== undefined || !directives) return { isStorable: false, obstacle: obstacle ?? 'cache-control' };
  const life = lifeOf(response, rules, directives, now);
  return life.ttlMs > 0 ? { isStorable: true, life } : { isStorable: false, obstacle: 'lifetime' };
}

function obstacleOf(
  { status, headers, body, bodyUsed }: Response,
  { varyOn = [], negativeTtlMs = 0, maxBodyBytes = 1_048_576 }: ResponseRules,
  directives: Directives | undefined,
): Obstacle | undefined {
  if (!STORABLE.has(status) && !(NEGATIVE.has(status) && negativeTtlMs > 0)) return 'status';
  if (headers.has('set-cookie')) return 'set-cookie';
  if (headers.has('content-range')) return 'partial';
  if (/^text\/event-stream\b/i.test(headers.get('content-type') ?? '')) return 'event-stream';
  if (!directives || FORBIDDING.some((name) => directives.has(name))) return 'cache-control';
  if (!headers.has('cache-control') && /\bno-cache\b/i.test(headers.get('pragma') ?? '')) return 'cache-control';
  const keyed = new Set(varyOn.map((name) => name.toLowerCase()));
  if (listed(headers.get('vary')).some((name) => name === '*' || !keyed.has(name))) return 'vary';
  // A handler that compresses for one and forgets to say so would have everybody read it.
  const isEncoded = listed(headers.get('content-encoding')).some((coding) => coding !== 'identity');
  if (isEncoded && !keyed.has('accept-encoding')) return 'encoding';
  if (bodyUsed || body?.locked || Number(headers.get('content-length')) > maxBodyBytes) return 'body';
  return undefined;
}

/** The members of a list of tokens, in lower case. */
function listed(field: string | null): readonly string[] {
  const members = (field ?? '').split(',').map((member) => member.trim().toLowerCase());
  return members.filter((member) => member !== '');
}

function lifeOf(
  { status, headers }: Response,
  { ttlMs = 0, maxTtlMs = 86_400_000, negativeTtlMs = 0 }: ResponseRules,
  directives: Directives,
  now: number,
): ResponseLife {
  const told = durationMs(directives, 's-maxage') ?? durationMs(directives, 'max-age') ?? expiresInMs(headers, now);
  const ageMs = Math.max(secondsOf(headers.get('age')) * 1_000, apparentAgeMs(headers, now));
  const longest = NEGATIVE.has(status) ? Math.min(negativeTtlMs, maxTtlMs) : maxTtlMs;
  return { ttlMs: Math.min((told ?? ttlMs) - ageMs, longest), ageMs, ...staleness(directives) };
}

/**
 * RFC 9111 does not let a configuration overrule what forbids stale responses, and `s-maxage` is one that does (5.2.2.10),
 * unless the response allows them itself (RFC 5861).
 */
function staleness(directives: Directives): Pick<ResponseLife, 'staleWhileRevalidateMs' | 'staleIfErrorMs'> {
  if (directives.has('must-revalidate') || directives.has('proxy-revalidate')) {
    return { staleWhileRevalidateMs: 0, staleIfErrorMs: 0 };
  }
  const unsaid = directives.has('s-maxage') ? 0 : undefined;
  return {
    staleWhileRevalidateMs: durationMs(directives, 'stale-while-revalidate') ?? unsaid,
    staleIfErrorMs: durationMs(directives, 'stale-if-error') ?? unsaid,
  };
}

/** `undefined` without `Expires`; 0 where it cannot be read: `0` and `-1` are often sent, and mean that. */
function expiresInMs(headers: Headers, now: number): number | undefined {
  const expires = headers.get('expires');
  if (expires === null) return undefined;
  const from = readHttpDate(headers.get('date')) ?? now;
  return Math.max(0, (readHttpDate(expires) ?? from) - from);
}

/** By its `Date`, in whole seconds as that is: a response may have been kept by another cache that has not said so. */
function apparentAgeMs(headers: Headers, now: number): number {
  const madeAt = readHttpDate(headers.get('date')) ?? now;
  return Math.max(0, Math.floor((now - madeAt) / 1_000) * 1_000);
}

const IMF_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/** Unix milliseconds of a date as HTTP writes it; the two forms that were obsolete in 1997 count as none. */
export function readHttpDate(text: string | null): number | undefined {
  if (text === null || !IMF_DATE.test(text)) return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : at;
}

/** An `Age` that cannot be read is none: RFC 9111, section 5.1. */
function secondsOf(age: string | null): number {
  const [first = ''] = (age ?? '').split(',', 1);
  return /^\d{1,10}$/.test(first.trim()) ? Number(first) : 0;
}
