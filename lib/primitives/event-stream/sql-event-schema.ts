import { ConfigError } from '../../errors.ts';

/** Names as they stand in a statement: quoted, with the schema where they were given one. */
export interface SqlEventTable {
  readonly table: string;
  /** Without the schema: indexes lie in that of their table. */
  readonly index: string;
}

export const DEFAULT_EVENT_TABLE = 'breakwater_events';

/** Names derived from it stay below the 63 bytes at which PostgreSQL cuts them off. */
const TABLE = /^(?:([a-z_][a-z0-9_]{0,62})\.)?([a-z_][a-z0-9_]{0,47})$/;

/** @throws ConfigError when `table` is no plain name: it becomes part of statements. */
export function sqlEventTable(table: string): SqlEventTable {
  const [, schema, name] = TABLE.exec(table) ?? [];
  if (name === undefined) {
    throw new ConfigError(
      'table',
      'must be 1 to 48 lower-case letters, digits and underscores, not first a digit, after a schema and a dot at most',
    );
  }
  return { table: `${schema === undefined ? '' : `"${schema}".`}"${name}"`, index: `"${name}_at"` };
}

/**
 * The table that `sqlEventSink` works on, as DDL for PostgreSQL 12 or later: statements that leave alone what is there
 * already. The same text as `sql/events.sql`, for another name.
 *
 * @param table As the sink's own option. @default 'breakwater_events'
 * @throws ConfigError when `table` is no plain name.
 */
export function sqlEventSchema(table: string = DEFAULT_EVENT_TABLE): string {
  const names = sqlEventTable(table);
  return `-- Events drained from streams in Redis, each of them once.
create table if not exists ${names.table} (
  stream text not null,
  -- As Redis gave it. It may come again once a stream has been lost, and never in the same batch.
  id text not null,
  batch text not null,
  -- When it was appended, by the clock of Redis: Unix milliseconds.
  at bigint not null,
  event jsonb not null,
  primary key (stream, id, batch)
);
create index if not exists ${names.index} on ${names.table} (stream, at);
`;
}
