export type { SqlKeyStoreOptions } from './source/sql-key-store.ts';
export { sqlKeyStore } from './source/sql-key-store.ts';
export type { SqlAnswer, SqlQuery } from './source/sql-query.ts';
export { sqlSchema } from './source/sql-schema.ts';
