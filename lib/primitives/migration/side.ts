import { createLru } from '../../client/lru.ts';
import { type Clock, elapsedSince, type Instant, instant } from '../../clock.ts';
import { DeadlineError } from '../../errors.ts';
import { withDeadline } from '../../resilience/deadline.ts';
import type { PortCall, RecordStore } from './records/record-store.ts';

/** What is to stand under each key; `undefined` for nothing. */
export type Changes<V> = ReadonlyMap<string, V | undefined>;

/** A store of records with deadlines, several keys at a time. Every call answers in time, whatever the store does. */
export interface Side<V> {
  /** Those of these records that exist. @throws what the store throws; DeadlineError */
  read(keys: readonly string[], timeoutMs: number): Promise<ReadonlyMap<string, V>>;
  /** @throws what the store throws; DeadlineError, and then they may still take effect */
  write(changes: Changes<V>, timeoutMs: number): Promise<void>;
  /** @throws as `write` */
  setIfAbsent(key: string, value: V, timeoutMs: number): Promise<boolean>;
  /** Whether a write of this key that nobody waits for any more may still take effect. */
  isUnsettled(key: string): boolean;
  readonly canSetIfAbsent: boolean;
}

/** Writes of one key that the store has not answered yet. */
interface Unsettled {
  readonly writes: number;
  /** When the last of them began. */
  readonly begun: Instant;
}

/** A write that has not been answered by then is taken for lost. */
const LOST_MS = 60_000;
const MAX_UNSETTLED = 10_000;
/** Keys that a store without calls for several is asked for at the same time. */
const AT_ONCE = 16;

export function createSide<V>(store: RecordStore<V>, clock: Clock): Side<V> {
  const unsettled = createLru<Unsettled>(MAX_UNSETTLED);

  const within = <T>(timeoutMs: number, mayHaveRun: boolean, work: (call: PortCall) => Promise<T>): Promise<T> =>
    withDeadline(
      {
        clock,
        timeoutMs,
        controller: new AbortController(),
        expired: () => new DeadlineError(timeoutMs, mayHaveRun),
      },
      (signal) => work({ signal }),
    );

  /** Notes the keys for as long as the store has not answered, however long somebody waits for that. */
  const noted = async <T>(keys: readonly string[], work: () => Promise<T>): Promise<T> => {
    const begun = instant(clock);
    for (const key of keys) unsettled.set(key, { begun, writes: (unsettled.get(key)?.writes ?? 0) + 1 });
    try {
      return await work();
    } finally {
      for (const key of keys) {
        const left = unsettled.get(key);
        if (left && left.writes > 1) unsettled.set(key, { ...left, writes: left.writes - 1 });
        else unsettled.delete(key);
      }
    }
  };

  const setAll = async (records: ReadonlyMap<string, V>, call: PortCall): Promise<void> => {
    if (records.size > 1 && store.setMany) await store.setMany(records, call);
    else await each([...records], call, ([key, value]) => store.set(key, value, call));
  };

  const deleteAll = async (keys: readonly string[], call: PortCall): Promise<void> => {
    if (keys.length > 1 && store.deleteMany) await store.deleteMany(keys, call);
    else await each(keys, call, (key) => store.delete(key, call));
  };

  return {
    read: (keys, timeoutMs) =>
      within(timeoutMs, false, async (call) => {
        if (keys.length > 1 && store.getMany) return store.getMany(keys, call);
        const found = new Map<string, V>();
        await each(keys, call, async (key) => {
          const value = await store.get(key, call);
          if (value !== undefined) found.set(key, value);
        });
        return found;
      }),
    write(changes, timeoutMs) {
      const records = new Map<string, V>();
      const gone: string[] = [];
      for (const [key, value] of changes) {
        if (value === undefined) gone.push(key);
        else records.set(key, value);
      }
      return within(timeoutMs, true, (call) =>
        noted([...changes.keys()], async () => {
          // Both are begun, and have ended when this has, whatever becomes of the other.
          await allOf([() => setAll(records, call), () => deleteAll(gone, call)]);
        }),
      );
    },
    setIfAbsent: (key, value, timeoutMs) =>
      within(timeoutMs, true, (call) =>
        noted([key], async () => (await store.setIfAbsent?.(key, value, call)) === true),
      ),
    isUnsettled(key) {
      const left = unsettled.get(key);
      return left !== undefined && elapsedSince(left.begun, clock) < LOST_MS;
    },
    canSetIfAbsent: store.setIfAbsent !== undefined,
  };
}

/** Begins nothing any more once nobody waits. */
async function each<T>(items: readonly T[], { signal }: PortCall, work: (item: T) => unknown): Promise<void> {
  for (let from = 0; from < items.length; from += AT_ONCE) {
    signal.throwIfAborted();
    await allOf(items.slice(from, from + AT_ONCE).map((item) => async () => work(item)));
  }
}

/** When all have ended. @throws what the first of them has failed of */
async function allOf(works: readonly (() => Promise<unknown>)[]): Promise<void> {
  for (const outcome of await Promise.allSettled(works.map((work) => work()))) {
    if (outcome.status === 'rejected') throw outcome.reason;
  }
}
