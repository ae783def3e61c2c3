import type { SqlQuery } from './client/sql-query.ts';
import { configureDatabase, getDatabase, getDefaults, onDefaultClient } from './default-client.ts';
import { ConfigError } from './errors.ts';
import { createAnalytics } from './primitives/analytics/analytics.ts';
import type { Counted, CountOptions } from './primitives/analytics/analytics-options.ts';
import type { Dimensions } from './primitives/analytics/event-field.ts';
import { type DrainOutcome, inTime } from './primitives/drain.ts';
import { createEventStream } from './primitives/event-stream/event-stream.ts';
import type { Appended } from './primitives/event-stream/event-stream-options.ts';
import { sqlEventSink } from './primitives/event-stream/sql-event-sink.ts';
import { unavailableBy } from './primitives/unavailable.ts';

export { createAnalytics } from './primitives/analytics/analytics.ts';

const analytics = onDefaultClient('analytics', ({ kv }) => createAnalytics({ kv }));

const events = onDefaultClient('event-stream', ({ kv }) => createEventStream<unknown>({ kv, name: 'analytics' }));

/** What `configureAnalytics` takes beside the environment. */
export interface AnalyticsConfiguration {
  /** Sends a statement to a PostgreSQL, to the primary. `undefined` for that of DATABASE_URL. */
  readonly query: SqlQuery | undefined;
}

/**
 * Where `syncAnalytics`, `syncEvents` and `syncUsage` bring what they have, for applications whose database is not named by
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
 * ```ts
 * const { status } = await trackEvent('page_view', { path: '/pricing' }, { once: { id: visitorId, ttlMs: 300_000 } });
 * ```
 */
export function trackEvent(event: string, dimensions?: Dimensions, options?: CountOptions): Promise<Counted> {
  return analytics().count(event, dimensions, options);
}

/** Moves what was counted into the database, in the tables of `sql/analytics.sql`. @throws ConfigError where there is none */
export async function syncAnalytics(): Promise<DrainOutcome> {
  const query = getDatabase();
  // What stands in the way of one count stands in that of the drain, which says so when it has brought the others.
  await analytics()
    .flush()
    .catch(() => undefined);
  return analytics().drain({ query });
}

/**
 * Appends events, each as it is, to the stream `analytics`: where counts by dimension are not enough. One request for up to
 * 1,000. Redis away: they wait in this process, as far as there is room. @throws ConfigError for one without a JSON form
 */
export function appendEvents(appended: readonly unknown[]): Promise<Appended> {
  return events().append(appended);
}

/** Moves the events of the stream into the database, in the table of `sql/events.sql`. @throws ConfigError where there is none */
export async function syncEvents(): Promise<DrainOutcome> {
  const sink = sqlEventSink<unknown>({ query: getDatabase() });
  await events().flush();
  let rows = 0;
  try {
    const drained = await events().drain(async (stream, page) => {
      await inTime(getDefaults().kv, () => sink(stream, page));
      rows += page.length;
    });
    if (drained.status === 'drained') return { status: 'drained', rows };
    const { status, retryAfterMs } = drained;
    return { status, where: 'redis', reason: 'Redis did not answer', retryAfterMs, rows };
  } catch (error) {
    const { retryAfterMs } = unavailableBy(error);
    return {
      status: 'unavailable',
      where: 'database',
      reason: error instanceof Error ? error.message : '',
      retryAfterMs,
      rows,
    };
  }
}
