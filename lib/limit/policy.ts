import { ConfigError } from '../errors.ts';

/**
 * - `gcra`: any interval of length w admits at most burst + w · limit / windowMs; permits come back one by one.
 * - `fixedWindow`: at most `limit` per calendar window; all come back at its end.
 */
export type Algorithm = 'gcra' | 'fixedWindow';

/** How much of something a subject may have. A key's own record may carry one for a policy of the same name. */
export interface Quota {
  readonly limit: number;
  readonly windowMs: number;
  /** Permits that may be taken at once; `gcra` only. @default limit */
  readonly burst?: number | undefined;
}

export interface Policy extends Quota {
  /** Names the policy in results, headers and keys. */
  readonly name: string;
  /** @default 'gcra' */
  readonly algorithm?: Algorithm | undefined;
}

/** A policy in the two numbers that the script works with. */
export interface Rule {
  readonly name: string;
  readonly algorithm: Algorithm;
  readonly limit: number;
  readonly windowMs: number;
  /** The most that one check can be granted. */
  readonly capacity: number;
  /** Microseconds: of one emission (`gcra`) or of the window (`fixedWindow`). A whole number. */
  readonly periodUs: number;
}

const NAME = /^[a-z][a-z0-9-]{0,31}$/i;
const MAX_PERMITS = 1_000_000_000;
const MAX_WINDOW_MS = 366 * 86_400_000;
/** A century: with it, microseconds since 1970 stay whole numbers in a double. */
const MAX_REFILL_US = 36_525 * 86_400_000_000;

/** @throws ConfigError naming the option. */
export function compileRule({ name, algorithm = 'gcra', ...quota }: Policy): Rule {
  if (!NAME.test(name)) throw new ConfigError('policy.name', 'must be 1 to 32 letters, digits and hyphens');
  if (algorithm !== 'gcra' && algorithm !== 'fixedWindow') {
    throw new ConfigError(`policy ${name}: algorithm`, "must be 'gcra' or 'fixedWindow'");
  }
  return withQuota({ name, algorithm, limit: 1, windowMs: 1, capacity: 1, periodUs: 1 }, quota);
}

/** `rule` with the numbers of `quota`. @throws ConfigError */
export function withQuota({ name, algorithm }: Rule, quota: Quota): Rule {
  const { limit, windowMs, burst = limit } = quota;
  const [option, expectation] = flawOf(quota) ?? [];
  if (option) throw new ConfigError(`policy ${name}: ${option}`, `${expectation}, got ${quota[option]}`);
  const gcra = algorithm === 'gcra';
  const periodUs = gcra ? intervalUs(limit, windowMs) : windowMs * 1000;
  return { name, algorithm, limit, windowMs, capacity: gcra ? burst : limit, periodUs };
}

/** Whether `quota` has numbers that a rule can be made of. */
export function isQuota(quota: unknown): quota is Quota {
  return typeof quota === 'object' && quota !== null && flawOf(quota as Quota) === undefined;
}

/** What is wrong with `quota`, which may come from outside. */
function flawOf(quota: Quota): readonly [option: keyof Quota, expectation: string] | undefined {
  const { limit, windowMs, burst = limit } = quota;
  if (!isWhole(limit, MAX_PERMITS)) return ['limit', `must be a whole number from 1 to ${MAX_PERMITS}`];
  if (!isWhole(windowMs, MAX_WINDOW_MS)) return ['windowMs', `must be a whole number from 1 to ${MAX_WINDOW_MS}`];
  if (!isWhole(burst, MAX_PERMITS)) return ['burst', `must be a whole number from 1 to ${MAX_PERMITS}`];
  if (limit > windowMs * 1000) return ['limit', 'must not exceed one per microsecond'];
  if (burst * intervalUs(limit, windowMs) > MAX_REFILL_US) return ['burst', 'must come back within a century'];
  return undefined;
}

/** Rounded up: a rounded interval must never admit more than the policy says. */
function intervalUs(limit: number, windowMs: number): number {
  return Math.ceil((windowMs * 1000) / limit);
}

function isWhole(value: unknown, max: number): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 1 && Number(value) <= max;
}

/** {@link isQuota} and {@link withQuota} for scripts: period and capacity by `quota`, or those given if it is none. */
export const QUOTA_LUA: string = `
local function whole(value, max)
  return type(value) == 'number' and value >= 1 and value <= max and value == math.floor(value)
end
local function with_quota(quota, kind, period, capacity)
  if type(quota) ~= 'table' then return period, capacity end
  local limit, window, burst = quota.limit, quota.windowMs, quota.burst
  if burst == nil then burst = limit end
  if not (whole(limit, ${MAX_PERMITS}) and whole(window, ${MAX_WINDOW_MS}) and whole(burst, ${MAX_PERMITS})) then
    return period, capacity
  end
  local interval = math.ceil(window * 1000 / limit)
  if limit > window * 1000 or burst * interval > ${MAX_REFILL_US} then return period, capacity end
  if kind == 'g' then return interval, burst end
  return window * 1000, limit
end
`;
