import { flawOf, intervalUs, MAX_PERMITS, MAX_REFILL_US, MAX_WINDOW_MS, type Quota } from '../client/quota.ts';
import { ConfigError } from '../errors.ts';

/**
 * - `gcra`: any interval of length w admits at most burst + w · limit / windowMs; permits come back one by one.
 * - `fixedWindow`: at most `limit` per calendar window; all come back at its end.
 * - `slidingWindow`: two counters, weighted; an approximation that takes the window before for evenly used.
 * - `slidingLog`: at most `limit` in any interval of `windowMs`, exactly. Memory in Redis grows with the limit.
 * - `tokenBucket`: up to `burst` at once; `limit` permits come back every `windowMs`, together.
 * - `concurrency`: at most `limit` at once. A slot is held until it is released, or for `windowMs`.
 */
export type Algorithm = 'gcra' | 'fixedWindow' | 'slidingWindow' | 'slidingLog' | 'tokenBucket' | 'concurrency';

interface PolicyBase {
  /** Names the policy in results, headers and keys. */
  readonly name: string;
  /** @default 'gcra' */
  readonly algorithm?: Algorithm | undefined;
  /**
   * How much more than the exact algorithm may be admitted, as a share of `limit`, 0 to 1; `gcra` only. Above 0 each
   * process takes permits in advance and spends them without asking Redis: within any interval of length w at most
   * burst + (w + maxOverAdmission · windowMs) · limit / windowMs are admitted, by however many processes.
   * @default 0
   */
  readonly maxOverAdmission?: number | undefined;
}

/**
 * What the limit of a subject is, where it is not the same for all: its plan. Has `requestTimeoutMs` to say so, else the
 * check rejects with a DeadlineError; what it throws the check rejects with.
 */
export type QuotaOf = (subject: string) => Plan | Promise<Plan>;

/** Numbers of a subject's own, and another algorithm with them if need be. */
export interface Plan extends Quota, Pick<PolicyBase, 'algorithm' | 'maxOverAdmission'> {}

/** A limit by its name, the same for all or by subject. What cannot be throws a ConfigError. */
export type Policy = PolicyBase & (Quota | { readonly limit: QuotaOf });

/** A policy in the numbers that the script works with. */
export interface Rule {
  readonly name: string;
  readonly algorithm: Algorithm;
  /** The letter that stands for the algorithm in scripts and keys. */
  readonly kind: string;
  readonly limit: number;
  readonly windowMs: number;
  /** The most that one check can be granted. */
  readonly capacity: number;
  /** Microseconds: of one emission (`gcra`), else of the window. A whole number. */
  readonly periodUs: number;
  readonly maxOverAdmission: number;
  /** How long permits that were taken in advance are good for, in milliseconds; 0 where none are. */
  readonly leaseMs: number;
}

/** A policy ready for use; with `quotaOf` its rule's numbers are another's for each subject. */
export interface CompiledPolicy {
  readonly rule: Rule;
  readonly quotaOf: QuotaOf | undefined;
}

/** What is to be charged: a rule, and whose account. */
export interface Charge {
  readonly rule: Rule;
  /** Bounded and safe to stand in a key. */
  readonly subject: string;
}

const KINDS: Readonly<Record<Algorithm, string>> = {
  gcra: 'g',
  fixedWindow: 'f',
  slidingWindow: 's',
  slidingLog: 'l',
  tokenBucket: 'b',
  concurrency: 'c',
};

const NAME = /^[a-z][a-z0-9-]{0,31}$/i;
/** Of algorithms that keep an entry for every permit. */
const MAX_ENTRIES = 100_000;

/** @throws ConfigError naming the option. */
export function compilePolicy(policy: Policy): CompiledPolicy {
  const { name, algorithm = 'gcra', maxOverAdmission = 0, limit } = policy;
  if (!NAME.test(name)) throw new ConfigError('policy.name', 'must be 1 to 32 letters, digits and hyphens');
  if (!Object.hasOwn(KINDS, algorithm)) {
    throw new ConfigError(`policy ${name}: algorithm`, `must be one of ${Object.keys(KINDS).join(', ')}`);
  }
  if (!(maxOverAdmission >= 0 && maxOverAdmission <= 1)) {
    throw new ConfigError(`policy ${name}: maxOverAdmission`, `must be a number from 0 to 1, got ${maxOverAdmission}`);
  }
  if (maxOverAdmission > 0 && algorithm !== 'gcra') {
    throw new ConfigError(`policy ${name}: maxOverAdmission`, "is for the algorithm 'gcra' only");
  }
  const blank: Rule = {
    name,
    algorithm,
    kind: KINDS[algorithm],
    limit: 1,
    windowMs: 1,
    capacity: 1,
    periodUs: 1,
    maxOverAdmission,
    leaseMs: 0,
  };
  if (typeof limit === 'function') return { rule: blank, quotaOf: limit };
  return { rule: withQuota(blank, policy as Quota), quotaOf: undefined };
}

/** `rule` under `plan`, which a function may have failed to give. @throws ConfigError */
export function withPlan(rule: Rule, plan: Plan | undefined): Rule {
  if (!plan) throw new ConfigError(`policy ${rule.name}: limit`, 'must answer a quota for every subject');
  const { algorithm = rule.algorithm, maxOverAdmission = rule.maxOverAdmission } = plan;
  const same = algorithm === rule.algorithm && maxOverAdmission === rule.maxOverAdmission;
  return same ? withQuota(rule, plan) : compilePolicy({ ...plan, name: rule.name, algorithm, maxOverAdmission }).rule;
}

/** `rule` with the numbers of `quota`. @throws ConfigError */
export function withQuota(rule: Rule, quota: Quota): Rule {
  const { name, kind, maxOverAdmission } = rule;
  const { limit, windowMs } = quota;
  const [option, expectation] = flawOf(quota, mostOf(kind)) ?? [];
  if (option) throw new ConfigError(`policy ${name}: ${option}`, `${expectation}, got ${quota[option]}`);
  return { ...rule, limit, windowMs, ...numbersOf(kind, quota), leaseMs: maxOverAdmission * windowMs };
}

/** The two numbers of a rule of this kind. */
export function numbersOf(
  kind: string,
  { limit, windowMs, burst = limit }: Quota,
): Pick<Rule, 'periodUs' | 'capacity'> {
  return {
    periodUs: kind === 'g' ? intervalUs(limit, windowMs) : windowMs * 1000,
    capacity: kind === 'g' || kind === 'b' ? burst : limit,
  };
}

/** Whether `quota` has numbers that a rule of this kind can be made of. */
export function isQuota(quota: unknown, kind: string): quota is Quota {
  return typeof quota === 'object' && quota !== null && flawOf(quota as Quota, mostOf(kind)) === undefined;
}

function mostOf(kind: string): number {
  return kind === 'l' || kind === 'c' ? MAX_ENTRIES : MAX_PERMITS;
}

/** {@link isQuota} and {@link withQuota} for scripts: gives a rule the numbers of `quota`, or leaves it if that is none. */
export const QUOTA_LUA: string = `
local function is_whole(value, max)
  return type(value) == 'number' and value >= 1 and value <= max and value == math.floor(value)
end
local function apply_quota(rule, quota)
  if type(quota) ~= 'table' then return end
  local limit, window, burst = quota.limit, quota.windowMs, quota.burst
  if burst == nil then burst = limit end
  local most = (rule.kind == 'l' or rule.kind == 'c') and ${MAX_ENTRIES} or ${MAX_PERMITS}
  if not (is_whole(limit, most) and is_whole(window, ${MAX_WINDOW_MS}) and is_whole(burst, ${MAX_PERMITS})) then return end
  local interval = math.ceil(window * 1000 / limit)
  if limit > window * 1000 or burst * interval > ${MAX_REFILL_US} then return end
  rule.period = rule.kind == 'g' and interval or window * 1000
  rule.capacity = (rule.kind == 'g' or rule.kind == 'b') and burst or limit
  rule.refill = limit
end
`;
