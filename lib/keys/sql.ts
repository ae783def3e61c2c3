export type { SqlAnswer, SqlQuery } from '../client/sql-query.ts';
export type { SqlKeyStoreOptions } from './source/sql-key-store.ts';
export { sqlKeyStore } from './source/sql-key-store.ts';
export { sqlSchema } from './source/sql-schema.ts';
