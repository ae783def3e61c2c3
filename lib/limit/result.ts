import type { Value } from '../client/call.ts';
import type { Algorithm, Rule } from './policy.ts';

/**
 * What a result rests on: Redis; what Redis said or gave to this process shortly before; this process's own count while
 * Redis is away; or nothing but the configured answer for that case.
 */
export type Basis = 'store' | 'lease' | 'local' | 'policy';

/** Unknown is `undefined`, never 0. */
export interface PolicyResult {
  readonly policy: string;
  readonly algorithm: Algorithm;
  readonly allowed: boolean;
  readonly limit: number;
  readonly windowMs: number;
  readonly remaining: number | undefined;
  /** Milliseconds until everything is available again. */
  readonly resetAfterMs: number | undefined;
  /** Milliseconds until this cost fits; `undefined` while allowed, or when it never fits. */
  readonly retryAfterMs: number | undefined;
}

/** The outcome of one check; the numbers are those of the policy that binds most. */
export interface LimitResult {
  readonly allowed: boolean;
  readonly limit: number;
  readonly remaining: number | undefined;
  /** Unix milliseconds at which everything is available again. */
  readonly reset: number | undefined;
  /** Milliseconds until this cost fits; only on refusal, and `undefined` when it never fits. */
  readonly retryAfterMs: number | undefined;
  readonly basis: Basis;
  /** The policy that refused, or the one with the least left. */
  readonly policy: string;
  readonly policies: readonly PolicyResult[];
  /** Work that goes on behind this answer: hand it to the platform's `waitUntil`. Never rejects. */
  readonly pending?: Promise<void>;
  /**
   * Gives the slots of `concurrency` policies back; there when such a policy has granted some. One request. `false` when
   * Redis could not be told: they end by themselves then. Never rejects.
   */
  readonly release?: () => Promise<boolean>;
}

/** What the charge script says of one account. Times in microseconds. */
export interface AccountAnswer {
  readonly taken: number;
  readonly left: number;
  readonly resetUs: number;
  /** Until one more check fits; 0 now, -1 never. */
  readonly retryUs: number;
}

export interface Answer {
  /** Whether one check at least was granted. */
  readonly granted: boolean;
  readonly accounts: readonly AccountAnswer[];
}

/** Reads the reply of `charge` about `count` accounts. `undefined` when it is not one. */
export function readAnswer(reply: Value | undefined, count: number): Answer | undefined {
  if (!Array.isArray(reply) || reply.length !== 1 + 4 * count || !reply.every(Number.isSafeInteger)) return undefined;
  const numbers = reply as readonly number[];
  const isPossible = numbers.every((number, at) => (at === 0 ? number === 0 || number === 1 : number >= lowest(at)));
  if (!isPossible) return undefined;
  const accounts: AccountAnswer[] = [];
  for (let at = 1; at < numbers.length; at += 4) {
    const [taken = 0, left = 0, resetUs = 0, retryUs = 0] = numbers.slice(at, at + 4);
    accounts.push({ taken, left, resetUs, retryUs });
  }
  const granted = numbers[0] === 1;
  return granted || accounts.every(({ taken }) => taken === 0) ? { granted, accounts } : undefined;
}

/** The last of an account's four numbers is -1 for never. */
function lowest(at: number): number {
  return at % 4 === 0 ? -1 : 0;
}

/** What an account's answer says of a check; `more` permits are to be had besides what is left there. */
export function policyResult(
  rule: Rule,
  { left, resetUs, retryUs }: AccountAnswer,
  allowed: boolean,
  more = 0,
): PolicyResult {
  return {
    policy: rule.name,
    algorithm: rule.algorithm,
    allowed,
    limit: rule.limit,
    windowMs: rule.windowMs,
    remaining: left + more,
    resetAfterMs: Math.ceil(resetUs / 1000),
    retryAfterMs: !allowed && retryUs > 0 ? Math.ceil(retryUs / 1000) : undefined,
  };
}

/** A policy of which nothing is known but this. */
export function uncounted({ name, algorithm, limit, windowMs }: Rule, allowed: boolean): PolicyResult {
  return {
    policy: name,
    algorithm,
    allowed,
    limit,
    windowMs,
    remaining: undefined,
    resetAfterMs: undefined,
    retryAfterMs: undefined,
  };
}

export function summarise(policies: readonly PolicyResult[], basis: Basis, now: number): LimitResult {
  const binding = policies.reduce((worst, next) => (binds(next, worst) ? next : worst));
  return {
    allowed: binding.allowed,
    limit: binding.limit,
    remaining: binding.remaining,
    reset: binding.resetAfterMs === undefined ? undefined : now + binding.resetAfterMs,
    retryAfterMs: binding.retryAfterMs,
    basis,
    policy: binding.policy,
    policies,
  };
}

function binds(next: PolicyResult, worst: PolicyResult): boolean {
  if (next.allowed !== worst.allowed) return worst.allowed;
  if (!next.allowed) return (next.retryAfterMs ?? Infinity) > (worst.retryAfterMs ?? Infinity);
  return (next.remaining ?? Infinity) / next.limit < (worst.remaining ?? Infinity) / worst.limit;
}
