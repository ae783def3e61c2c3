import { sqlName } from '../../client/sql-names.ts';
import { createSqlAsk, type SqlQuery } from '../../client/sql-query.ts';
import { ConfigError } from '../../errors.ts';
import type { EventSink, StreamEvent } from './event-stream-options.ts';
import { DEFAULT_EVENT_TABLE } from './sql-event-schema.ts';

/** Settings of a sink in PostgreSQL. */
export interface SqlEventSinkOptions {
  /** Sends a statement to a PostgreSQL, to the primary. It bounds its own waiting, as by `statement_timeout`. */
  readonly query: SqlQuery;
  /**
   * Lower-case letters, digits and underscores, at most 48 of them, after a schema and a dot where it is not in the search
   * path. @default 'breakwater_events'
   */
  readonly table?: string | undefined;
}

/**
 * Stores events in the table of `sqlEventSchema()`, each once, however often it comes: keep rows for as long as the stream
 * keeps its entries. One statement for a page, atomic by itself. jsonb holds neither U+0000 nor half a surrogate pair: U+FFFD
 * stands in their place.
 *
 * @throws ConfigError when `query` is no function, or `table` no plain name; with the database away the sink rejects with a
 *   StoreError
 * @example
 * ```ts
 * const events = createEventStream<PageView>({ kv, name: 'page-views' });
 * await events.drain(sqlEventSink({ query: (text, params) => pool.query(text, params) }));
 * ```
 */
export function sqlEventSink<T>({ query, table = DEFAULT_EVENT_TABLE }: SqlEventSinkOptions): EventSink<T> {
  if (typeof query !== 'function') throw new ConfigError('query', 'must be a function');
  const ask = createSqlAsk(query, 'events');
  const statement = insertInto(sqlName(table).quoted);
  return async (stream, events) => {
    const column = (textOf: (event: StreamEvent<T>) => string) => arrayText(events.map(textOf));
    const ids = column(({ id }) => id);
    const batches = column(({ batch }) => batch);
    await ask(statement, [stream, ids, batches, column(({ event }) => jsonbText(event))]);
  };
}

/** Every parameter is sent as text and cast here: drivers differ in what they make of arrays and JSON. */
function insertInto(table: string): string {
  return `insert into ${table} (stream, id, batch, at, event)
select $1::text, given.id, given.batch,
  least(split_part(given.id, '-', 1)::numeric, 9223372036854775807)::bigint, given.event::jsonb
from unnest($2::text::text[], $3::text::text[], $4::text::text[]) as given (id, batch, event)
on conflict (stream, id, batch) do nothing`;
}

/** As PostgreSQL reads an array. */
function arrayText(texts: readonly string[]): string {
  return `{${texts.map((text) => `"${text.replace(/["\\]/g, '\\$&')}"`).join(',')}}`;
}

function jsonbText(event: unknown): string {
  // JSON.stringify escapes half a pair, and writes a whole one as it is.
  return JSON.stringify(event).replace(/\\(u0000|ud[89a-f][0-9a-f]{2}|.)/g, (escaped, what: string) =>
    what.length > 1 ? '\ufffd' : escaped,
  );
}
