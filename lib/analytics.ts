import type { SqlQuery } from './client/sql-query.ts';
import { configureDatabase, getDatabase, onDefaultClient } from './default-client.ts';
import { ConfigError } from './errors.ts';
import { createAnalytics } from './primitives/analytics/analytics.ts';
import type { Counted, CountOptions } from './primitives/analytics/analytics-options.ts';
import type { Dimensions } from './primitives/analytics/event-field.ts';
import type { DrainOutcome } from './primitives/drain.ts';

export { createAnalytics } from './primitives/analytics/analytics.ts';

const analytics = onDefaultClient('analytics', ({ kv }) => createAnalytics({ kv }));

export interface AnalyticsConfiguration {
  /** Sends a statement to a PostgreSQL, to the primary. `undefined` for that of DATABASE_URL. */
  readonly query: SqlQuery | undefined;
}

/**
 * Where `syncAnalytics` and `syncUsage` bring what was counted, for applications whose database is not named by
 * DATABASE_URL. To be called where a module is loaded that the cron handler imports. No I/O.
 *
 * @throws ConfigError when `query` is no function
 */
export function configureAnalytics({ query }: AnalyticsConfiguration): void {
  if (query !== undefined && typeof query !== 'function') throw new ConfigError('query', 'must be a function');
  configureDatabase(query);
}

/**
 * Counts an event of today by its dimensions, and once only for an id where there is one. One request.
 *
 * @throws ConfigError naming the argument
 *
 * @example
 * const { status } = await trackEvent('page_view', { path: '/pricing' }, { once: { id: visitorId, ttlMs: 300_000 } });
 */
export function trackEvent(event: string, dimensions?: Dimensions, options?: CountOptions): Promise<Counted> {
  return analytics().count(event, dimensions, options);
}

/** Moves what was counted into the database, in the tables of `sql/analytics.sql`. @throws ConfigError where there is none */
export async function syncAnalytics(): Promise<DrainOutcome> {
  const query = getDatabase();
  await analytics().flush();
  return analytics().drain({ query });
}
