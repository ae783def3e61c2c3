/** How much of something a subject may have. A key's own record may carry one for a policy of the same name. */
export interface Quota {
  readonly limit: number;
  readonly windowMs: number;
  /** Permits that may be taken at once; `gcra` and `tokenBucket` only. @default limit */
  readonly burst?: number | undefined;
}

export const MAX_PERMITS = 1_000_000_000;
export const MAX_WINDOW_MS: number = 366 * 86_400_000;
/** A century: with it, microseconds since 1970 stay whole numbers in a double. */
export const MAX_REFILL_US: number = 36_525 * 86_400_000_000;

/** What is wrong with `quota`, which may come from outside. @param most permits that `limit` may name */
export function flawOf(
  { limit, windowMs, burst = limit }: Quota,
  most: number = MAX_PERMITS,
): readonly [option: keyof Quota, expectation: string] | undefined {
  if (!isWhole(limit, most)) return ['limit', `must be a whole number from 1 to ${most}`];
  if (!isWhole(windowMs, MAX_WINDOW_MS)) return ['windowMs', `must be a whole number from 1 to ${MAX_WINDOW_MS}`];
  if (!isWhole(burst, MAX_PERMITS)) return ['burst', `must be a whole number from 1 to ${MAX_PERMITS}`];
  if (limit > windowMs * 1000) return ['limit', 'must not exceed one per microsecond'];
  if (burst * intervalUs(limit, windowMs) > MAX_REFILL_US) return ['burst', 'must come back within a century'];
  return undefined;
}

/** Microseconds between two permits, rounded up: a rounded interval must never admit more than the quota says. */
export function intervalUs(limit: number, windowMs: number): number {
  return Math.ceil((windowMs * 1000) / limit);
}

function isWhole(value: unknown, max: number): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 1 && Number(value) <= max;
}
