import { sqlName } from '../../../client/sql-names.ts';
import { createSqlAsk, type SqlQuery, type SqlRow, unreadable } from '../../../client/sql-query.ts';
import { ConfigError } from '../../../errors.ts';
import type { CounterStore, RecordStore } from './record-store.ts';

/** Settings of records in an SQL database. */
export interface SqlRecordsOptions {
  /** Asks a PostgreSQL 12 or later, in UTF-8. Each call is one statement. */
  readonly query: SqlQuery;
  /** As {@link sqlRecordSchema} makes it, with its schema where it has one: `app.users`. */
  readonly table: string;
}

/**
 * The tables of {@link sqlRecords} and {@link sqlCounters}, `table` and `table_counts`, as DDL: several statements, each of
 * which leaves alone what is there already. @throws ConfigError
 */
export function sqlRecordSchema(table: string): string {
  const records = sqlName(table).quoted;
  return `create table if not exists ${records} (
  key text collate "C" primary key,
  -- JSON. Not jsonb, which cannot hold every string.
  value text not null
);
create table if not exists ${countsOf(table)} (
  key text collate "C" primary key,
  count bigint not null
);
`;
}

/** Records as JSON in a table of PostgreSQL. @throws ConfigError */
export function sqlRecords<V>({ query, table }: SqlRecordsOptions): RecordStore<V> {
  const records = sqlName(table).quoted;
  const ask = createSqlAsk(query, CONTENT);
  const given = 'json_to_recordset($1::text::json) as given (key text, value text)';
  // In one order, so that two statements with the same keys do not wait for each other.
  const insert = `insert into ${records} (key, value) select key, value from ${given} order by key on conflict (key)`;
  const read = async (keys: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, V>> => {
    const keyOf = new Map(keys.map((key) => [nameOf(key), key] as const));
    const rows = await ask(
      `select key, value from ${records} where key in (select json_array_elements_text($1::text::json))`,
      [JSON.stringify([...keyOf.keys()])],
      signal,
    );
    const found = new Map<string, V>();
    for (const row of rows) {
      const key = keyOf.get(columnOf(row, 'key'));
      if (key !== undefined) found.set(key, valueFrom<V>(columnOf(row, 'value')));
    }
    return found;
  };
  const write = (entries: Iterable<readonly [string, V]>, signal: AbortSignal) =>
    ask(`${insert} do update set value = excluded.value`, [rowsOf(entries)], signal);
  const remove = (keys: readonly string[], signal: AbortSignal) =>
    ask(
      `delete from ${records} where key in (select json_array_elements_text($1::text::json))`,
      [JSON.stringify(keys.map(nameOf))],
      signal,
    );
  return {
    get: async (key, { signal }) => (await read([key], signal)).get(key),
    set: (key, value, { signal }) => write([[key, value]], signal),
    delete: (key, { signal }) => remove([key], signal),
    async setIfAbsent(key, value, { signal }) {
      const made = await ask(`${insert} do nothing returning key`, [rowsOf([[key, value]])], signal);
      return made.length > 0;
    },
    getMany: (keys, { signal }) => read(keys, signal),
    setMany: (entries, { signal }) => write(entries, signal),
    deleteMany: (keys, { signal }) => remove(keys, signal),
  };
}

/** Counters in a table of PostgreSQL. @throws ConfigError */
export function sqlCounters({ query, table }: SqlRecordsOptions): CounterStore {
  const counts = countsOf(table);
  const ask = createSqlAsk(query, CONTENT);
  return {
    async add(key, by, { signal }) {
      const [row] = await ask(
        `insert into ${counts} as c (key, count) values ($1::text, $2::text::bigint)
on conflict (key) do update set count = c.count + excluded.count returning count::text as count`,
        [nameOf(key), String(by)],
        signal,
      );
      return countFrom(row);
    },
    async read(key, { signal }) {
      const [row] = await ask(`select count::text as count from ${counts} where key = $1::text`, [nameOf(key)], signal);
      return row === undefined ? 0 : countFrom(row);
    },
  };
}

const CONTENT = 'migrated records';

function countsOf(table: string): string {
  const { schema, name } = sqlName(table);
  return `${schema}"${name}_counts"`;
}

/** The key; as JSON where it holds what PostgreSQL has not, NUL or half a surrogate pair, or looks like that JSON. */
function nameOf(key: string): string {
  return key.includes('\0') || /\p{Cs}|^json:"/u.test(key) ? `json:${JSON.stringify(key)}` : key;
}

function rowsOf<V>(entries: Iterable<readonly [string, V]>): string {
  const rows = [...entries].map(([key, value]) => ({ key: nameOf(key), value: JSON.stringify(value) }));
  if (rows.every((row) => typeof row.value === 'string')) return JSON.stringify(rows);
  throw new ConfigError('value', 'must have a JSON form');
}

function columnOf(row: SqlRow, column: string): string {
  const text = row[column];
  if (text === undefined) throw unreadable(CONTENT);
  return text;
}

function valueFrom<V>(text: string): V {
  try {
    return JSON.parse(text) as V;
  } catch {
    throw unreadable(CONTENT);
  }
}

function countFrom(row: SqlRow | undefined): number {
  const count = Number(row?.count);
  if (Number.isSafeInteger(count)) return count;
  throw unreadable(CONTENT);
}
