import { sqlName } from '../../client/sql-names.ts';

export const DEFAULT_TABLE = 'breakwater_sessions';

/**
 * The table that `sqlSessionArchive` writes, as DDL for a database in UTF-8 of PostgreSQL 12 or later: several statements,
 * each of which leaves alone what is there already. The same text as `sql/sessions.sql`, for another name.
 *
 * @param table As the archive's own option. @default 'breakwater_sessions'
 * @throws ConfigError when `table` is no plain name.
 */
export function sqlSessionSchema(table: string = DEFAULT_TABLE): string {
  const { name, quoted } = sqlName(table);
  return `-- Sessions that have ended.
create table if not exists ${quoted} (
  -- No secret: nobody can be let in by it.
  id text collate "C" not null,
  -- As it stands in JSON, without the quotes; null for a session of nobody.
  user_id text,
  -- Unix milliseconds. An id of somebody else's making may begin anew, later.
  started_at bigint not null,
  ended_at bigint not null,
  reason text not null check (reason in ('destroyed', 'expired', 'revoked', 'rotated')),
  -- How often it was saved.
  version bigint not null,
  -- JSON. Not jsonb, which cannot hold every string: \\u0000 and lone surrogates.
  data text not null,
  primary key (id, started_at)
);
create index if not exists "${name}_user" on ${quoted} (user_id, ended_at);
`;
}
