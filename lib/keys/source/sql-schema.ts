import { sqlName } from '../../client/sql-names.ts';

/** Names as they stand in a statement: quoted, with their schema where they were given one. */
export interface SqlTables {
  readonly keys: string;
  readonly digests: string;
}

export const DEFAULT_TABLE = 'breakwater_api_keys';

/** @throws ConfigError when `table` is no plain name: it becomes part of statements. */
export function sqlTables(table: string): SqlTables {
  const { schema, name, quoted } = sqlName(table);
  return { keys: quoted, digests: `${schema}"${name}_digests"` };
}

/**
 * The tables that `sqlKeyStore` works on, as DDL for a database in UTF-8 of PostgreSQL 12 or later: several statements,
 * each of which leaves alone what is there already. The same text as `sql/api-keys.sql`, for another name.
 *
 * @param table As the store's own option. @default 'breakwater_api_keys'
 * @throws ConfigError when `table` is no plain name.
 */
export function sqlSchema(table: string = DEFAULT_TABLE): string {
  const { keys, digests } = sqlTables(table);
  const { name } = sqlName(table);
  return `-- API keys on record: their digests, never the keys themselves.
create table if not exists ${keys} (
  id text collate "C" primary key,
  -- To end a key by hand, set this to 'revoked'. Caches hear of it when their entries end.
  status text not null check (status in ('active', 'revoked')),
  -- One more with every change.
  generation bigint not null,
  -- Unix milliseconds.
  created_at bigint not null,
  -- All that is known of the key, as JSON. Not jsonb, which cannot hold every string: \\u0000 and lone surrogates.
  record text not null
);
create index if not exists "${name}_active" on ${keys} (created_at, id) where status = 'active';

-- Every digest that has ever led to a key: the record says which of them still do.
create table if not exists ${digests} (
  kid text not null,
  digest text not null,
  id text collate "C" not null references ${keys} (id) on delete cascade,
  primary key (kid, digest)
);
create index if not exists "${name}_digests_id" on ${digests} (id);
`;
}
