import type { KvClient } from '../client/kv-client.ts';
import { createSqlAsk, type SqlAsk, type SqlQuery } from '../client/sql-query.ts';
import { wholeNumber } from '../client/whole-number.ts';
import { ConfigError, DeadlineError } from '../errors.ts';
import { withDeadline } from '../resilience/deadline.ts';
import { unavailableBy } from './unavailable.ts';

/** The PostgreSQL that counts end up in. */
export interface DatabaseOptions {
  /** Sends a statement to a PostgreSQL, to the primary: `postgresQuery` of `breakwater/postgres`, or around a driver. */
  readonly query: SqlQuery;
  /** Deadline of each statement, in milliseconds. One that is given up may have taken effect, which does no harm. @default 10_000 */
  readonly queryTimeoutMs?: number | undefined;
}

/** What a drain has done. Whatever it has not got to is as it was, and is drained the next time. */
export type DrainOutcome =
  | { readonly status: 'drained'; readonly rows: number }
  | {
      readonly status: 'unavailable';
      /** Who could not be asked. */
      readonly where: 'redis' | 'database';
      /** Why; safe to log. */
      readonly reason: string;
      /** When to try again, in milliseconds. */
      readonly retryAfterMs: number;
      /** Rows that had been sent to the database by then. */
      readonly rows: number;
    };

/** Asks the database, with a deadline that our own timer decides. @throws ConfigError naming the option */
export function createDatabase(
  kv: KvClient,
  { query, queryTimeoutMs = 10_000 }: DatabaseOptions,
  content: string,
): SqlAsk {
  if (typeof query !== 'function') throw new ConfigError('query', 'must be a function');
  const timeoutMs = wholeNumber('queryTimeoutMs', queryTimeoutMs, 1, 2 ** 31 - 1);
  const ask = createSqlAsk(query, content);
  return (text, params) => {
    const expired = () => new DeadlineError(timeoutMs, true);
    const deadline = { clock: kv.clock, timeoutMs, controller: new AbortController(), expired };
    return withDeadline(deadline, (signal) => ask(text, params, signal));
  };
}

/** What a drain works with. */
export interface DrainTools {
  /** Asks the database. */
  readonly ask: SqlAsk;
  /** So many rows have got there. */
  readonly saved: (rows: number) => void;
}

/** Runs a drain until it is done, or Redis or the database cannot be asked. @throws what says anything else */
export async function runDrain(database: SqlAsk, drain: (tools: DrainTools) => Promise<void>): Promise<DrainOutcome> {
  let rows = 0;
  let where: 'redis' | 'database' = 'redis';
  const ask: SqlAsk = async (text, params) => {
    where = 'database';
    const answer = await database(text, params);
    where = 'redis';
    return answer;
  };
  try {
    await drain({
      ask,
      saved(count) {
        rows += count;
      },
    });
    return { status: 'drained', rows };
  } catch (error) {
    const { retryAfterMs } = unavailableBy(error);
    const reason = error instanceof Error ? error.message : '';
    return { status: 'unavailable', where, reason, retryAfterMs, rows };
  }
}
