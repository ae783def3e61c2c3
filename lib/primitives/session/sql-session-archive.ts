import { readJson } from '../../client/json.ts';
import { sqlName } from '../../client/sql-names.ts';
import { createSqlAsk, type SqlQuery, type SqlRow, unreadable } from '../../client/sql-query.ts';
import { ConfigError } from '../../errors.ts';
import { REASONS } from './archived-text.ts';
import type { ArchivedSession, SessionArchive } from './session-archive.ts';
import { DEFAULT_TABLE } from './sql-schema.ts';

/** Settings of an archive in PostgreSQL. */
export interface SqlSessionArchiveOptions {
  /**
   * Sends a statement to a PostgreSQL, to the primary. A function around the driver's, not that itself. It bounds its own
   * waiting, as by `statement_timeout`.
   */
  readonly query: SqlQuery;
  /** Lower-case letters, digits and underscores, after a schema and a dot at most. @default 'breakwater_sessions' */
  readonly table?: string | undefined;
}

/** Sessions that have ended, in PostgreSQL. */
export interface SqlSessionArchive extends SessionArchive {
  /** A session that has ended, the last one of this id; `undefined` where there is none. One statement. @throws StoreError */
  get(id: string): Promise<ArchivedSession | undefined>;
}

/**
 * An archive in PostgreSQL, in the table of `sqlSessionSchema()`. Each call is one statement; what is there already stays
 * as it is. With the database away it rejects with a StoreError, which says nothing of what was sent.
 *
 * @example
 * ```ts
 * const archive = sqlSessionArchive({ query: (text, params) => pool.query(text, params) });
 * const sessions = createSessions({ kv, archive });
 * ```
 *
 * @throws ConfigError when `query` is no function, or `table` no plain name.
 */
export function sqlSessionArchive({ query, table = DEFAULT_TABLE }: SqlSessionArchiveOptions): SqlSessionArchive {
  if (typeof query !== 'function') throw new ConfigError('query', 'must be a function');
  const { quoted } = sqlName(table);
  const ask = createSqlAsk(query, CONTENT);
  // Drivers differ in what they make of numbers and arrays: all of it is one text.
  const insert = `insert into ${quoted} (id, user_id, started_at, ended_at, reason, version, data)
select id, user_id, started_at, ended_at, reason, version, data
from json_to_recordset($1::text::json)
  as given (id text, user_id text, started_at bigint, ended_at bigint, reason text, version bigint, data text)
order by id, started_at
on conflict (id, started_at) do nothing`;
  const select = `select coalesce('"' || user_id || '"', 'null') as owner, started_at::text, ended_at::text, reason,
  version::text, data
from ${quoted} where id = $1::text order by ${quoted}.started_at desc limit 1`;

  return {
    async put(sessions) {
      if (sessions.length > 0) await ask(insert, [JSON.stringify(sessions.map(rowOf))]);
    },
    async get(id) {
      const [row] = await ask(select, [columnText(id)]);
      return row && sessionOf(id, row);
    },
  };
}

const CONTENT = 'sessions';

function rowOf({ id, userId, startedAt, endedAt, reason, version, data }: ArchivedSession) {
  return {
    id,
    user_id: userId === undefined ? null : columnText(userId),
    started_at: startedAt,
    ended_at: endedAt,
    reason,
    version,
    data: JSON.stringify(data),
  };
}

/** @throws StoreError for what was not written here */
function sessionOf(id: string, row: SqlRow): ArchivedSession {
  const [userId, data] = [readJson(row.owner), readJson(row.data)];
  const reason = REASONS.find((known) => known === row.reason);
  if (reason === undefined || data === undefined || !(userId === null || typeof userId === 'string')) {
    throw unreadable(CONTENT);
  }
  return {
    id,
    userId: userId ?? undefined,
    startedAt: Number(row.started_at),
    endedAt: Number(row.ended_at),
    reason,
    version: Number(row.version),
    data,
  };
}

/** A text column holds neither NUL nor lone surrogates, which are escaped as in JSON. */
function columnText(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}
