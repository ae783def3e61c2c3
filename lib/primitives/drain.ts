import type { KvClient } from '../client/kv-client.ts';
import { createSqlAsk, type SqlAsk, type SqlQuery, type SqlRow, unreadable } from '../client/sql-query.ts';
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
  /** Asks the database. @throws StoreError where `read` finds that something else has answered, by `undefined` */
  ask<T>(text: string, params: string[], read: (rows: readonly SqlRow[]) => T | undefined): Promise<T>;
  /** So many rows have got there. */
  saved(rows: number): void;
}

/**
 * Runs a drain until it is done, or Redis or the database cannot be asked.
 *
 * @throws ConfigError naming the option, and what the drain throws that is no outage
 */
export async function runDrain(
  kv: KvClient,
  options: DatabaseOptions,
  content: string,
  drain: (tools: DrainTools) => Promise<void>,
): Promise<DrainOutcome> {
  const database = createDatabase(kv, options, content);
  let rows = 0;
  let where: 'redis' | 'database' = 'redis';
  const tools: DrainTools = {
    async ask(text, params, read) {
      where = 'database';
      const answer = read(await database(text, params));
      if (answer === undefined) throw unreadable(content);
      where = 'redis';
      return answer;
    },
    saved(count) {
      rows += count;
    },
  };
  try {
    await drain(tools);
    return { status: 'drained', rows };
  } catch (error) {
    const { retryAfterMs } = unavailableBy(error);
    const reason = error instanceof Error ? error.message : '';
    return { status: 'unavailable', where, reason, retryAfterMs, rows };
  }
}
