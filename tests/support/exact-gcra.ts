/** What exact GCRA says of one check. */
export interface ExactAnswer {
  readonly allowed: boolean;
  /** Whole permits to be had after the check. */
  readonly remaining: number;
  /** `undefined` where the check was granted, or can never be. */
  readonly retryAfterMs: number | undefined;
}

/**
 * The reference that the limiter is compared with, written as a bucket that drains: integers of any size, in units of a
 * microsecond times a permit. Knows nothing of arrival times, leases or scripts.
 */
export function exactGcra({ limit, windowMs, burst }: { limit: number; windowMs: number; burst: number }) {
  // One permit is worth the time in which one comes back, rounded up to a whole microsecond.
  const permit = (BigInt(windowMs) * 1_000n + BigInt(limit) - 1n) / BigInt(limit);
  const full = BigInt(burst) * permit;
  let level = full;
  let seenAt = 0n;
  return (atMs: number, cost: number): ExactAnswer => {
    const at = BigInt(atMs) * 1_000n;
    const risen = level + (at - seenAt);
    level = risen > full ? full : risen;
    seenAt = at;
    const price = BigInt(cost) * permit;
    const allowed = price <= level;
    const missing = price - level;
    if (allowed) level -= price;
    return {
      allowed,
      remaining: Number(level / permit),
      retryAfterMs: allowed || cost > burst ? undefined : Number((missing + 999n) / 1_000n),
    };
  };
}
