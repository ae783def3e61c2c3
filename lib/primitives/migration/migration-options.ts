import type { KvClient } from '../../client/kv-client.ts';
import type { BackfillOptions, BackfillResult, KeySource } from './backfill-options.ts';
import type { MigrationMode, SideName } from './mode.ts';
import type { RecordStore } from './records/record-store.ts';
import type { MigrationStatus } from './status.ts';

/** What all migrations are told. Wrong settings throw a ConfigError. */
export interface MigrationSettings {
  /** The Redis that keeps the mode: all processes on it share the migration. It may be one of the sides, or neither. */
  readonly kv: KvClient;
  /** 1 to 64 letters, digits, dots, dashes and underscores. */
  readonly name: string;
  /**
   * The mode of a migration that Redis knows nothing of: at the very first start, and while Redis is away from the start.
   * @default 'old'
   */
  readonly initial?: MigrationMode | undefined;
  /** How often a process asks for the mode, in milliseconds, at most; in the background of a call. @default 5_000 */
  readonly refreshMs?: number | undefined;
  /** Deadline of a call to the side with authority, in milliseconds. @default 1_000 */
  readonly timeoutMs?: number | undefined;
  /** How long a write waits for the other side, in milliseconds, all in all. What is not there by then is repaired later. @default 500 */
  readonly mirrorTimeoutMs?: number | undefined;
  /** The switch for an emergency: in the dual modes everything is read from old, unless that lacks what new alone was given. @default false */
  readonly readOld?: boolean | undefined;
  /** Told of each promise that outlives its caller, so that the platform keeps the process for it. @default the platform's, as far as it is known */
  readonly waitUntil?: ((promise: Promise<unknown>) => void) | undefined;
}

/** Settings of records that move. Wrong ones throw a ConfigError. */
export interface RecordMigrationOptions<V> extends MigrationSettings {
  readonly old: RecordStore<V>;
  readonly new: RecordStore<V>;
  /** Of the reads in the dual modes, the share that also asks the other side, afterwards, and compares. @default 0 */
  readonly compareShare?: number | undefined;
  /** Whether two records are the same. @default as JSON, whatever the order of properties */
  readonly isSame?: ((a: V, b: V) => boolean) | undefined;
  /** Keys that this process remembers as diverged, to repair them; beyond it the oldest are left to a reconciliation. @default 10_000 */
  readonly maxDiverged?: number | undefined;
  /** @default the platform's, from 0 up to, not including, 1 */
  readonly random?: (() => number) | undefined;
}

/**
 * Records that move from one store to another while they are used. What the side with authority throws is thrown; what the
 * other throws is counted.
 */
export interface RecordMigration<V> {
  readonly name: string;
  /** The record, or `undefined` where there is none. One call to one side. @throws what that side throws; DeadlineError */
  get(key: string): Promise<V | undefined>;
  /** Those of these records that exist. One call to each side that is read. @throws as `get` */
  getMany(keys: readonly string[]): Promise<ReadonlyMap<string, V>>;
  /**
   * Writes the side with authority, and in the dual modes the other; then looks whether both have the same. When it has
   * thrown, the write may have taken effect.
   *
   * @throws what the side with authority throws; DeadlineError; StoreError of kind `unavailable` when the other side has
   *   missed it, and reads have moved there meanwhile
   */
  set(key: string, value: V): Promise<void>;
  /** As `set`, for several. Not atomic. @throws as `set`, and then some may have been written */
  setMany(records: ReadonlyMap<string, V>): Promise<void>;
  /** As `set`: a record that is deleted on one side is deleted on the other. */
  delete(key: string): Promise<void>;
  /** As `delete`, of several. */
  deleteMany(keys: readonly string[]): Promise<void>;
  /**
   * Copies records from the side with authority to where they are missing, and overwrites nothing. Once all are there, reads
   * may move. See docs/migration.md. @throws ConfigError when the side to fill has no `setIfAbsent`
   */
  backfill(keys: KeySource, options?: BackfillOptions): Promise<BackfillResult>;
  /**
   * Compares both sides, and has the other hold what the side with authority holds, under each of these keys: those of both
   * sides, to find what should have been deleted too.
   */
  reconcile(keys: KeySource, options?: BackfillOptions): Promise<BackfillResult>;
  /** Repairs what this process knows to differ. Answers how many keys are left. Happens by itself too, with `refreshMs`. */
  repair(): Promise<number>;
  /** The mode, and what all processes have counted; this one tells Redis first. Two requests. @throws as `kv.command` */
  status(): Promise<MigrationStatus>;
  /** The mode that this process goes by, and what it knows to differ. No request. */
  local(): LocalStanding;
  /** What stands for a key among the `divergent` ones of a status. */
  digestOf(key: string): Promise<string>;
  /** When what runs in the background now has ended. */
  settled(): Promise<void>;
}

/** What this process knows of a migration. */
export interface LocalStanding {
  readonly mode: MigrationMode;
  /** The side that lacks what was there before. */
  readonly behind: SideName | undefined;
  /** Keys that this process has yet to repair. */
  readonly diverged: number;
}
