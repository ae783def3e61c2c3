import type { Value } from '../client/call.ts';
import type { Rule } from './policy.ts';

/**
 * What a result rests on: Redis; this process's own count while Redis is away; or nothing but the configured answer for
 * that case.
 */
export type Basis = 'store' | 'local' | 'policy';

/** Unknown is `undefined`, never 0. */
export interface PolicyResult {
  readonly policy: string;
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
}

/** Reads the reply of `charge`. `undefined` when it is not one. */
export function readCharge(reply: Value | undefined, rules: readonly Rule[]): readonly PolicyResult[] | undefined {
  if (!Array.isArray(reply) || reply.length !== 1 + 3 * rules.length || !reply.every(Number.isFinite)) return undefined;
  const numbers = reply as readonly number[];
  return rules.map(({ name, limit, windowMs }, index) => {
    const [left = 0, resetUs = 0, retryUs = 0] = numbers.slice(3 * index + 1, 3 * index + 4);
    return {
      policy: name,
      allowed: retryUs === 0 || numbers[0] === 1,
      limit,
      windowMs,
      remaining: left,
      resetAfterMs: Math.ceil(resetUs / 1000),
      retryAfterMs: retryUs > 0 ? Math.ceil(retryUs / 1000) : undefined,
    };
  });
}

/** The answer that the configuration gives when nothing could be counted. */
export function uncounted(rules: readonly Rule[], allowed: boolean): readonly PolicyResult[] {
  return rules.map(({ name, limit, windowMs }) => ({
    policy: name,
    allowed,
    limit,
    windowMs,
    remaining: undefined,
    resetAfterMs: undefined,
    retryAfterMs: undefined,
  }));
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
