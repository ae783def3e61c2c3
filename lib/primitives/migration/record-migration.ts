import { randomShare, sha256 } from '../../client/crypto.ts';
import { ConfigError, isUnavailable, StoreError } from '../../errors.ts';
import { walk } from './backfill.ts';
import { createComparer } from './comparison.ts';
import { fillWith, reconcileWith } from './copies.ts';
import { createCore, sourceOf } from './migration-core.ts';
import type { RecordMigration, RecordMigrationOptions } from './migration-options.ts';
import { isDual, type MigrationMode, otherSide, type SideName } from './mode.ts';
import { createRepair } from './repair.ts';
import type { Changes } from './side.ts';
import { type MigrationStatus, readMigrationStatus } from './status.ts';

/**
 * Moves records from one store to another while they are used: see docs/migration.md.
 *
 * @throws ConfigError
 * @example
 * ```ts
 * const users = createRecordMigration<User>({
 *   kv, name: 'users', old: sqlRecords({ query, table: 'users' }), new: kvRecords({ kv, prefix: 'users', ttlMs: false }),
 * });
 * await users.set('u_1', user);
 * ```
 */
export function createRecordMigration<V>(options: RecordMigrationOptions<V>): RecordMigration<V> {
  const { compareShare = 0, random = randomShare, readOld = false } = options;
  if (!(compareShare >= 0 && compareShare <= 1)) {
    throw new ConfigError('compareShare', `must be from 0 to 1, got ${compareShare}`);
  }
  const core = createCore(options);
  const { kv, name, known, sides, journal, mirror, diverged, unsure, background, timeoutMs, mirrorTimeoutMs } = core;
  const { clock } = kv;
  const digestOf = async (key: string): Promise<string> => (await sha256(`${name}\n${key}`)).slice(0, 16);
  const compare = createComparer({
    ...core,
    ...{ clock, digestOf },
    diverged: (keys, side) => diverged(keys, sourceOf(known.last(), side)),
  });
  const repair = createRepair(core);

  /** A key that the side with authority may have missed is read where this process has written it. */
  const readSide = (mode: MigrationMode, key: string): SideName => journal.holderOf(key) ?? core.authority(mode, key);

  const isCompared = (mode: MigrationMode): boolean =>
    compareShare > 0 && isDual(mode) && !readOld && random() < compareShare;

  const readFrom = async (mode: MigrationMode, side: SideName, keys: readonly string[]) => {
    const startedAt = clock.monotonic();
    const found = await sides[side].read(keys, timeoutMs);
    // What several keys take together says nothing of one.
    const [key = ''] = keys;
    if (keys.length === 1 && isCompared(mode)) {
      const tookMs = clock.monotonic() - startedAt;
      background.run(() => compare({ key, side, value: found.get(key), tookMs }));
    }
    return found;
  };

  const writeFrom = async (mode: MigrationMode, side: SideName, changes: Changes<V>): Promise<void> => {
    const keys = [...changes.keys()];
    try {
      await sides[side].write(changes, timeoutMs);
    } catch (error) {
      if ((isDual(mode) || known.isOutdated()) && mayHaveRun(error)) unsure(keys, sourceOf(known.last(), side));
      throw error;
    }
    if (isDual(mode)) await bringAlong(side, changes);
    else if (known.isOutdated()) {
      // Others may write to both sides by now, or read the other alone: this process may have been frozen.
      diverged(keys, side);
      await guardReads(side, keys);
    }
  };

  const bringAlong = async (side: SideName, changes: Changes<V>): Promise<void> => {
    const keys = [...changes.keys()];
    const other = otherSide(side);
    try {
      const { alike, restless } = await mirror(side, keys, mirrorTimeoutMs, changes);
      // What was given up on may still land, behind this.
      for (const key of alike) if (!sides.old.isUnsettled(key) && !sides.new.isUnsettled(key)) journal.clear(key);
      if (restless.length === 0) return;
      diverged(restless, side);
    } catch {
      core.tally.count(`failures.${other}`);
      diverged(keys, side);
    }
    await guardReads(side, keys);
  };

  /**
   * Before somebody is told that something is written which the other side misses, Redis knows of a miss, so that reads do
   * not move there. If they have moved by then, nobody is told that it is written.
   */
  const guardReads = async (side: SideName, keys: readonly string[]): Promise<void> => {
    if (known.isGuarded(otherSide(side)) || !(await known.tell())) return;
    const { mode } = known.last();
    const moved = keys.filter((key) => core.authority(mode, key) !== side);
    if (moved.length === 0) return;
    journal.doubt(moved);
    throw new StoreError('unavailable', 'Reads have moved to the side that has missed this write');
  };

  const bySide = (
    keys: Iterable<string>,
    sideFor: (key: string) => SideName,
  ): readonly (readonly [SideName, readonly string[]])[] => {
    const groups: Record<SideName, string[]> = { old: [], new: [] };
    for (const key of keys) groups[sideFor(key)].push(key);
    const all = [['old', groups.old] as const, ['new', groups.new] as const];
    return all.filter(([, group]) => group.length > 0);
  };

  const modeNow = async (): Promise<MigrationMode> => {
    const mode = await known.current();
    repair.soon();
    return mode;
  };

  const read = async (keys: readonly string[]): Promise<ReadonlyMap<string, V>> => {
    const mode = await modeNow();
    const groups = bySide(new Set(keys), (key) => readSide(mode, key));
    const found = await Promise.all(groups.map(([side, group]) => readFrom(mode, side, group)));
    return new Map(found.flatMap((some) => [...some]));
  };

  const write = async (changes: Changes<V>): Promise<void> => {
    const mode = await modeNow();
    const groups = bySide(changes.keys(), (key) => core.authority(mode, key));
    const outcomes = await Promise.allSettled(
      groups.map(([side, keys]) => writeFrom(mode, side, new Map(keys.map((key) => [key, changes.get(key)] as const)))),
    );
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  };

  return {
    name,
    get: async (key) => (await read([key])).get(key),
    getMany: read,
    set: async (key, value) => write(new Map([[key, stored(value)]])),
    setMany: async (records) => write(new Map([...records].map(([key, value]) => [key, stored(value)] as const))),
    delete: (key) => write(new Map([[key, undefined]])),
    deleteMany: (keys) => write(new Map(keys.map((key) => [key, undefined] as const))),
    async backfill(keys, backfillOptions = {}) {
      for (const side of ['old', 'new'] as const) {
        if (!sides[side].canSetIfAbsent) throw new ConfigError(`${side}.setIfAbsent`, 'is needed for a backfill');
      }
      return walk(core, keys, fillWith(core), backfillOptions);
    },
    reconcile: async (keys, reconcileOptions = {}) => walk(core, keys, reconcileWith(core), reconcileOptions),
    repair: repair.now,
    async status(): Promise<MigrationStatus> {
      await known.look();
      const status = await readMigrationStatus(kv, name);
      if (!status) throw new ConfigError('name', 'is that of nothing that Redis knows');
      return status;
    },
    local: () => ({ mode: known.last().mode, behind: known.last().behind, diverged: journal.size }),
    digestOf,
    settled: background.settled,
  };
}

/** What is not there is `undefined`. */
function stored<V>(value: V): V {
  if (value !== undefined) return value;
  throw new ConfigError('value', 'must not be undefined: delete the record');
}

/** Stores of other makes do not say. */
function mayHaveRun(error: unknown): boolean {
  return !isUnavailable(error) || (error.code !== 'CIRCUIT_OPEN' && error.mayHaveRun);
}
