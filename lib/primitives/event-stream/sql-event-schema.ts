import { sqlName } from '../../client/sql-names.ts';

export const DEFAULT_EVENT_TABLE = 'breakwater_events';

/**
 * The table that `sqlEventSink` works on, as DDL for PostgreSQL 12 or later: statements that leave alone what is there
 * already. The same text as `sql/events.sql`, for another name.
 *
 * @param table As the sink's own option. @default 'breakwater_events'
 * @throws ConfigError when `table` is no plain name.
 */
export function sqlEventSchema(table: string = DEFAULT_EVENT_TABLE): string {
  const { name, quoted } = sqlName(table);
  return `-- Events drained from streams in Redis, each of them once.
create table if not exists ${quoted} (
  stream text not null,
  -- As Redis gave it. It may come again once a stream has been lost, and never in the same batch.
  id text not null,
  batch text not null,
  -- When it was appended, by the clock of Redis: Unix milliseconds.
  at bigint not null,
  event jsonb not null,
  primary key (stream, id, batch)
);
create index if not exists "${name}_at" on ${quoted} (stream, at);
`;
}
