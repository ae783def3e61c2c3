import { PGlite } from '@electric-sql/pglite';
import { afterAll, beforeAll } from 'vitest';
import { sqlSchema } from '../../lib/keys/source/sql-schema.ts';

export interface SqlEngine {
  readonly database: PGlite;
  /** The name of a table of keys that nobody has used. */
  freshTable(): Promise<string>;
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
    async freshTable() {
      tables += 1;
      const table = `keys_${tables}`;
      await engine.database.exec(sqlSchema(table));
      return table;
    },
  };
  return engine;
}
