import type { LimitResult } from '../limit/result.ts';

/** Who asked, as far as an API key tells. */
export interface Identity {
  readonly id: string;
  readonly owner: string;
  readonly scopes: readonly string[];
}

/** Why a request is refused: `code` of the problem that it is answered with. */
export type RefusalCode =
  /** No two servers agree on what it decodes to. */
  | 'path-malformed'
  | 'api-key-missing'
  | 'api-key-malformed'
  | 'api-key-invalid'
  /** On a list of those who are never let in. */
  | 'address-denied'
  | 'key-denied'
  /** The key is valid, and has not all the scopes that the route asks for. */
  | 'scope-missing'
  | 'quota-exceeded'
  /** This address has tried so many keys which do not exist that only those known to be valid are taken from it. */
  | 'too-many-unknown-keys'
  /** Nobody can say whether the key is valid. */
  | 'key-store-unavailable'
  /** Limits cannot be counted, and the configuration says to refuse. */
  | 'limits-unavailable'
  /** The configuration of this deployment is wrong; its log says how. */
  | 'misconfigured';

/** What could not rest on Redis. */
export type Degradation = 'limit' | 'keys';

export interface Allowance {
  readonly outcome: 'allow';
  readonly identity: Identity | undefined;
  readonly limits: LimitResult | undefined;
  readonly degraded: readonly Degradation[];
}

export interface Refusal {
  readonly outcome: 'deny';
  readonly status: 400 | 401 | 403 | 429 | 503;
  readonly code: RefusalCode;
  /** What the route asks for, where the key has not all of it. */
  readonly scopes: readonly string[] | undefined;
  readonly retryAfterMs: number | undefined;
  readonly limits: LimitResult | undefined;
  readonly degraded: readonly Degradation[];
}

/** May this request pass? A value, never a throw. */
export type Decision = Allowance | Refusal;

export function deny(
  status: Refusal['status'],
  code: RefusalCode,
  more: Partial<Pick<Refusal, 'scopes' | 'retryAfterMs' | 'limits' | 'degraded'>> = {},
): Refusal {
  const { scopes, retryAfterMs, limits, degraded = [] } = more;
  return { outcome: 'deny', status, code, scopes, retryAfterMs, limits, degraded };
}

/** The refusal that `limits` call for; `undefined` when they grant. */
export function refusalBy(limits: LimitResult, degraded: readonly Degradation[] = []): Refusal | undefined {
  if (limits.allowed) return undefined;
  const more = { limits, retryAfterMs: limits.retryAfterMs, degraded: withLimits(degraded, limits) };
  // Nothing was counted, so nobody has used anything up: not a 429.
  return limits.basis === 'policy' ? deny(503, 'limits-unavailable', more) : deny(429, 'quota-exceeded', more);
}

/** `degraded`, and the limits where they could not rest on Redis. */
export function withLimits(degraded: readonly Degradation[], limits: LimitResult | undefined): readonly Degradation[] {
  return limits && (limits.basis === 'local' || limits.basis === 'policy') ? [...degraded, 'limit'] : degraded;
}
