import type { Validation } from '../keys/validation.ts';
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

/** `report` lets pass what `enforce` refuses, and tells of it. */
export type GuardMode = 'enforce' | 'report';

/** Work that goes on behind a decision: hand it to the platform's `waitUntil`. Never rejects. */
export type Pending = Promise<void> | undefined;

/** What could not rest on Redis. */
export type Degradation = 'limit' | 'keys';

/** It may pass. */
export interface Allowance {
  readonly outcome: 'allow';
  readonly identity: Identity | undefined;
  readonly limits: LimitResult | undefined;
  readonly degraded: readonly Degradation[];
  /** With `report` clients are told nothing of it. */
  readonly mode: GuardMode;
  /** What would have been answered, were the mode not `report`. */
  readonly reported: Refusal | undefined;
  readonly pending: Pending;
}

/** It may not, and why. */
export interface Refusal {
  readonly outcome: 'deny';
  readonly status: 400 | 401 | 403 | 429 | 503;
  readonly code: RefusalCode;
  /** What the route asks for, where the key has not all of it. */
  readonly scopes: readonly string[] | undefined;
  readonly retryAfterMs: number | undefined;
  /** Whose key it is, where that is known to be valid and something else is not. Clients are not told. */
  readonly identity: Identity | undefined;
  readonly limits: LimitResult | undefined;
  readonly degraded: readonly Degradation[];
  readonly pending: Pending;
}

/** May this request pass? A value, never a throw. */
export type Decision = Allowance | Refusal;

export function allow(
  identity?: Identity | undefined,
  limits?: LimitResult | undefined,
  degraded: readonly Degradation[] = [],
): Allowance {
  const beside = { mode: 'enforce', reported: undefined, pending: undefined } as const;
  return { outcome: 'allow', identity, limits, degraded: withLimits(degraded, limits), ...beside };
}

type RefusalDetails = Partial<Pick<Refusal, 'scopes' | 'retryAfterMs' | 'identity' | 'limits' | 'degraded'>>;

export function deny(status: Refusal['status'], code: RefusalCode, details: RefusalDetails = {}): Refusal {
  const { scopes, retryAfterMs, identity, limits, degraded = [] } = details;
  return { outcome: 'deny', status, code, scopes, retryAfterMs, identity, limits, degraded, pending: undefined };
}

/** The refusal that `limits` call for; `undefined` when they grant. */
export function refusalBy(
  limits: LimitResult,
  degraded: readonly Degradation[] = [],
  identity?: Identity | undefined,
): Refusal | undefined {
  if (limits.allowed) return undefined;
  const details = { identity, limits, retryAfterMs: limits.retryAfterMs, degraded: withLimits(degraded, limits) };
  // Nothing was counted, so nobody has used anything up: not a 429.
  return limits.basis === 'policy' ? deny(503, 'limits-unavailable', details) : deny(429, 'quota-exceeded', details);
}

/** `degraded`, and the limits where they could not rest on Redis. */
export function withLimits(degraded: readonly Degradation[], limits: LimitResult | undefined): readonly Degradation[] {
  return limits && (limits.basis === 'local' || limits.basis === 'policy') ? [...degraded, 'limit'] : degraded;
}

/** `decision`, with `works` and what its limits do in advance. */
export function withPending<T extends Decision>(decision: T, works: readonly Promise<unknown>[]): T {
  const ahead = decision.limits?.pending;
  const all = ahead ? [...works, ahead] : works;
  return all.length > 0 ? { ...decision, pending: Promise.all(all).then(() => undefined) } : decision;
}

/** `undefined` for all but a valid key. */
export function identityBy(validation: Validation): Identity | undefined {
  if (validation.status !== 'VALID') return undefined;
  const { id, owner, scopes } = validation.key;
  return { id, owner, scopes };
}
