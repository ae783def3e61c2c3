import { PGlite } from '@electric-sql/pglite';
import { afterAll, beforeAll } from 'vitest';
import type { SqlQuery } from '../../lib/client/sql-query.ts';
import { sqlSchema } from '../../lib/keys/source/sql-schema.ts';

export interface SqlEngine {
  readonly database: PGlite;
  /** The name of a table that nobody has used: of keys, unless told otherwise. */
  freshTable(schema?: (table: string) => string): Promise<string>;
  /** As drivers are asked. */
  readonly query: SqlQuery;
}

/** A PostgreSQL of the calling suite, in memory. It takes seconds to start, so its tests have tables of their own instead. */
export function sqlEngine(): SqlEngine {
  let database: PGlite | undefined;
  let tables = 0;
  beforeAll(async () => {
    database = await PGlite.create();
  }, 60_000);
  afterAll(() => database?.close());
  const engine: SqlEngine = {
    get database() {
      if (!database) throw new Error('PostgreSQL has not started');
      return database;
    },
    async freshTable(schema = sqlSchema) {
      tables += 1;
      const table = `table_${tables}`;
      await engine.database.exec(schema(table));
      return table;
    },
    query: (text, params) => engine.database.query(text, params),
  };
  return engine;
}
