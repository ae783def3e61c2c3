import { createKv, type KvClient } from '../../lib/client/kv-client.ts';
import type { RecordMigration, RecordMigrationOptions } from '../../lib/primitives/migration/migration-options.ts';
import type { MigrationMode } from '../../lib/primitives/migration/mode.ts';
import type { ChangeOptions, ModeChange } from '../../lib/primitives/migration/mode-change.ts';
import { createRecordMigration } from '../../lib/primitives/migration/record-migration.ts';
import { mapRecords } from '../../lib/primitives/migration/records/map-records.ts';
import type { PortCall, RecordStore } from '../../lib/primitives/migration/records/record-store.ts';
import { setMigrationMode } from '../../lib/primitives/migration/status.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import type { Store } from '../../lib/store/store.ts';
import { type ManualClock, manualClock } from '../../lib/testing/manual-clock.ts';
import { type WatchedStore, watchedStore } from './watched-store.ts';

/** What a side does with a call. */
export type SideFault =
  /** Does not do it, and says so. */
  | 'refuse'
  /** Does it, and says that it failed. */
  | 'lose'
  /** Does not answer until it is let go on; then it does it. */
  | 'hang';

/** A Map whose calls fail as the test says, and are written down. */
export interface FaultySide<V> extends RecordStore<V> {
  readonly records: Map<string, V>;
  readonly calls: string[];
  /** For all calls from now on, or those of one kind. */
  fault: SideFault | undefined;
  only: 'get' | 'set' | 'delete' | 'setIfAbsent' | undefined;
  /** Before a call takes effect. */
  before: ((call: string, key: string) => unknown) | undefined;
  /** Lets go on what hangs. */
  goOn(): Promise<void>;
}

export class SideError extends Error {
  constructor() {
    super('The side has failed');
    this.name = 'SideError';
  }
}

export function faultySide<V>(records: Map<string, V> = new Map()): FaultySide<V> {
  const sound = mapRecords(records);
  const calls: string[] = [];
  const hanging: (() => void)[] = [];
  const side: FaultySide<V> = {
    records,
    calls,
    fault: undefined,
    only: undefined,
    before: undefined,
    get: (key, call) => play('get', key, () => sound.get(key, call)),
    set: (key, value, call) => play('set', key, () => sound.set(key, value, call)),
    delete: (key, call) => play('delete', key, () => sound.delete(key, call)),
    setIfAbsent: (key, value, call) =>
      play('setIfAbsent', key, async () => (await sound.setIfAbsent?.(key, value, call)) === true),
    async goOn() {
      for (const go of hanging.splice(0)) go();
      for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
    },
  };
  const play = async <T>(call: NonNullable<FaultySide<V>['only']>, key: string, work: () => T): Promise<Awaited<T>> => {
    calls.push(`${call} ${key}`);
    const fault = side.only === undefined || side.only === call ? side.fault : undefined;
    if (fault === 'refuse') throw new SideError();
    if (fault === 'hang') await new Promise<void>((resolve) => hanging.push(resolve));
    await side.before?.(call, key);
    const answer = await work();
    if (fault === 'lose') throw new SideError();
    return answer;
  };
  return side;
}

export interface MigrationProcess<V> {
  readonly migration: RecordMigration<V>;
  readonly kv: KvClient;
  /** Its way to the Redis of the mode, which can be taken away. */
  readonly store: WatchedStore;
}

export interface MigrationRig<V> extends MigrationProcess<V> {
  readonly clock: ManualClock;
  readonly old: FaultySide<V>;
  readonly fresh: FaultySide<V>;
  /** Another process. */
  elsewhere(options?: Partial<RecordMigrationOptions<V>>): MigrationProcess<V>;
  /** From outside; nobody has heard of it yet. */
  change(mode: MigrationMode, options?: ChangeOptions): Promise<ModeChange>;
  /** By force, heard of by the first process, and with nothing behind. */
  put(mode: MigrationMode): Promise<void>;
}

export const REFRESH_MS = 1_000;
/** How long a change has to wait for the one before. */
export const DWELL_MS: number = 2 * REFRESH_MS + 1_000 + 500;

/** A migration `m` between two Maps, on a clock and a Redis of its own. */
export function migrationRig<V = string>(
  options: Partial<RecordMigrationOptions<V>> = {},
  { clock = manualClock(), redis = memoryStore({ clock }) }: { clock?: ManualClock; redis?: Store } = {},
): MigrationRig<V> {
  const old = faultySide<V>();
  const fresh = faultySide<V>();
  const process = (own: Partial<RecordMigrationOptions<V>>): MigrationProcess<V> => {
    const store = watchedStore(redis);
    const kv = createKv({ store, clock });
    const migration = createRecordMigration<V>({ kv, name: 'm', old, new: fresh, refreshMs: REFRESH_MS, ...own });
    return { migration, kv, store };
  };
  const first = process(options);
  const operator = createKv({ store: redis, clock });
  const change: MigrationRig<V>['change'] = (mode, how) => setMigrationMode(operator, 'm', mode, how);
  return {
    ...first,
    ...{ clock, old, fresh, change },
    elsewhere: (own) => process({ ...options, ...own }),
    async put(mode) {
      await first.migration.status();
      await change(mode, { force: true });
      clock.advance(DWELL_MS);
      await first.migration.reconcile([]);
      await first.migration.status();
      old.calls.length = 0;
      fresh.calls.length = 0;
    },
  };
}

/** What a port is called with by nobody in particular. */
export const CALL: PortCall = { signal: new AbortController().signal };
