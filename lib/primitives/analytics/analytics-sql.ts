import { sqlName } from '../../client/sql-names.ts';

export const ANALYTICS_TABLE = 'breakwater_analytics';

/**
 * The tables that a drain of analytics fills, as DDL for a database in UTF-8 of PostgreSQL 12 or later; what is there
 * already is left alone. The same text as `sql/analytics.sql`, for another name.
 *
 * @param table lower-case letters, digits and underscores, after a schema and a dot where it is not in the search path.
 *   @default 'breakwater_analytics'
 * @throws ConfigError when `table` is no plain name.
 */
export function analyticsSchema(table: string = ANALYTICS_TABLE): string {
  const { name, quoted } = sqlName(table);
  const { counters, batches } = analyticsTables(table);
  return `-- Events by the day of UTC and by their dimensions, all of whose values are text: { "path": "/pricing" }.
create table if not exists ${quoted} (
  day date not null,
  event text collate "C" not null,
  dimensions jsonb not null,
  n bigint not null,
  primary key (day, event, dimensions)
);
create index if not exists "${name}_event" on ${counters} (event, day);

-- Which batches have been added to it, so that none is added twice. Drains delete what is old here.
create table if not exists ${batches} (
  id text collate "C" primary key,
  drained_at timestamptz not null
);
create index if not exists "${name}_batches_age" on ${batches} (drained_at);
`;
}

export interface AnalyticsStatements {
  /** batch, a list of { day, event, dimensions, n } as JSON → added: 1, or 0 for a batch that had been added. */
  readonly add: string;
  /** Milliseconds: forgets batches that have been there for longer. */
  readonly forget: string;
}

/** Each is one statement, so that it is atomic through a pool and over HTTP. All parameters are text. */
export function analyticsStatements(table: string): AnalyticsStatements {
  const { counters, batches } = analyticsTables(table);
  return {
    // Counts are added in the statement that claims the batch: both are there, or neither. Of two who claim it at once the
    // second waits for the first, and then adds nothing. In one order, so that batches do not wait for each other.
    add: `with claimed as (
  insert into ${batches} (id, drained_at) values ($1::text, now()) on conflict (id) do nothing returning id
), given as (
  select given.day::date as day, given.event, given.dimensions::jsonb as dimensions, sum(given.n::bigint)::bigint as n
  from json_to_recordset($2::text::json) as given (day text, event text, dimensions text, n text)
  group by 1, 2, 3
), added as (
  insert into ${counters} as kept (day, event, dimensions, n)
  select given.day, given.event, given.dimensions, given.n from given cross join claimed
  order by given.day, given.event, given.dimensions
  on conflict (day, event, dimensions) do update set n = kept.n + excluded.n
)
select count(*)::text as added from claimed`,

    forget: `delete from ${batches} where drained_at < now() - $1::text::bigint * interval '1 millisecond'`,
  };
}

function analyticsTables(table: string): { readonly counters: string; readonly batches: string } {
  const { schema, name, quoted } = sqlName(table);
  return { counters: quoted, batches: `${schema}"${name}_batches"` };
}
