import { createKv } from '../../lib/client/kv-client.ts';
import { StoreError } from '../../lib/errors.ts';
import type { MigrationMode, SideName } from '../../lib/primitives/migration/mode.ts';
import { isDual } from '../../lib/primitives/migration/mode.ts';
import { createRecordMigration } from '../../lib/primitives/migration/record-migration.ts';
import { mapRecords } from '../../lib/primitives/migration/records/map-records.ts';
import type { RecordStore } from '../../lib/primitives/migration/records/record-store.ts';
import { readMigrationStatus, setMigrationMode } from '../../lib/primitives/migration/status.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { type Dice, dice } from './dice.ts';

const KEYS = ['a', 'b', 'c', 'd', 'e', 'f'];
const REFRESH_MS = 1_000;
const WAY: readonly MigrationMode[] = ['old', 'dual:read-old', 'dual:read-percent(50)', 'dual:read-new', 'new'];

/** What a world has seen, for a test to judge that there was something to see. */
export interface WorldOutcome {
  readonly violations: readonly string[];
  readonly modes: ReadonlySet<string>;
  readonly reads: number;
  readonly missed: number;
  readonly fills: number;
}

class FaultOf extends Error {
  readonly side: SideName;
  constructor(side: SideName) {
    super(`A fault of ${side}`);
    this.side = side;
  }
}

/**
 * Several processes on two Maps, while an operator moves the mode about, sides fail and backfills run. Calls of ports take
 * turns at random; processes hear of a change when it suits them, within their bound.
 */
export async function playMigration(seed: number, steps: number): Promise<WorldOutcome> {
  const random: Dice = dice(seed);
  const clock = manualClock();
  const redis = memoryStore({ clock });
  const maps: Readonly<Record<SideName, Map<string, string>>> = { old: new Map(), new: new Map() };
  const faults: Record<SideName, number> = { old: 0, new: 0 };
  let failing: SideName | undefined;
  const hits: { readonly side: SideName; readonly key: string }[] = [];
  const violations: string[] = [];
  const modes = new Set<string>();
  const counts = { reads: 0, missed: 0, fills: 0 };

  const turns = async (): Promise<void> => {
    for (let left = random.whole(0, 4); left > 0; left -= 1) await Promise.resolve();
  };

  const port = (side: SideName): RecordStore<string> => {
    const sound = mapRecords(maps[side]);
    const play = async <T>(key: string, isRead: boolean, work: () => T): Promise<Awaited<T>> => {
      await turns();
      const isHit = (failing === side && isRead) || random.chance(faults[side]);
      if (isHit) hits.push({ side, key });
      if (isHit && (isRead || random.chance(0.5))) throw new FaultOf(side);
      const answer = await work();
      await turns();
      if (isHit) throw new FaultOf(side);
      return answer;
    };
    return {
      get: (key, call) => play(key, true, () => sound.get(key, call)),
      set: (key, value, call) => play(key, false, () => sound.set(key, value, call)),
      delete: (key, call) => play(key, false, () => sound.delete(key, call)),
      setIfAbsent: (key, value, call) =>
        play(key, false, async () => (await sound.setIfAbsent?.(key, value, call)) === true),
    };
  };

  const operator = createKv({ store: redis, clock });
  const processes = Array.from({ length: 3 }, () =>
    createRecordMigration<string>({
      kv: createKv({ store: redis, clock }),
      name: 'm',
      ...{ old: port('old'), new: port('new') },
      refreshMs: REFRESH_MS,
      compareShare: 0.3,
      random: random.share,
    }),
  );
  const anyone = () => random.whole(0, processes.length - 1);
  const processOf = (index: number) => processes[index] ?? processes[0] ?? fail('nobody');

  /** What a read may answer: the last value that somebody was told is written, and what nobody knows the fate of. */
  const admissible = new Map<string, Set<string | undefined>>(KEYS.map((key) => [key, new Set([undefined])] as const));
  let written = 0;

  interface Written {
    readonly key: string;
    readonly value: string | undefined;
    readonly isAcknowledged: boolean;
  }

  const write = async (key: string): Promise<Written> => {
    written += 1;
    const value = random.chance(0.3) ? undefined : `v${written}`;
    const migration = processOf(anyone());
    const { mode } = migration.local();
    try {
      await (value === undefined ? migration.delete(key) : migration.set(key, value));
      return { key, value, isAcknowledged: true };
    } catch (error) {
      // Reads moved meanwhile to the side that missed it.
      if (error instanceof StoreError) return { key, value, isAcknowledged: false };
      if (!(error instanceof FaultOf)) throw error;
      // Which of two modes it went by is not known here.
      if (migration.local().mode === mode) judgeError('write', error, key, mode);
      return { key, value, isAcknowledged: false };
    }
  };

  /** In a mode in which one side has authority over everything, the other one's errors are nobody's business. */
  const judgeError = (call: string, error: FaultOf, key: string, mode: MigrationMode): void => {
    const only = mode === 'dual:read-old' ? 'old' : mode === 'dual:read-new' ? 'new' : undefined;
    if (only !== undefined && error.side !== only) {
      violations.push(`a ${call} of ${key} failed of ${error.side} in ${mode}`);
    }
  };

  const missed = new Set<string>();

  const fill = async (): Promise<void> => {
    const migration = processOf(anyone());
    const keys = [...new Set([...maps.old.keys(), ...maps.new.keys()])];
    counts.fills += 1;
    const options = { batch: random.whole(1, 4), perSecond: 1_000_000 };
    await (random.chance(0.7) ? migration.backfill(keys, options) : migration.reconcile(keys, options));
  };

  const settled = async (): Promise<void> => {
    for (const migration of processes) await migration.settled();
  };

  const status = async () => (await readMigrationStatus(operator, 'm')) ?? fail('no mode');

  /** With nothing under way. */
  const judge = async (): Promise<void> => {
    const { mode, behind, sinceAt, dwellMs } = await status();
    modes.add(mode);
    const hasSettled = clock.now() - sinceAt >= dwellMs;
    for (const key of KEYS) {
      const may = admissible.get(key) ?? new Set();
      const isAlike = maps.old.get(key) === maps.new.get(key);
      if (isAlike) missed.delete(key);
      // Two writers that found no rest have it noted, as it is when a side fails.
      if (!isAlike && processes.some((migration) => migration.local().diverged > 0)) missed.add(key);
      if (isDual(mode) && behind === undefined && !isAlike && !missed.has(key)) {
        violations.push(`${key} differs in ${mode}: ${maps.old.get(key)} and ${maps.new.get(key)}`);
        missed.add(key);
      }
      if (!isDual(mode) && hasSettled && !may.has(maps[mode as SideName].get(key))) {
        violations.push(`${mode} alone has ${maps[mode as SideName].get(key)} of ${key}, not ${[...may]}`);
      }
      for (const [index, migration] of processes.entries()) {
        const goneBy = migration.local();
        try {
          const value = await migration.get(key);
          counts.reads += 1;
          if (!may.has(value) && !missed.has(key)) {
            violations.push(`process ${index} in ${migration.local().mode} read ${value} of ${key}, not ${[...may]}`);
          }
        } catch (error) {
          if (!(error instanceof FaultOf)) throw error;
          // What a process knows to be missing on one side it reads from the other.
          const isPlain = goneBy.diverged === 0 && migration.local().mode === goneBy.mode;
          if (isPlain) judgeError('read', error, key, goneBy.mode);
        }
      }
    }
    await settled();
  };

  /** A key whose side fails now fails for everybody, or for nobody. */
  const judgeStability = async (): Promise<void> => {
    const { mode, behind } = await status();
    if (!mode.includes('percent') || behind !== undefined || missed.size > 0) return;
    for (const migration of processes) await migration.status();
    failing = 'new';
    for (const key of KEYS) {
      const outcomes = new Set<string>();
      for (const migration of [...processes, ...processes]) {
        if (migration.local().diverged > 0) continue;
        outcomes.add(
          await migration.get(key).then(
            () => 'answers',
            () => 'fails',
          ),
        );
      }
      if (outcomes.size > 1) violations.push(`${key} comes now from one side, now from the other`);
    }
    failing = undefined;
    await settled();
  };

  const operate = async (): Promise<void> => {
    const { mode, behind } = await status();
    if (behind !== undefined && random.chance(0.6)) return fill();
    const rank = WAY.indexOf(mode);
    const next = WAY[rank + (random.chance(0.65) ? 1 : -1)];
    if (next !== undefined) await setMigrationMode(operator, 'm', next);
  };

  /** While time passes: a backfill keeps to its rate. */
  const ticking = async <T>(work: Promise<T>): Promise<T> => {
    let isDone = false;
    const done = work.finally(() => {
      isDone = true;
    });
    while (!isDone) {
      clock.advance(0.01);
      await ticks(1);
    }
    return done;
  };

  for (const migration of processes) await migration.get('a');
  for (let step = 0; step < steps; step += 1) {
    if (random.chance(0.15)) {
      faults.old = faults.new = 0;
      if (random.chance(0.6)) faults[random.pick<SideName>(['old', 'new'])] = random.pick([0.1, 0.5, 1]);
    }
    const begun = hits.length;
    const groups = Array.from({ length: random.whole(1, 3) }, () => random.pick(['a', 'b', 'c', 'd', 'e', 'f']));
    const what = random.pick(['write', 'write', 'operate', 'fill']);
    const works: Promise<Written | undefined>[] = groups.map(async (key) => {
      // In the middle of it.
      if (what === 'fill') await ticks(random.whole(0, 12));
      return write(key);
    });
    // Not both: a copy and a change of the authority at the same time are what docs/migration.md warns of.
    if (what === 'operate') works.push(operate().then(() => undefined));
    if (what === 'fill') works.push(fill().then(() => undefined));
    const outcomes = (await ticking(Promise.all(works))).filter((outcome) => outcome !== undefined);
    for (const key of new Set(outcomes.map((outcome) => outcome.key))) {
      const ofKey = outcomes.filter((outcome) => outcome.key === key);
      const may = ofKey.some(({ isAcknowledged }) => isAcknowledged)
        ? new Set<string | undefined>()
        : admissible.get(key);
      for (const value of ofKey.map((one) => one.value)) may?.add(value);
      if (may) admissible.set(key, may);
    }
    await settled();
    for (const { key } of hits.slice(begun)) {
      if (maps.old.get(key) === maps.new.get(key)) continue;
      missed.add(key);
      counts.missed += 1;
    }
    await judge();
    if (faults.old + faults.new === 0 && random.chance(0.2)) await judgeStability();
    await clock.run(random.whole(0, 1_500));
    await settled();
  }
  return { violations, modes, ...counts };
}

async function ticks(count: number): Promise<void> {
  for (let left = count; left > 0; left -= 1) await new Promise((resolve) => setImmediate(resolve));
}

function fail(what: string): never {
  throw new Error(`There is ${what}`);
}
