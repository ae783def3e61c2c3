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

/** @throws ConfigError naming the option. */
export function compileRule({ name, algorithm = 'gcra', ...quota }: Policy): Rule {
  if (!NAME.test(name)) throw new ConfigError('policy.name', 'must be 1 to 32 letters, digits and hyphens');
  if (algorithm !== 'gcra' && algorithm !== 'fixedWindow') {
    throw new ConfigError(`policy ${name}: algorithm`, "must be 'gcra' or 'fixedWindow'");
  }
  return withQuota({ name, algorithm, limit: 1, windowMs: 1, capacity: 1, periodUs: 1 }, quota);
}

/** Whether `quota` has numbers that a rule can be made of. */
export function isQuota(quota: unknown): quota is Quota {
  if (typeof quota !== 'object' || quota === null) return false;
  const { limit, windowMs, burst = limit } = quota as Partial<Quota>;
  return (
    isWhole(limit, MAX_PERMITS) &&
    isWhole(windowMs, MAX_WINDOW_MS) &&
    isWhole(burst, MAX_PERMITS) &&
    Number(limit) <= Number(windowMs) * 1000
  );
}

/** `rule` with the numbers of `quota`. @throws ConfigError */
export function withQuota({ name, algorithm }: Rule, quota: Quota): Rule {
  const { limit, windowMs, burst = limit } = quota;
  whole(name, 'limit', limit, MAX_PERMITS);
  whole(name, 'windowMs', windowMs, MAX_WINDOW_MS);
  whole(name, 'burst', burst, MAX_PERMITS);
  if (limit > windowMs * 1000) throw new ConfigError(`policy ${name}: limit`, 'must not exceed one per microsecond');
  // Rounded up: a rounded interval must never admit more than the policy says.
  const periodUs = algorithm === 'gcra' ? Math.ceil((windowMs * 1000) / limit) : windowMs * 1000;
  return { name, algorithm, limit, windowMs, capacity: algorithm === 'gcra' ? burst : limit, periodUs };
}

function whole(name: string, option: string, value: number, max: number): void {
  if (!isWhole(value, max)) {
    throw new ConfigError(`policy ${name}: ${option}`, `must be a whole number from 1 to ${max}, got ${value}`);
  }
}

function isWhole(value: unknown, max: number): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 1 && Number(value) <= max;
}
