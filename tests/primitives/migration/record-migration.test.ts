import { describe, expect, it } from 'vitest';
import { DeadlineError } from '../../../lib/errors.ts';
import type { MigrationMode } from '../../../lib/primitives/migration/mode.ts';
import { createRecordMigration } from '../../../lib/primitives/migration/record-migration.ts';
import { mapRecords } from '../../../lib/primitives/migration/records/map-records.ts';
import { DWELL_MS, migrationRig, REFRESH_MS, SideError } from '../../support/migration-rig.ts';
import { AWAY } from '../../support/scripted-client.ts';

const DUAL: readonly MigrationMode[] = ['dual:read-old', 'dual:read-percent(50)', 'dual:read-new'];
/** By `dual:read-percent(50)` read from new, and from old. */
const [ON_NEW, ON_OLD] = ['a', 'b'];

describe('reads and writes', () => {
  it.each<[MigrationMode, string, string, readonly string[], readonly string[]]>([
    ['old', 'old', 'old', ['set k', 'get k', 'delete k'], []],
    ['dual:read-old', 'old', 'both', ['set k', 'get k', 'get k', 'delete k', 'get k'], ['set k', 'delete k']],
    ['dual:read-new', 'new', 'both', ['set k', 'delete k'], ['set k', 'get k', 'get k', 'delete k', 'get k']],
    ['new', 'new', 'new', [], ['set k', 'get k', 'delete k']],
  ])('in the mode %s go to %s and %s, which a dual write looks at once more', async (mode, _, __, onOld, onNew) => {
    const { migration, old, fresh, put } = migrationRig();
    await put(mode);
    await migration.set('k', 'v');
    expect(await migration.get('k')).toBe('v');
    await migration.delete('k');
    expect([old.calls, fresh.calls]).toEqual([onOld, onNew]);
    expect([old.records.size, fresh.records.size]).toEqual([0, 0]);
  });

  it('with a percentage come from new for some keys, always the same, and are written there first', async () => {
    const { migration, old, fresh, put } = migrationRig();
    await put('dual:read-percent(50)');
    await migration.setMany(
      new Map([
        [ON_NEW, '1'],
        [ON_OLD, '2'],
      ]),
    );
    expect([old.records.size, fresh.records.size]).toEqual([2, 2]);
    old.records.set(ON_NEW, 'wrong');
    fresh.records.set(ON_OLD, 'wrong');
    expect(await migration.getMany([ON_NEW, ON_OLD, ON_NEW, 'none'])).toEqual(
      new Map([
        [ON_OLD, '2'],
        [ON_NEW, '1'],
      ]),
    );
    await migration.deleteMany([ON_NEW, ON_OLD]);
    expect([old.records.size, fresh.records.size]).toEqual([0, 0]);
  });

  it('send nothing to Redis while the mode is known', async () => {
    const { migration, store, clock, put } = migrationRig();
    await put('dual:read-new');
    const before = store.requests.length;
    for (let round = 0; round < 50; round += 1) {
      await migration.set('k', 'v');
      await migration.get('k');
    }
    expect(store.requests.length).toBe(before);
    clock.advance(REFRESH_MS);
    for (let round = 0; round < 50; round += 1) await migration.get('k');
    await migration.settled();
    expect(store.requests.length).toBe(before + 1);
  });

  it('refuse a value that stands for nothing', async () => {
    const { migration } = migrationRig<string | undefined>();
    await expect(migration.set('k', undefined)).rejects.toThrow('value must not be undefined');
  });
});

describe.each(DUAL)('in the mode %s', (mode) => {
  const keys = [ON_NEW, ON_OLD];
  const rigIn = async () => {
    const rig = migrationRig();
    await rig.migration.setMany(new Map(keys.map((key) => [key, 'first'])));
    await rig.put(mode);
    await rig.migration.setMany(new Map(keys.map((key) => [key, 'first'])));
    const sidesOf = (key: string) => {
      const isNew = mode === 'dual:read-new' || (mode !== 'dual:read-old' && key === ON_NEW);
      return isNew ? ([rig.fresh, rig.old] as const) : ([rig.old, rig.fresh] as const);
    };
    return { ...rig, sidesOf };
  };

  it.each(['refuse', 'lose'] as const)('the side that is read has its errors surface (%s)', async (fault) => {
    const { migration, sidesOf } = await rigIn();
    for (const key of keys) {
      const [read] = sidesOf(key);
      read.fault = fault;
      for (const call of [() => migration.get(key), () => migration.set(key, 'x'), () => migration.delete(key)]) {
        await expect(call()).rejects.toThrow(SideError);
      }
      read.fault = undefined;
    }
  });

  it.each(['refuse', 'lose', 'hang'] as const)(
    'nobody hears of the other side, which is counted (%s)',
    async (fault) => {
      const { migration, clock, sidesOf } = await rigIn();
      for (const key of keys) {
        const [read, other] = sidesOf(key);
        other.fault = fault;
        const written = migration.set(key, 'second');
        await clock.run(500);
        await written;
        expect(await migration.get(key)).toBe('second');
        other.fault = undefined;
        await other.goOn();
        expect(read.records.get(key)).toBe('second');
      }
      const { failures, pending } = await migration.status();
      expect(failures.old + failures.new).toBe(2);
      expect(pending.old + pending.new).toBe(2);
      expect(migration.local().diverged).toBe(2);
    },
  );

  it('a write waits for the other side no longer than mirrorTimeoutMs, and for its own timeoutMs', async () => {
    const { migration, clock, sidesOf } = await rigIn();
    const [read, other] = sidesOf(ON_NEW);
    other.fault = 'hang';
    let isWritten = false;
    const written = migration.set(ON_NEW, 'second').then(() => {
      isWritten = true;
    });
    await clock.run(499);
    expect(isWritten).toBe(false);
    await clock.run(1);
    await written;
    other.fault = undefined;
    read.fault = 'hang';
    const lost = migration.get(ON_NEW).catch((error: unknown) => error);
    await clock.run(1_000);
    expect(await lost).toEqual(new DeadlineError(1_000, false));
  });

  it.each(['refuse', 'lose', 'hang'] as const)(
    'what the other side missed is made good with refreshMs (%s)',
    async (fault) => {
      const { migration, clock, old, fresh, sidesOf } = await rigIn();
      for (const key of keys) {
        const [, other] = sidesOf(key);
        other.fault = fault;
        const done = key === ON_NEW ? migration.set(key, 'second') : migration.delete(key);
        await clock.run(500);
        await done;
        other.fault = undefined;
        await other.goOn();
      }
      expect(migration.local().diverged).toBe(2);
      clock.advance(REFRESH_MS);
      await migration.get('something');
      await migration.settled();
      for (const side of [old, fresh]) expect([...side.records]).toEqual([[ON_NEW, 'second']]);
      expect(migration.local().diverged).toBe(0);
      expect((await migration.status()).pending).toEqual({ old: 0, new: 0 });
    },
  );

  it('a deletion that one side missed does not come back when reads move', async () => {
    const { migration, sidesOf, put } = await rigIn();
    const [, other] = sidesOf(ON_OLD);
    other.only = 'delete';
    other.fault = 'refuse';
    await migration.delete(ON_OLD);
    await put(mode === 'dual:read-old' ? 'dual:read-new' : 'dual:read-old');
    await migration.settled();
    expect(await migration.get(ON_OLD)).toBeUndefined();
    await migration.settled();
    other.fault = undefined;
    expect(await migration.repair()).toBe(0);
    expect(other.records.has(ON_OLD)).toBe(false);
  });

  it('a write that may have taken effect has both sides agree in the end', async () => {
    const { migration, old, fresh, sidesOf } = await rigIn();
    for (const key of keys) {
      const [read] = sidesOf(key);
      read.fault = 'lose';
      await expect(migration.set(key, 'second')).rejects.toThrow(SideError);
      read.fault = undefined;
    }
    expect(await migration.repair()).toBe(0);
    for (const key of keys) expect([old.records.get(key), fresh.records.get(key)]).toEqual(['second', 'second']);
  });

  it('a write that was given up on is not repaired before it has ended, so that it cannot land behind the repair', async () => {
    const { migration, clock, old, fresh, sidesOf } = await rigIn();
    const [, other] = sidesOf(ON_NEW);
    other.fault = 'hang';
    const written = migration.set(ON_NEW, 'late');
    await clock.run(500);
    await written;
    other.fault = undefined;
    await migration.set(ON_NEW, 'latest');
    expect(await migration.repair()).toBe(1);
    await other.goOn();
    expect(other.records.get(ON_NEW)).toBe('late');
    expect(await migration.repair()).toBe(0);
    expect([old.records.get(ON_NEW), fresh.records.get(ON_NEW)]).toEqual(['latest', 'latest']);
  });

  it('two writers of one key leave both sides the same, in whatever order their writes arrive', async () => {
    const rig = await rigIn();
    const second = rig.elsewhere();
    await second.migration.status();
    for (const [key, first] of [
      [ON_NEW, 'set'],
      [ON_OLD, 'delete'],
    ] as const) {
      const [, other] = rig.sidesOf(key);
      // The first writer's copy is overtaken by the whole write of the second.
      let isOvertaken = false;
      other.before = async () => {
        if (isOvertaken) return;
        isOvertaken = true;
        await second.migration.set(key, 'second');
      };
      await (first === 'set' ? rig.migration.set(key, 'first') : rig.migration.delete(key));
      other.before = undefined;
      expect([rig.old.records.get(key), rig.fresh.records.get(key)]).toEqual(['second', 'second']);
    }
  });
});

describe('what a process remembers as diverged', () => {
  it('is bounded: what it forgot is left to a reconciliation, and stays pending for all', async () => {
    const { migration, old, fresh, put } = migrationRig({ maxDiverged: 2 });
    await put('dual:read-old');
    fresh.fault = 'refuse';
    for (const key of ['1', '2', '3']) await migration.set(key, 'v');
    fresh.fault = undefined;
    expect(migration.local().diverged).toBe(2);
    expect(await migration.repair()).toBe(0);
    expect((await migration.status()).pending).toEqual({ old: 0, new: 1 });
    expect([...fresh.records.keys()].sort()).toEqual(['2', '3']);
    expect(await migration.reconcile(old.records.keys())).toMatchObject({ status: 'done', copied: 1, failed: 0 });
    expect(fresh.records.size).toBe(3);
    // Nobody is left who could say that it was this one.
    expect((await migration.status()).pending).toEqual({ old: 0, new: 1 });
  });

  it('is counted once for each key, however often it is missed, and no more once a write has reached both', async () => {
    const { migration, fresh, put } = migrationRig();
    await put('dual:read-old');
    fresh.fault = 'refuse';
    for (const value of ['1', '2', '3']) await migration.set('k', value);
    expect((await migration.status()).pending).toEqual({ old: 0, new: 1 });
    fresh.fault = undefined;
    await migration.set('k', '4');
    expect(migration.local().diverged).toBe(0);
    expect((await migration.status()).pending).toEqual({ old: 0, new: 0 });
  });

  it('is forgotten when one side is kept up alone', async () => {
    const { migration, fresh, put } = migrationRig();
    await put('dual:read-old');
    fresh.fault = 'refuse';
    await migration.set('k', 'v');
    await put('old');
    expect(migration.local().diverged).toBe(0);
  });
});

describe('the switch for an emergency', () => {
  it.each(DUAL)('reads from old in the mode %s, and goes on writing both', async (mode) => {
    const rig = migrationRig();
    await rig.put(mode);
    const killed = rig.elsewhere({ readOld: true, compareShare: 1 });
    for (const key of [ON_NEW, ON_OLD]) {
      await rig.migration.set(key, 'v');
      rig.fresh.fault = 'refuse';
      expect(await killed.migration.get(key)).toBe('v');
      rig.fresh.fault = undefined;
      await killed.migration.set(key, 'w');
      await killed.migration.settled();
      expect(await rig.migration.get(key)).toBe('w');
    }
    expect((await killed.migration.status()).compared.same).toBe(0);
  });

  it('changes nothing on the way back, while old lacks what new alone was given', async () => {
    const rig = migrationRig({ readOld: true });
    await rig.put('new');
    await rig.migration.set('k', 'v');
    await rig.change('dual:read-new');
    await rig.migration.status();
    expect(await rig.migration.get('k')).toBe('v');
    rig.clock.advance(DWELL_MS);
    expect(await rig.migration.reconcile(['k'])).toMatchObject({ complete: true });
    await rig.migration.status();
    rig.fresh.fault = 'refuse';
    expect(await rig.migration.get('k')).toBe('v');
  });

  it('changes nothing once new alone is written: there is nothing to go back to', async () => {
    const rig = migrationRig({ readOld: true });
    await rig.put('new');
    await rig.migration.set('k', 'v');
    expect(await rig.migration.get('k')).toBe('v');
    expect(rig.old.calls).toEqual([]);
  });
});

describe('the mode', () => {
  it('is heard of by every process within twice refreshMs, at work or idle', async () => {
    const rig = migrationRig();
    const idle = rig.elsewhere();
    for (const { migration } of [rig, idle]) await migration.set('k', 'v');
    await rig.change('dual:read-old', { force: true });
    await rig.change('dual:read-new', { force: true });
    rig.fresh.records.set('k', 'new');
    expect(await rig.migration.get('k')).toBe('v');
    rig.clock.advance(REFRESH_MS);
    expect(await rig.migration.get('k')).toBe('v');
    await rig.migration.settled();
    expect(await rig.migration.get('k')).toBe('new');
    rig.clock.advance(REFRESH_MS);
    // Nobody acts upon what may have changed long ago: the first call after a pause asks.
    expect(await idle.migration.get('k')).toBe('new');
  });

  it('is asked for once by all who need it at the same time', async () => {
    const { migration, store } = migrationRig();
    await Promise.all(Array.from({ length: 20 }, () => migration.get('k')));
    expect(store.requests.length).toBeLessThanOrEqual(2);
  });

  it('is written by the first who comes, and is that of all who come later', async () => {
    const rig = migrationRig({ initial: 'dual:read-old' });
    await rig.migration.get('k');
    const late = rig.elsewhere({ initial: 'new' });
    await late.migration.get('k');
    expect(late.migration.local()).toEqual({ mode: 'dual:read-old', behind: 'new', diverged: 0 });
  });

  it('is put back by who knows it, when Redis has lost everything', async () => {
    const rig = migrationRig();
    await rig.put('dual:read-new');
    await rig.store.execute([['FLUSHALL']]);
    await rig.migration.status();
    const late = rig.elsewhere();
    await late.migration.get('k');
    expect(late.migration.local().mode).toBe('dual:read-new');
  });

  it('cannot be that of a migration of another kind', async () => {
    const { kv, store } = migrationRig();
    await store.execute([['HSET', 'migration:{m}', 'mode', 'old', 'kind', 'handover']]);
    const migration = createRecordMigration({ kv, name: 'm', old: mapRecords(), new: mapRecords() });
    await expect(migration.get('k')).rejects.toThrow('name is that of a migration of another kind');
  });
});

describe('with Redis away', () => {
  it('a process goes on in the last mode it has heard of, and asks once in refreshMs', async () => {
    const { migration, store, clock, put } = migrationRig();
    await put('dual:read-new');
    store.takeAway(AWAY);
    await migration.set('k', 'v');
    clock.advance(10 * REFRESH_MS);
    const before = store.requests.length;
    for (let round = 0; round < 20; round += 1) expect(await migration.get('k')).toBe('v');
    expect(store.requests.length).toBe(before + 1);
    clock.advance(REFRESH_MS);
    await migration.get('k');
    expect(store.requests.length).toBe(before + 2);
  });

  it('from the start, the mode is the initial one', async () => {
    const rig = migrationRig();
    for (const [initial, expected] of [
      [undefined, 'old'],
      ['dual:read-new', 'dual:read-new'],
    ] as const) {
      const process = rig.elsewhere({ initial });
      process.store.takeAway(AWAY);
      await process.migration.set('k', 'v');
      expect(process.migration.local().mode).toBe(expected);
    }
    expect(rig.fresh.records.get('k')).toBe('v');
  });

  it('a write to one side alone is brought to the other, if others have begun to write both meanwhile', async () => {
    const rig = migrationRig();
    const lonely = rig.elsewhere();
    for (const { migration } of [rig, lonely]) await migration.get('k');
    lonely.store.takeAway(AWAY);
    rig.clock.advance(DWELL_MS);
    await lonely.migration.get('k');
    await rig.migration.status();
    expect(await rig.change('dual:read-old')).toMatchObject({ status: 'changed' });
    rig.clock.advance(DWELL_MS);
    await lonely.migration.set('k', 'lonely');
    expect([rig.old.records.get('k'), rig.fresh.records.get('k')]).toEqual(['lonely', undefined]);
    lonely.store.giveBack();
    rig.clock.advance(10_000);
    await lonely.migration.get('k');
    await lonely.migration.settled();
    expect(await lonely.migration.repair()).toBe(0);
    expect(rig.fresh.records.get('k')).toBe('lonely');
    expect((await lonely.migration.status()).pending).toEqual({ old: 0, new: 0 });
  });

  it('or damaged there, a write fails of its own side alone', async () => {
    const rig = migrationRig();
    await rig.put('dual:read-old');
    await rig.store.execute([['SET', 'migration:{m}', 'something else']]);
    rig.fresh.fault = 'refuse';
    await rig.migration.set('k', 'v');
    rig.clock.advance(10 * REFRESH_MS);
    await rig.migration.set('l', 'v');
    expect(await rig.migration.get('k')).toBe('v');
  });

  it('status rejects, and nothing else', async () => {
    const { migration, store } = migrationRig();
    store.takeAway(AWAY);
    await expect(migration.status()).rejects.toThrow('refused');
    await expect(migration.backfill(['k'])).rejects.toThrow('refused');
    await migration.set('k', 'v');
    // Others may write both sides by now, for all that is known.
    expect(await migration.repair()).toBe(1);
  });
});

describe('options', () => {
  const { kv } = migrationRig();
  const sides = { old: mapRecords<string>(), new: mapRecords<string>() };
  it.each([
    ['name', { name: 'a b' }],
    ['name', { name: '' }],
    ['name', { name: 'x'.repeat(65) }],
    ['initial', { initial: 'dual:read-percent(100)' as const }],
    ['refreshMs', { refreshMs: 0 }],
    ['timeoutMs', { timeoutMs: 1.5 }],
    ['mirrorTimeoutMs', { mirrorTimeoutMs: -1 }],
    ['compareShare', { compareShare: 1.1 }],
    ['compareShare', { compareShare: Number.NaN }],
    ['maxDiverged', { maxDiverged: 0 }],
  ])('%s is refused as %j', (option, wrong) => {
    expect(() => createRecordMigration({ kv, name: 'm', ...sides, ...wrong })).toThrow(
      expect.objectContaining({ code: 'CONFIG', setting: option }),
    );
  });
});
