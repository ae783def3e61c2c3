import { randomShare } from '../client/crypto.ts';
import type { KvClient } from '../client/kv-client.ts';
import { createSqlAsk, type SqlAsk, type SqlQuery, type SqlRow, unreadable } from '../client/sql-query.ts';
import { wholeNumber } from '../client/whole-number.ts';
import { ConfigError, DeadlineError, isUnavailable } from '../errors.ts';
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

const QUERY_TIMEOUT_MS = 10_000;

/** Asks the database, with a deadline that our own timer decides. @throws ConfigError naming the option */
export function createDatabase(
  kv: KvClient,
  { query, queryTimeoutMs = QUERY_TIMEOUT_MS }: DatabaseOptions,
  content: string,
): SqlAsk {
  if (typeof query !== 'function') throw new ConfigError('query', 'must be a function');
  const timeoutMs = wholeNumber('queryTimeoutMs', queryTimeoutMs, 1, 2 ** 31 - 1);
  const ask = createSqlAsk(query, content);
  return (text, params) => inTime(kv, (signal) => ask(text, params, signal), timeoutMs);
}

/** What a database answers to `work` by its deadline. @throws DeadlineError, and what `work` throws */
export function inTime<T>(
  kv: KvClient,
  work: (signal: AbortSignal) => Promise<T>,
  timeoutMs: number = QUERY_TIMEOUT_MS,
): Promise<T> {
  const expired = () => new DeadlineError(timeoutMs, true);
  return withDeadline({ clock: kv.clock, timeoutMs, controller: new AbortController(), expired }, work);
}

/** What a drain works with. */
export interface DrainTools {
  /** Asks the database. @throws StoreError where `read` finds that something else has answered, by `undefined` */
  ask<T>(text: string, params: string[], read: (rows: readonly SqlRow[]) => T | undefined): Promise<T>;
  /** So many rows have got there. */
  saved(rows: number): void;
  /** What is wrong with one part holds up no other: unless it is an outage, the drain fails of it when all are done. */
  part(work: () => Promise<void>): Promise<void>;
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
  let failure: { readonly error: unknown } | undefined;
  const ofDatabase = new Set<unknown>();
  const tools: DrainTools = {
    async ask(text, params, read) {
      try {
        const answer = read(await database(text, params));
        if (answer === undefined) throw unreadable(content);
        return answer;
      } catch (error) {
        ofDatabase.add(error);
        throw error;
      }
    },
    saved(count) {
      rows += count;
    },
    async part(work) {
      try {
        await work();
      } catch (error) {
        if (isOutage(error)) throw error;
        failure ??= { error };
      }
    },
  };
  try {
    await drain(tools);
    if (failure) throw failure.error;
    return { status: 'drained', rows };
  } catch (error) {
    const { retryAfterMs } = unavailableBy(error);
    const where = ofDatabase.has(error) ? 'database' : 'redis';
    const reason = error instanceof Error ? error.message : '';
    return { status: 'unavailable', where, reason, retryAfterMs, rows };
  }
}

/** Classes of SQLSTATE by which a database refuses what it is given, and may take the next: of its data, or its size. */
const REFUSED = /^(?:2[123]|54)...$/;

function isOutage(error: unknown): boolean {
  if (!isUnavailable(error)) return false;
  return !(error.code === 'STORE' && typeof error.cause === 'string' && REFUSED.test(error.cause));
}

/** All of them, from anywhere on: of drains that are all cut short none leaves behind what the last one did. */
export function fromAnywhere<T>(all: readonly T[]): readonly T[] {
  const first = Math.floor(randomShare() * all.length);
  return [...all.slice(first), ...all.slice(0, first)];
}
