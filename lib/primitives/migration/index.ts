export type { BackfillOptions, BackfillResult, KeySource } from './backfill-options.ts';
export {
  type CounterMigration,
  type CounterMigrationOptions,
  createCounterMigration,
} from './counter-migration.ts';
export { type Choice, type ChooseOptions, createHandover, type Handover, type HandoverOptions } from './handover.ts';
export type { HandoverChange } from './handover-state.ts';
export type { Latency } from './latency.ts';
export type {
  LocalStanding,
  MigrationSettings,
  RecordMigration,
  RecordMigrationOptions,
} from './migration-options.ts';
export type { MigrationMode, SideName } from './mode.ts';
export type { ChangeOptions, ModeChange } from './mode-change.ts';
export { createRecordMigration } from './record-migration.ts';
export { type KvRecordsOptions, kvCounters, kvRecords } from './records/kv-records.ts';
export { mapCounters, mapRecords } from './records/map-records.ts';
export type { CounterStore, PortCall, RecordStore } from './records/record-store.ts';
export { type SqlRecordsOptions, sqlCounters, sqlRecordSchema, sqlRecords } from './records/sql-records.ts';
export type { Standing } from './standing.ts';
export {
  type HandoverStatus,
  listMigrations,
  type MigrationStatus,
  readHandoverStatus,
  readMigrationStatus,
  setHandover,
  setMigrationMode,
} from './status.ts';
export type { Comparison, MigrationTally } from './tally.ts';
