import { getDatabase, onDefaultClient } from './default-client.ts';
import type { DrainOutcome } from './primitives/drain.ts';
import { createUsage } from './primitives/usage/usage.ts';
import type { Flushed, LimitCheck, UsageRead } from './primitives/usage/usage-options.ts';

export { createUsage } from './primitives/usage/usage.ts';

const usage = onDefaultClient('usage', ({ kv }) => createUsage({ kv }));

/**
 * Counts a use of an API key, or of whatever has an id. No I/O: Redis is told within a second, many uses in one request.
 * `false` where Redis is away and no room is left here. Where the platform ends with the answer see {@link flushUsage}.
 *
 * @throws ConfigError for an id that is none
 */
export function trackUsage(keyId: string, n: number = 1): boolean {
  return usage().record(keyId, n);
}

/** Tells Redis what is counted here, before the platform puts the process to sleep: `after(flushUsage)` in Next. */
export function flushUsage(): Promise<Flushed> {
  return usage().flush();
}

/** The uses of a key on each of the last days of UTC, at most 32, today first. One request. */
export function getUsage(keyId: string, days: number = 30): Promise<UsageRead> {
  return usage().read(keyId, days);
}

/** Whether another use of a key fits a limit on the last days, 30 unless told otherwise. One request. Reserves nothing. */
export function checkUsageLimit(
  keyId: string,
  limit: number,
  options?: { readonly days?: number | undefined },
): Promise<LimitCheck> {
  return usage().checkLimit(keyId, limit, options);
}

/**
 * Brings the database up to date with Redis, in the table of `sql/usage.sql`: that of DATABASE_URL, or of
 * `configureAnalytics`. As often as anybody likes. @throws ConfigError where there is none
 */
export async function syncUsage(): Promise<DrainOutcome> {
  const query = getDatabase();
  // What stands in the way of one count stands in that of the drain, which says so when it has brought the others.
  await usage()
    .flush()
    .catch(() => undefined);
  return usage().drain({ query });
}
