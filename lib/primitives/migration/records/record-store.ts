/** What every call of a port is given. */
export interface PortCall {
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

type Awaitable<T> = T | PromiseLike<T>;

/**
 * One side of a migration of records: any store that can do this. A write that has been answered is seen by every read that
 * begins afterwards. What it throws is handed on where this side has authority, and counted where it has not.
 *
 * Values are handed on as they are, to the other side too: plain data that both sides keep.
 */
export interface RecordStore<V> {
  /** The record, or `undefined` where there is none. */
  get(key: string, call: PortCall): Awaitable<V | undefined>;
  /** Writes a record, in place of one that is there. */
  set(key: string, value: V, call: PortCall): Awaitable<unknown>;
  /** Deleting what is not there is no error. */
  delete(key: string, call: PortCall): Awaitable<unknown>;
  /** Writes only where nothing is, atomically, and says whether it did. A backfill needs it of the side that it fills. */
  setIfAbsent?(key: string, value: V, call: PortCall): Awaitable<boolean>;
  /** Those of these records that exist. @default `get` for each */
  getMany?(keys: readonly string[], call: PortCall): Awaitable<ReadonlyMap<string, V>>;
  /** @default `set` for each */
  setMany?(records: ReadonlyMap<string, V>, call: PortCall): Awaitable<unknown>;
  /** @default `delete` for each */
  deleteMany?(keys: readonly string[], call: PortCall): Awaitable<unknown>;
}

/** One side of a migration of counters. */
export interface CounterStore {
  /** Counts up, and answers the new count where the store says it. */
  add(key: string, by: number, call: PortCall): Awaitable<number | undefined>;
  /** The count; 0 where nothing was counted. */
  read(key: string, call: PortCall): Awaitable<number>;
}
