import type { Pool } from 'pg';
import { ConfigError } from '../errors.ts';
import type { SqlQuery } from './sql-query.ts';
import { wholeNumber } from './whole-number.ts';

/** How to reach a PostgreSQL. Wrong settings throw a ConfigError. */
export interface PostgresOptions {
  /** `postgres://user:password@host:5432/database?sslmode=require` */
  readonly url: string;
  /** Connections of this process at most; made when they are needed. @default 3 */
  readonly maxConnections?: number | undefined;
  /**
   * How long a statement may take, in milliseconds: the server ends it then, and our side gives up. `false` leaves the
   * server as it is, for poolers that refuse the parameter. @default 10_000
   */
  readonly statementTimeoutMs?: number | false | undefined;
  /** How long making a connection may take, or waiting for a free one, in milliseconds. @default 5_000 */
  readonly connectTimeoutMs?: number | undefined;
  /** An unused connection is closed after this time, in milliseconds. @default 10_000 */
  readonly idleTimeoutMs?: number | undefined;
}

/** A {@link SqlQuery}, and its end. */
export interface PostgresQuery extends SqlQuery {
  /** Closes its connections. What is asked afterwards connects anew. */
  close(): Promise<void>;
}

const MAX_MS = 2 ** 31 - 1;
const DEFAULT_STATEMENT_MS = 10_000;
/** The server's own answer, that it has given up, is to come first. */
const GRACE_MS = 1_000;

/**
 * Sends statements to a PostgreSQL through a small pool of node-postgres, the package `pg`, which is loaded with the first
 * of them. Node only. Nothing is sent twice.
 *
 * @throws ConfigError naming the option; the first statement throws one where `pg` is not installed.
 *
 * @example
 * ```ts
 * const query = postgresQuery({ url: process.env.DATABASE_URL ?? '' });
 * await createUsage({ kv }).drain({ query });
 * ```
 */
export function postgresQuery(options: PostgresOptions): PostgresQuery {
  const { url, maxConnections = 3, connectTimeoutMs = 5_000, idleTimeoutMs = 10_000 } = options;
  const { statementTimeoutMs = DEFAULT_STATEMENT_MS } = options;
  if (!/^postgres(?:ql)?:\/\/./.test(url)) throw new ConfigError('url', 'must begin with postgres:// or postgresql://');
  wholeNumber('maxConnections', maxConnections, 1, 1_000);
  wholeNumber('connectTimeoutMs', connectTimeoutMs, 1, MAX_MS);
  wholeNumber('idleTimeoutMs', idleTimeoutMs, 1, MAX_MS);
  if (statementTimeoutMs !== false) wholeNumber('statementTimeoutMs', statementTimeoutMs, 1, MAX_MS - GRACE_MS);
  let pool: Promise<Pool> | undefined;

  const open = async (): Promise<Pool> => {
    const { Pool } = await loadDriver();
    const opened = new Pool({
      connectionString: url,
      max: maxConnections,
      connectionTimeoutMillis: connectTimeoutMs,
      idleTimeoutMillis: idleTimeoutMs,
      ...(statementTimeoutMs !== false && { statement_timeout: statementTimeoutMs }),
      query_timeout: (statementTimeoutMs || DEFAULT_STATEMENT_MS) + GRACE_MS,
      // So that a script ends although a connection is idle.
      allowExitOnIdle: true,
    });
    // An idle connection that breaks would end the process. The next statement gets another one.
    opened.on('error', () => {});
    return opened;
  };

  const query: SqlQuery = async (text, params) => {
    pool ??= open();
    const opening = pool;
    const opened = await opening.catch((error: unknown) => {
      if (pool === opening) pool = undefined;
      throw error;
    });
    return opened.query<Record<string, unknown>>(text, params);
  };

  return Object.assign(query, {
    async close() {
      const closing = pool;
      pool = undefined;
      await (await closing)?.end();
    },
  });
}

/** In a `try`, not with `.catch`: so bundlers take the package for the optional one that it is. */
async function loadDriver(): Promise<{ readonly Pool: typeof Pool }> {
  try {
    return (await import('pg')).default;
  } catch {
    throw new ConfigError('postgresQuery', 'needs the package pg: npm install pg');
  }
}
