export { type PostgresOptions, type PostgresQuery, postgresQuery } from './client/postgres-query.ts';
export type { SqlAnswer, SqlQuery } from './client/sql-query.ts';
