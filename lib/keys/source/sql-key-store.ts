import { createSqlAsk, type SqlQuery, type SqlRow, unreadable, wasRefusedWith } from '../../client/sql-query.ts';
import { ConfigError, StoreError } from '../../errors.ts';
import { asIdRecord, digestRecordOf, type IdRecord, readIdRecord, tombstoneOf } from '../record.ts';
import type { ApiKeyStore } from './source.ts';
import { DEFAULT_TABLE, sqlTables } from './sql-schema.ts';
import { sqlStatements } from './sql-statements.ts';

/** Settings of keys on record in PostgreSQL. */
export interface SqlKeyStoreOptions {
  /**
   * Sends a statement to a PostgreSQL, to the primary. A function around the driver's, not that itself, which may take
   * something else in the third place: node-postgres a callback. It bounds its own waiting, as by `statement_timeout`:
   * only a lookup is given a signal.
   */
  readonly query: SqlQuery;
  /**
   * The table of keys; that of digests has `_digests` at its end. Lower-case letters, digits and underscores, at most 48 of
   * them, after a schema and a dot where it is not in the search path. @default 'breakwater_api_keys'
   */
  readonly table?: string | undefined;
}

/**
 * API keys on record in PostgreSQL, in the tables of `sqlSchema()`. Every operation is one statement, atomic by itself, and
 * costs one round trip. A digest that no longer leads to its key is kept, and answers "revoked".
 *
 * With the database away every operation rejects with a {@link StoreError}, which says nothing of what was asked: its
 * `cause` is the driver's error code, where there is one. A change may have been made nevertheless.
 *
 * @example
 * ```ts
 * import { Pool } from 'pg';
 *
 * const pool = new Pool({ connectionString: process.env.DATABASE_URL });
 * const source = sqlKeyStore({ query: (text, params) => pool.query(text, params) });
 * // postgres.js: query: (text, params) => sql.unsafe(text, params)
 * // PGlite:      query: (text, params) => db.query(text, params)
 * // Neon:        query: (text, params, { signal }) => sql.query(text, params, { fetchOptions: { signal } })
 * ```
 * @throws ConfigError when `query` is no function, or `table` no plain name.
 */
export function sqlKeyStore<Config = unknown>({
  query,
  table = DEFAULT_TABLE,
}: SqlKeyStoreOptions): ApiKeyStore<Config> {
  if (typeof query !== 'function') throw new ConfigError('query', 'must be a function');
  const statements = sqlStatements(sqlTables(table));
  const ask = createSqlAsk(query, CONTENT);

  const change = async (text: string, params: string[], ...taken: readonly string[]): Promise<boolean> => {
    try {
      const [row] = await ask(text, params);
      if (row?.made === '1') return true;
      if (row?.made === '0') return false;
    } catch (error) {
      if (wasRefusedWith(error, ...taken)) return false;
      throw error;
    }
    throw new StoreError('protocol', 'The change of an API key was answered by something else');
  };

  return {
    async findByDigest({ kid, digest }, { signal }) {
      const [row] = await ask(statements.find, [columnText(kid), columnText(digest)], signal);
      if (!row) return undefined;
      const record = recordOf<Config>(row);
      const stored = row.digest;
      if (stored === undefined) throw unreadable(CONTENT);
      const issued = record.digests.find((one) => one.kid === kid && one.digest === digest);
      const found = issued ? digestRecordOf(record, issued) : tombstoneOf(record);
      return found.status === 'revoked' ? { ...found, owner: '', digest: stored } : { ...found, digest: stored };
    },

    async get(id) {
      const [row] = await ask(statements.get, [columnText(id)]);
      return row && recordOf<Config>(row);
    },

    insert: async (record) => change(statements.insert, columnsOf(record), UNIQUE_VIOLATION),

    async replace(next, previous) {
      const { id, generation, status } = previous;
      if (next.id !== id || next.generation <= generation) throw unwritable();
      const params = [...columnsOf(next), String(generation), status];
      return change(statements.replace, params, UNIQUE_VIOLATION, SERIALIZATION_FAILURE);
    },

    async list({ limit, after }) {
      const rows =
        after === undefined
          ? await ask(statements.firstPage, [String(limit)])
          : await ask(statements.nextPage, [String(limit), columnText(after)]);
      return rows.map((row) => recordOf<Config>(row));
    },
  };
}

const CONTENT = 'API keys';
const UNIQUE_VIOLATION = '23505';
/** What a database with stricter isolation than its default says in the place of "somebody else has changed it". */
const SERIALIZATION_FAILURE = '40001';

/** As `insert` and `replace` take it. @throws StoreError for what could not be read again. */
function columnsOf(record: IdRecord): string[] {
  const { id, status, generation, createdAt, digests } = record;
  const isWhole = Number.isSafeInteger(generation) && Number.isSafeInteger(createdAt);
  if (!isWhole || !asIdRecord(record)) throw unwritable();
  const given = digests.map((one) => ({ kid: columnText(one.kid), digest: columnText(one.digest) }));
  const numbers = [String(generation), String(createdAt)];
  return [columnText(id), status, ...numbers, textOf(record), JSON.stringify(given)];
}

function textOf(record: IdRecord): string {
  try {
    return JSON.stringify(record);
  } catch {
    // For a cycle the error names properties of `config`.
    throw unwritable();
  }
}

function recordOf<Config>({ record: text, status }: SqlRow): IdRecord<Config> {
  const record = readIdRecord<Config>(text);
  if (!record || (status !== 'active' && status !== 'revoked')) throw unreadable(CONTENT);
  // A key that was ended by hand has it in the column only.
  return status === 'revoked' ? { ...record, status } : record;
}

/** A text column holds neither NUL nor lone surrogates, which are escaped as in JSON. Nothing else of an id changes. */
function columnText(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

function unwritable(): StoreError {
  return new StoreError('local', 'The record of an API key cannot be written', { mayHaveRun: false });
}
