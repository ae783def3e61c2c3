import { setTimeout as delay } from 'node:timers/promises';
import { PGlite } from '@electric-sql/pglite';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createKv } from '../../../lib/client/kv-client.ts';
import type { SqlQuery } from '../../../lib/client/sql-query.ts';
import { DeadlineError } from '../../../lib/errors.ts';
import {
  isDual,
  type MigrationMode,
  otherSide,
  type SideName,
  sideOf,
} from '../../../lib/primitives/migration/mode.ts';
import { createRecordMigration } from '../../../lib/primitives/migration/record-migration.ts';
import { kvCounters, kvRecords } from '../../../lib/primitives/migration/records/kv-records.ts';
import { mapCounters, mapRecords } from '../../../lib/primitives/migration/records/map-records.ts';
import type { CounterStore, RecordStore } from '../../../lib/primitives/migration/records/record-store.ts';
import { sqlCounters, sqlRecordSchema, sqlRecords } from '../../../lib/primitives/migration/records/sql-records.ts';
import { setMigrationMode } from '../../../lib/primitives/migration/status.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import { dice } from '../../support/dice.ts';
import { eventually } from '../../support/eventually.ts';
import { type MakeKv, onEveryKv } from '../../support/every-kv.ts';
import { CALL } from '../../support/migration-rig.ts';

interface Job {
  readonly title: string;
  readonly at: number;
}

let database: PGlite;
let query: SqlQuery;
beforeAll(async () => {
  database = await PGlite.create();
  query = (text, params) => database.query(text, params);
  await database.exec(sqlRecordSchema('jobs'));
}, 60_000);
afterAll(() => database?.close());
beforeEach(async () => {
  await database.exec('delete from jobs; delete from jobs_counts');
});

type Fault = 'refuse' | 'lose' | 'slow' | undefined;

/** A side whose calls fail for as long as the test says. */
function failing<V>(sound: RecordStore<V>): RecordStore<V> & { fault: Fault } {
  const play = async <T>(work: () => PromiseLike<T> | T | undefined): Promise<T> => {
    if (faulty.fault === 'refuse') throw new Error('refused');
    if (faulty.fault === 'slow') await delay(25);
    const answer = await work();
    if (faulty.fault === 'lose') throw new Error('lost');
    return answer as T;
  };
  const faulty: RecordStore<V> & { fault: Fault } = {
    fault: undefined,
    get: (key, call) => play(() => sound.get(key, call)),
    set: (key, value, call) => play(() => sound.set(key, value, call)),
    delete: (key, call) => play(() => sound.delete(key, call)),
    setIfAbsent: (key, value, call) => play(() => sound.setIfAbsent?.(key, value, call)),
    ...(sound.getMany && { getMany: (keys, call) => play(() => sound.getMany?.(keys, call)) }),
    ...(sound.setMany && { setMany: (records, call) => play(() => sound.setMany?.(records, call)) }),
    ...(sound.deleteMany && { deleteMany: (keys, call) => play(() => sound.deleteMany?.(keys, call)) }),
  };
  return faulty;
}

const SIDES: Readonly<Record<'Map' | 'SQL' | 'Redis', (kv: MakeKv) => RecordStore<Job>>> = {
  Map: () => mapRecords(),
  SQL: () => sqlRecords({ query, table: 'jobs' }),
  Redis: (kv) => kvRecords({ kv: kv(), prefix: 'jobs', ttlMs: 60_000 }),
};

const WAY: readonly MigrationMode[] = [
  ...(['old', 'dual:read-old', 'dual:read-percent(50)', 'dual:read-new', 'new'] as const),
  ...(['dual:read-new', 'dual:read-percent(50)', 'dual:read-old', 'old'] as const),
];
const KEYS = Array.from({ length: 12 }, (_, index) => `job:${index}`);

/** Moves records to the other side and back while they are written and read, and sides fail. */
async function playThereAndBack(makeKv: MakeKv, from: keyof typeof SIDES, to: keyof typeof SIDES): Promise<void> {
  const kv = makeKv();
  const random = dice(11);
  const sides = {
    old: failing(SIDES[from](makeKv)),
    new: failing(SIDES[to](makeKv)),
  } satisfies Record<SideName, unknown>;
  const migration = createRecordMigration<Job>({
    ...{ kv, name: 'jobs', ...sides, compareShare: 0.5 },
    ...{ refreshMs: 10, timeoutMs: 100, mirrorTimeoutMs: 15 },
  });
  /** What each key may be: the last that was acknowledged, and what has failed since. */
  const may = new Map(KEYS.map((key) => [key, [undefined] as (Job | undefined)[]]));
  let at = 0;
  let surfaced = 0;

  const write = async (key: string): Promise<void> => {
    at += 1;
    const job = random.chance(0.3) ? undefined : { title: `of ${key}`, at };
    try {
      await (job ? migration.set(key, job) : migration.delete(key));
      may.set(key, [job]);
    } catch {
      surfaced += 1;
      may.get(key)?.push(job);
    }
  };
  const read = async (key: string, fails: SideName | undefined, mode: MigrationMode): Promise<void> => {
    try {
      const job = await migration.get(key);
      expect(may.get(key), `${key} in ${mode}`).toContainEqual(job);
    } catch (error) {
      if (!(error instanceof Error) || error.name === 'AssertionError') throw error;
      surfaced += 1;
      if (error instanceof DeadlineError) return;
      // The other side's failures are nobody's business.
      expect(fails, `${key} in ${mode}: ${error.message}`).toBeDefined();
    }
  };

  await migration.get('k');
  for (const mode of WAY) {
    const { behind, pending: before } = await migration.status();
    expect(behind).toBeUndefined();
    // While one side is written alone it is a matter of the next period.
    if (isDual(migration.local().mode)) expect(before).toEqual({ old: 0, new: 0 });
    // There is no other process to wait for.
    expect(await setMigrationMode(kv, 'jobs', mode, { force: true })).toMatchObject({
      status: mode === 'old' && at === 0 ? 'unchanged' : 'changed',
    });
    await migration.status();
    if (migration.local().behind) {
      await eventually(async () => (await migration.backfill(KEYS)).status === 'done');
      await eventually(async () => {
        const outcome = await migration.reconcile(KEYS);
        return outcome.status === 'done' && outcome.complete;
      });
      await migration.status();
    }
    for (const fails of [undefined, 'old', 'new'] as const) {
      const fault = random.pick<Fault>(['refuse', 'lose', 'slow']);
      if (fails && mode !== 'old' && mode !== 'new') sides[fails].fault = fault;
      for (let step = 0; step < 6; step += 1) {
        const key = KEYS[random.whole(0, KEYS.length - 1)] ?? '';
        await (random.chance(0.5) ? write(key) : read(key, fails, mode));
        // Whoever reads from the side that works hears of nothing.
        if (fails && isDual(mode) && sideOf(mode, key) === otherSide(fails) && migration.local().diverged === 0) {
          const heard = await migration.get(key).then(
            () => undefined,
            (error: unknown) => error,
          );
          // A machine that is too busy is nobody's fault.
          if (!(heard instanceof DeadlineError)) expect(heard).toBeUndefined();
        }
      }
      sides.old.fault = undefined;
      sides.new.fault = undefined;
      await migration.settled();
      await eventually(async () => !isDual(mode) || (await migration.repair()) === 0);
    }
    for (const key of KEYS) await read(key, undefined, mode);
    await migration.settled();
    // On a busy machine the other side may have been late for a read, too.
    await eventually(async () => !isDual(mode) || (await migration.repair()) === 0);
    const { pending } = await migration.status();
    if (isDual(mode)) expect(pending).toEqual({ old: 0, new: 0 });
  }
  expect(surfaced).toBeGreaterThan(3);
  const { failures, compared } = await migration.status();
  expect(failures.old + failures.new).toBeGreaterThan(3);
  expect(compared.same).toBeGreaterThan(10);
}

it.each([['Map', 'SQL']] as const)(
  'goes from %s to %s and back under load, whichever side fails',
  async (from, to) => playThereAndBack(() => createKv({ store: memoryStore() }), from, to),
  60_000,
);

onEveryKv('a migration', (makeKv) => {
  describe.each(Object.entries(SIDES))('of records: %s', (_, make) => {
    it('has them read, written and deleted, one and several, under any key', async () => {
      const store = make(makeKv);
      const keys = [
        'a',
        'b:c',
        'ü {x}',
        'x'.repeat(300),
        "'; --",
        '',
        '__proto__',
        '\0',
        '\ud800',
        '\ud801',
        'json:"\\u0000"',
      ];
      const job = (title: string): Job => ({ title, at: 1 });
      for (const key of keys) {
        expect(await store.get(key, CALL)).toBeUndefined();
        await store.delete(key, CALL);
        await store.set(key, job(key), CALL);
        expect(await store.get(key, CALL)).toEqual(job(key));
        expect(await store.setIfAbsent?.(key, job('other'), CALL)).toBe(false);
      }
      expect(await store.setIfAbsent?.('new', job('new'), CALL)).toBe(true);
      expect(await store.get('new', CALL)).toEqual(job('new'));
      if (!store.getMany) return;
      expect(await store.getMany([...keys, 'none'], CALL)).toEqual(
        new Map(keys.map((key) => [key, job(key)] as const)),
      );
      await store.setMany?.(new Map(keys.map((key) => [key, job('again')] as const)), CALL);
      await store.deleteMany?.(keys.slice(1), CALL);
      expect(await store.getMany(keys, CALL)).toEqual(new Map([['a', job('again')]]));
    });
  });

  it.each([
    ['Map', () => mapCounters()],
    ['SQL', () => sqlCounters({ query, table: 'jobs' })],
    ['Redis', (kv: MakeKv) => kvCounters({ kv: kv(), prefix: 'counts', ttlMs: 60_000 })],
  ] as const)('of counters: %s', async (_, make: (kv: MakeKv) => CounterStore) => {
    const counters = make(makeKv);
    expect(await counters.read('k', CALL)).toBe(0);
    expect([await counters.add('k', 2, CALL), await counters.add('k', 3, CALL)]).toEqual([2, 5]);
    expect([await counters.read('k', CALL), await counters.read('other', CALL)]).toEqual([5, 0]);
    for (const key of ['', '\0', '\ud800', '\ud801']) expect(await counters.add(key, 1, CALL)).toBe(1);
  });

  it.each([
    ['Map', 'Redis'],
    ['SQL', 'Redis'],
  ] as const)(
    'goes from %s to %s and back under load, whichever side fails',
    async (from, to) => playThereAndBack(makeKv, from, to),
    60_000,
  );

  it('has records in Redis end, and those for good stay', async () => {
    const kv = makeKv();
    await kvRecords({ kv, prefix: 'p', ttlMs: 60_000 }).set('k', 1, CALL);
    await kvRecords({ kv, prefix: 'p', ttlMs: false }).set('l', 1, CALL);
    expect(await kv.ttl('p:k')).toBeGreaterThan(58);
    expect(await kv.ttl('p:l')).toBe(-1);
  });

  it('does not quote a record or counter in Redis that cannot be read', async () => {
    const kv = makeKv();
    await kv.command(['SET', 'p:k', 'secret{']);
    const read = Promise.resolve(kvRecords({ kv, prefix: 'p', ttlMs: false }).get('k', CALL));
    await expect(read).rejects.toThrow('A record is not the JSON that was written');
    const counted = Promise.resolve(kvCounters({ kv, prefix: 'p', ttlMs: false }).read('k', CALL));
    await expect(counted).rejects.toThrow('A counter is not a number');
  });
});

describe('a table of records', () => {
  it.each(['', 'a b', 'x"y', 'a.b.c'])('is not called %j', (table) => {
    expect(() => sqlRecords({ query, table })).toThrow('table must be');
    expect(() => sqlRecordSchema(table)).toThrow('table must be');
  });

  it('that is missing, or whose database is away, is an error that quotes nothing', async () => {
    const missing = Promise.resolve(sqlRecords({ query, table: 'nowhere' }).get('secret', CALL));
    await expect(missing).rejects.toThrow('The tables of migrated records are missing');
    const away: SqlQuery = async () => Promise.reject(new Error('secret'));
    const asked = Promise.resolve(sqlRecords({ query: away, table: 'jobs' }).set('secret', 1, CALL));
    await expect(asked).rejects.toThrow('The database of migrated records did not answer');
  });

  it('whose value is damaged says so', async () => {
    await database.exec("insert into jobs (key, value) values ('k', 'secret{')");
    const read = Promise.resolve(sqlRecords({ query, table: 'jobs' }).get('k', CALL));
    await expect(read).rejects.toThrow('holds something that cannot be read');
  });
});
