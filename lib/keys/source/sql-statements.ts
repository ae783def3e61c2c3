import type { SqlTables } from './sql-schema.ts';

export interface SqlStatements {
  /** kid, digest → record, status, digest. */
  readonly find: string;
  /** id → record, status. */
  readonly get: string;
  /** id, status, generation, created_at, record, digests → made. */
  readonly insert: string;
  /** As for `insert`, then the generation and the status that must stand there → made. */
  readonly replace: string;
  /** limit → record, status of each. */
  readonly firstPage: string;
  /** limit, id → record, status of each. */
  readonly nextPage: string;
}

/**
 * Each is one statement, so that it is atomic through a pool and over HTTP, where there is no session.
 *
 * Every parameter is sent as text and cast here: drivers differ in what they make of numbers, arrays and JSON.
 *
 * All parts of a statement see the snapshot taken at its start, and nothing of what the other parts do. What others commit
 * meanwhile shows in three ways, and all of them end well. A row updated meanwhile is read again, and its generation no
 * longer fits. An id inserted meanwhile is a conflict, where nothing is done. A digest inserted meanwhile violates its
 * primary key, which undoes the whole statement, the row of the key included: `on conflict do nothing` would leave that
 * row without its digest.
 */
export function sqlStatements({ keys, digests }: SqlTables): SqlStatements {
  const given = `given as (
  select distinct kid, digest from json_to_recordset($6::text::json) as given (kid text, digest text)
)`;
  // In one order, so that two statements with the same digests do not wait for each other.
  const inOrder = 'order by given.kid, given.digest';
  return {
    find: `select k.record, k.status, d.digest
from ${digests} d join ${keys} k on k.id = d.id
where d.kid = $1::text and d.digest = $2::text`,

    get: `select k.record, k.status from ${keys} k where k.id = $1::text`,

    insert: `with ${given}, made as (
  insert into ${keys} (id, status, generation, created_at, record)
  select $1::text, $2::text, $3::text::bigint, $4::text::bigint, $5::text
  where not exists (select from ${digests} d join given using (kid, digest))
  on conflict (id) do nothing
  returning id
), led as (
  insert into ${digests} (kid, digest, id)
  select given.kid, given.digest, made.id from given cross join made ${inOrder}
)
select count(*)::text as made from made`,

    replace: `with ${given}, made as (
  update ${keys} k
  set status = $2::text, generation = $3::text::bigint, created_at = $4::text::bigint, record = $5::text
  where k.id = $1::text and k.generation = $7::text::bigint and k.status = $8::text
    and not exists (select from ${digests} d join given using (kid, digest) where d.id <> $1::text)
  returning id
), led as (
  insert into ${digests} (kid, digest, id)
  select given.kid, given.digest, made.id from given cross join made
  where not exists (select from ${digests} d where d.kid = given.kid and d.digest = given.digest)
  ${inOrder}
)
select count(*)::text as made from made`,

    firstPage: `select k.record, k.status from ${keys} k
where k.status = 'active'
order by k.created_at, k.id limit $1::text::bigint`,

    // The key named by $2 may have been revoked: its row, and with it the place in the order, is still there.
    nextPage: `select k.record, k.status from ${keys} k
where k.status = 'active'
  and (k.created_at, k.id) > (select a.created_at, a.id from ${keys} a where a.id = $2::text)
order by k.created_at, k.id limit $1::text::bigint`,
  };
}
