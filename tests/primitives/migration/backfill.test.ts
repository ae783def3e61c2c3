import { describe, expect, it } from 'vitest';
import { mapRecords } from '../../../lib/primitives/migration/records/map-records.ts';
import { DWELL_MS, type MigrationRig, migrationRig, REFRESH_MS } from '../../support/migration-rig.ts';

/** A migration whose old side has been in use, in its first dual mode, which everybody has heard of. */
async function begun(
  records: Readonly<Record<string, string>> = { a: '1', b: '2', c: '3' },
): Promise<MigrationRig<string>> {
  const rig = migrationRig();
  for (const [key, value] of Object.entries(records)) await rig.migration.set(key, value);
  expect(await rig.change('dual:read-old')).toEqual({ status: 'too-early', retryAfterMs: expect.any(Number) });
  rig.clock.advance(DWELL_MS);
  expect(await rig.change('dual:read-old')).toEqual({ status: 'changed', from: 'old' });
  rig.clock.advance(DWELL_MS);
  await rig.migration.status();
  return rig;
}

const DONE = { status: 'done', different: 0, failed: 0, complete: true };

describe('a backfill', () => {
  it('copies what is missing, and lets reads move then', async () => {
    const { migration, old, fresh, change } = await begun();
    expect(await change('dual:read-new', { force: false })).toMatchObject({ status: 'not-adjacent' });
    expect(await change('dual:read-percent(10)')).toEqual({ status: 'behind', side: 'new' });
    expect(await migration.backfill(old.records.keys())).toEqual({ ...DONE, keys: 3, copied: 3 });
    expect([...fresh.records]).toEqual([...old.records]);
    expect(migration.local().behind).toBe('new');
    expect((await migration.status()).behind).toBeUndefined();
    expect(await change('dual:read-percent(10)')).toMatchObject({ status: 'changed' });
  });

  it('overwrites nothing, also what is older than the migration: it says that there is something else', async () => {
    const { migration, old, fresh } = await begun();
    await migration.set('a', 'later');
    fresh.records.set('b', 'left over');
    const result = await migration.backfill(old.records.keys());
    expect(result).toEqual({ ...DONE, keys: 3, copied: 1, different: 1, complete: false });
    expect(Object.fromEntries(fresh.records)).toEqual({ a: 'later', b: 'left over', c: '3' });
    expect(fresh.calls.filter((call) => call.startsWith('set '))).toEqual(['set a']);
  });

  it.each(['set', 'delete'] as const)('does not undo a %s that comes between its read and its write', async (write) => {
    const { migration, old, fresh, elsewhere } = await begun();
    const writer = elsewhere();
    await writer.migration.status();
    fresh.before = async (call, key) => {
      if (call !== 'setIfAbsent' || key !== 'b') return;
      fresh.before = undefined;
      await (write === 'set' ? writer.migration.set('b', 'later') : writer.migration.delete('b'));
    };
    await migration.backfill(old.records.keys());
    expect([...fresh.records].sort()).toEqual([...old.records].sort());
    expect(fresh.records.get('b')).toBe(write === 'set' ? 'later' : undefined);
  });

  it('does not undo a deletion that comes between its write and its second look, nor one after that', async () => {
    const { migration, old, fresh, elsewhere } = await begun({ b: '2' });
    const writer = elsewhere();
    await writer.migration.status();
    let looks = 0;
    old.before = async (call) => {
      if (call !== 'get') return;
      looks += 1;
      if (looks !== 2) return;
      old.before = undefined;
      await writer.migration.delete('b');
    };
    await migration.backfill(['b']);
    expect([old.records.size, fresh.records.size]).toEqual([0, 0]);
  });

  it('that is frozen between its read and its write does not bring back what was deleted on new alone meanwhile', async () => {
    const rig = migrationRig();
    await rig.put('dual:read-old');
    rig.old.records.set('k', 'v');
    const other = rig.elsewhere();
    rig.fresh.before = async (call) => {
      if (call !== 'get') return;
      rig.fresh.before = undefined;
      rig.clock.suspend(10 * DWELL_MS);
      await rig.change('new', { force: true });
      await other.migration.delete('k');
    };
    expect(await rig.migration.backfill(['k'])).toMatchObject({ copied: 0, failed: 1, complete: false });
    expect(await other.migration.get('k')).toBeUndefined();
    expect(rig.fresh.calls).not.toContain('setIfAbsent k');
  });

  it('that cannot make sure counts a key as failed, remembers it, and is not complete', async () => {
    for (const [side, only] of [
      ['old', 'get'],
      ['fresh', 'setIfAbsent'],
    ] as const) {
      const rig = await begun();
      let calls = 0;
      rig[side].before = (call) => {
        calls += call === only ? 1 : 0;
        // The reads before, and the second look.
        if (call === only && calls > (only === 'get' ? 3 : 0)) throw new Error('away');
      };
      const result = await rig.migration.backfill(rig.old.records.keys());
      expect(result).toMatchObject({ status: 'done', copied: 0, failed: 3, complete: false });
      expect(rig.migration.local().diverged).toBe(3);
      rig[side].before = undefined;
      expect(await rig.migration.repair()).toBe(0);
      expect([...rig.fresh.records].sort()).toEqual([...rig.old.records].sort());
    }
  });

  it('goes no faster than perSecond, and ends between two batches when it is told to', async () => {
    const { migration, clock, fresh } = await begun(
      Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`k${index}`, 'v'])),
    );
    const ending = new AbortController();
    const keys = Array.from({ length: 30 }, (_, index) => `k${index}`);
    const running = migration.backfill(keys, { perSecond: 10, batch: 5, signal: ending.signal });
    const turns = async () => {
      for (let turn = 0; turn < 100; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    };
    await turns();
    expect(fresh.records.size).toBe(5);
    clock.advance(499);
    await turns();
    expect(fresh.records.size).toBe(5);
    clock.advance(1);
    await turns();
    expect(fresh.records.size).toBe(10);
    ending.abort();
    expect(await running).toMatchObject({ status: 'stopped', keys: 10, copied: 10, complete: false });
    expect((await migration.status()).behind).toBe('new');
  });

  it('begins only when every process writes to both sides', async () => {
    const rig = migrationRig();
    await rig.migration.set('a', '1');
    expect(await rig.migration.backfill(['a'])).toEqual({ status: 'not-dual' });
    rig.clock.advance(DWELL_MS);
    await rig.change('dual:read-old');
    rig.clock.advance(DWELL_MS - 1);
    expect(await rig.migration.backfill(['a'])).toEqual({ status: 'too-early', retryAfterMs: 1 });
    rig.clock.advance(1);
    expect(await rig.migration.backfill(['a'])).toMatchObject({ status: 'done', copied: 1 });
  });

  it('ends when one side is written alone, and counts for nothing when that was so in between', async () => {
    const { migration, clock, old, fresh, change } = await begun();
    let keys = 0;
    const source = async function* () {
      for (const key of [...old.records.keys()]) {
        keys += 1;
        if (keys === 2) {
          await change('old', { force: true });
          await change('dual:read-old', { force: true });
          clock.advance(3 * REFRESH_MS);
        }
        yield key;
      }
    };
    expect(await migration.backfill(source(), { batch: 1 })).toMatchObject({
      status: 'stopped',
      keys: 1,
      complete: false,
    });
    expect(fresh.records.size).toBe(1);
    expect((await migration.status()).behind).toBe('new');
  });

  it('of some keys only lets no reads move', async () => {
    const { migration, change } = await begun();
    expect(await migration.backfill(['a'], { complete: false })).toMatchObject({ status: 'done', complete: false });
    expect(await change('dual:read-percent(10)')).toMatchObject({ status: 'behind' });
  });

  it('fills old from new on the way back', async () => {
    const rig = migrationRig({ initial: 'new' });
    await rig.migration.set('a', '1');
    rig.clock.advance(DWELL_MS);
    expect(await rig.change('dual:read-new')).toMatchObject({ status: 'changed' });
    rig.clock.advance(DWELL_MS);
    await rig.migration.status();
    expect(await rig.change('dual:read-percent(99)')).toEqual({ status: 'behind', side: 'old' });
    expect(await rig.migration.backfill(rig.fresh.records.keys())).toMatchObject({ ...DONE, copied: 1 });
    expect(rig.old.records.get('a')).toBe('1');
    expect(await rig.change('dual:read-percent(99)')).toMatchObject({ status: 'changed' });
  });

  it('copies from the side that is complete, also when reads were moved by force before', async () => {
    const { migration, clock, old, fresh, change } = await begun();
    await change('dual:read-new', { force: true });
    clock.advance(DWELL_MS);
    await migration.status();
    expect(await migration.backfill(old.records.keys())).toMatchObject({ ...DONE, copied: 3 });
    expect(fresh.records.size).toBe(3);
  });

  it('is refused where a side cannot write only where nothing is', async () => {
    const { setIfAbsent: _, ...poor } = mapRecords<string>();
    const { migration } = migrationRig({ new: poor });
    await expect(migration.backfill([])).rejects.toThrow('new.setIfAbsent is needed for a backfill');
  });

  it.each([['perSecond', { perSecond: 0 }] as const, ['batch', { batch: 1.5 }] as const])(
    'refuses %s as %j',
    async (option, wrong) => {
      const { migration } = await begun();
      await expect(migration.backfill([], wrong)).rejects.toThrow(option);
    },
  );
});

describe('a reconciliation', () => {
  it('has the other side hold what the side with authority holds, and nothing else', async () => {
    const { migration, old, fresh } = await begun();
    fresh.records.set('a', 'other').set('left over', 'x');
    const result = await migration.reconcile([...old.records.keys(), ...fresh.records.keys()]);
    expect(result).toEqual({ ...DONE, keys: 4, copied: 4 });
    expect([...fresh.records].sort()).toEqual([...old.records].sort());
    expect((await migration.status()).behind).toBeUndefined();
  });

  it('deletes nothing on the side that is complete, also when reads were moved by force before', async () => {
    const { migration, clock, old, fresh, change } = await begun();
    await change('dual:read-new', { force: true });
    clock.advance(DWELL_MS);
    await migration.status();
    expect(await migration.get('a')).toBeUndefined();
    await migration.reconcile(old.records.keys());
    expect([old.records.size, fresh.records.size]).toEqual([3, 3]);
  });

  it('leaves alone what only looked different, because it was being written', async () => {
    const { migration, fresh, elsewhere } = await begun({ a: '1' });
    await migration.reconcile(['a']);
    const writer = elsewhere();
    await writer.migration.status();
    fresh.calls.length = 0;
    fresh.before = async (call) => {
      if (call !== 'get') return;
      fresh.before = undefined;
      await writer.migration.set('a', '2');
    };
    expect(await migration.reconcile(['a'])).toMatchObject({ copied: 0, failed: 0 });
    expect(fresh.records.get('a')).toBe('2');
    expect(fresh.calls.filter((call) => call === 'set a')).toHaveLength(1);
  });

  it('that a side fails of counts that, and remembers it', async () => {
    const { migration, old, fresh } = await begun();
    fresh.only = 'set';
    fresh.fault = 'refuse';
    expect(await migration.reconcile(old.records.keys())).toMatchObject({ failed: 3, copied: 0, complete: false });
    fresh.fault = 'refuse';
    fresh.only = 'get';
    expect(await migration.reconcile(old.records.keys())).toMatchObject({ failed: 3, copied: 0, complete: false });
    fresh.fault = undefined;
    expect(await migration.repair()).toBe(0);
    expect(fresh.records.size).toBe(3);
  });
});
