import { type SqlName, sqlName } from '../../client/sql-names.ts';

export const USAGE_TABLE = 'breakwater_usage';

/**
 * The table that `usageStatements` work on, as DDL for a database in UTF-8 of PostgreSQL 12 or later; what is there
 * already is left alone. The same text as `sql/usage.sql`, for another name.
 *
 * @param table lower-case letters, digits and underscores, after a schema and a dot where it is not in the search path.
 *   @default 'breakwater_usage'
 * @throws ConfigError when `table` is no plain name.
 */
export function usageSchema(table: string = USAGE_TABLE): string {
  const { name, quoted } = sqlName(table);
  return `-- Uses of keys by the day of UTC. What a key was used is the sum over the epochs: a new one begins where Redis has lost
-- its counts. Rows only ever grow; delete days that nobody needs any more, once Redis has forgotten them.
create table if not exists ${quoted} (
  key_id text collate "C" not null,
  day date not null,
  epoch text collate "C" not null,
  n bigint not null,
  primary key (key_id, day, epoch)
);
create index if not exists "${name}_day" on ${quoted} (day);
`;
}

export interface UsageStatements {
  /** day, epoch, a list of { key_id, n } as JSON → given: how many there were. */
  readonly save: string;
  /** key, the first day of interest → day, n of each day. */
  readonly read: string;
}

/**
 * Each is one statement, so that it is atomic through a pool and over HTTP. All parameters are text, as drivers differ in
 * what they make of others.
 */
export function usageStatements(table: string): UsageStatements {
  const { quoted }: SqlName = sqlName(table);
  return {
    // The larger of two counts of one epoch is the later one: so it does not matter how often this is sent, nor in which
    // order. In one order of rows, so that two statements do not wait for each other.
    save: `with given as (
  select given.key_id, given.n::bigint as n from json_to_recordset($3::text::json) as given (key_id text, n text)
), saved as (
  insert into ${quoted} as kept (key_id, day, epoch, n)
  select given.key_id, $1::text::date, $2::text, given.n from given order by given.key_id
  on conflict (key_id, day, epoch) do update set n = greatest(kept.n, excluded.n) where kept.n < excluded.n
)
select count(*)::text as given from given`,

    read: `select to_char(kept.day, 'YYYY-MM-DD') as day, sum(kept.n)::text as n from ${quoted} kept
where kept.key_id = $1::text and kept.day >= $2::text::date group by kept.day`,
  };
}
