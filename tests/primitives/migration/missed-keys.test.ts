import { describe, expect, it } from 'vitest';
import { createKv } from '../../../lib/client/kv-client.ts';
import { StoreError } from '../../../lib/errors.ts';
import { readMigrationStatus } from '../../../lib/primitives/migration/status.ts';
import { DWELL_MS, type MigrationRig, migrationRig, REFRESH_MS } from '../../support/migration-rig.ts';
import { AWAY } from '../../support/scripted-client.ts';

/** What Redis has been told. */
async function pendingOf({ store, clock }: MigrationRig<string>) {
  return (await readMigrationStatus(createKv({ store, clock }), 'm'))?.pending;
}

describe('a missed key', () => {
  it('is told before the write is acknowledged, if it is the first: reads do not move from then on', async () => {
    const rig = migrationRig();
    await rig.put('dual:read-old');
    rig.fresh.fault = 'refuse';
    await rig.migration.set('k', 'v');
    expect(await pendingOf(rig)).toEqual({ old: 0, new: 1 });
    expect(await rig.change('dual:read-percent(50)')).toMatchObject({ status: 'diverged' });
    // The others are told within 100 ms, also if nothing is called any more: one is enough.
    const before = rig.store.requests.length;
    await rig.migration.set('l', 'v');
    expect(rig.store.requests.length).toBe(before);
    await rig.clock.run(100);
    await rig.migration.settled();
    expect(await pendingOf(rig)).toEqual({ old: 0, new: 2 });
  });

  it('that nobody knew of before reads have moved is not acknowledged, and gives way to what is there', async () => {
    const rig = migrationRig();
    await rig.put('dual:read-old');
    await rig.migration.set('a', 'before');
    await rig.migration.set('b', 'before');
    rig.clock.advance(DWELL_MS);
    await rig.migration.status();
    await rig.change('dual:read-percent(50)');
    rig.fresh.fault = 'refuse';
    // Read from new now; and from old, as before.
    await expect(rig.migration.set('a', 'later')).rejects.toThrow('Reads have moved to the side that has missed');
    await rig.migration.set('b', 'later');
    rig.fresh.fault = undefined;
    expect(await rig.migration.repair()).toBe(0);
    expect([rig.old, rig.fresh].map(({ records }) => [records.get('a'), records.get('b')])).toEqual([
      ['before', 'later'],
      ['before', 'later'],
    ]);
    expect((await rig.migration.status()).pending).toEqual({ old: 0, new: 0 });
  });

  it('is told when Redis is back, also if nothing is called any more', async () => {
    const rig = migrationRig();
    await rig.put('dual:read-old');
    rig.fresh.fault = 'refuse';
    rig.store.takeAway(AWAY);
    await rig.migration.set('k', 'v');
    await rig.clock.run(100);
    await rig.migration.settled();
    rig.store.giveBack();
    await rig.clock.run(REFRESH_MS);
    await rig.migration.settled();
    expect(await pendingOf(rig)).toEqual({ old: 0, new: 1 });
  });

  it('is told a dozen times at most while Redis is away, and with the next call then', async () => {
    const rig = migrationRig();
    await rig.put('dual:read-old');
    rig.fresh.fault = 'refuse';
    await rig.migration.set('k', 'v');
    rig.store.takeAway(AWAY);
    const before = rig.store.requests.length;
    for (let second = 0; second < 60; second += 1) {
      await rig.clock.run(REFRESH_MS);
      await rig.migration.settled();
    }
    // The circuit refuses the others.
    expect(rig.store.requests.length - before).toBeLessThanOrEqual(12);
    expect(rig.clock.pending()).toBe(0);
    rig.store.giveBack();
    rig.clock.advance(60_000);
    await rig.migration.get('k');
    await rig.migration.get('k');
    await rig.migration.status();
    expect(await pendingOf(rig)).toEqual({ old: 0, new: 1 });
  });

  it('of a side that was left meanwhile is forgotten: it must not replace what has been written since', async () => {
    const rig = migrationRig();
    await rig.put('dual:read-old');
    const sleeper = rig.elsewhere();
    await sleeper.migration.status();
    rig.fresh.fault = 'refuse';
    await sleeper.migration.set('k', 'of old');
    rig.fresh.fault = undefined;
    sleeper.store.takeAway(AWAY);
    await rig.put('new');
    await rig.migration.set('k', 'of new');
    await rig.change('dual:read-new');
    rig.clock.advance(10 * DWELL_MS);
    expect(await sleeper.migration.get('k')).toBe('of old');
    sleeper.store.giveBack();
    rig.clock.advance(10 * DWELL_MS);
    expect(await sleeper.migration.get('k')).toBe('of new');
    rig.clock.advance(DWELL_MS);
    await sleeper.migration.get('k');
    await sleeper.migration.settled();
    expect(await sleeper.migration.repair()).toBe(0);
    expect(rig.fresh.records.get('k')).toBe('of new');
  });

  it('that nobody was told is written gives way to what others have written, under whichever authority', async () => {
    const rig = migrationRig();
    await rig.put('dual:read-old');
    rig.old.fault = 'lose';
    await expect(rig.migration.set('k', 'unsure')).rejects.toThrow();
    rig.old.fault = undefined;
    await rig.put('dual:read-new');
    rig.fresh.records.set('k', 'of others');
    expect(await rig.migration.repair()).toBe(0);
    expect([rig.old.records.get('k'), rig.fresh.records.get('k')]).toEqual(['of others', 'of others']);
    expect((await rig.migration.status()).pending).toEqual({ old: 0, new: 0 });
  });

  it('that nobody was told is written is read where everybody reads it', async () => {
    const rig = migrationRig({ compareShare: 1 });
    await rig.put('dual:read-old');
    rig.old.fault = 'hang';
    const unsure = rig.migration.set('k', 'unsure').catch((error: Error) => error.name);
    await rig.clock.run(1_000);
    expect(await unsure).toBe('DeadlineError');
    rig.old.fault = 'refuse';
    await rig.change('dual:read-new', { force: true });
    await rig.migration.status();
    await rig.elsewhere().migration.set('k', 'told');
    expect(await rig.migration.get('k')).toBe('told');
    rig.old.fault = undefined;
    expect(await rig.migration.get('k')).toBe('told');
    // It will be repaired: that it differs is no news.
    await rig.migration.settled();
    expect((await rig.migration.status()).compared).toMatchObject({ different: 0, missingInOld: 0 });
  });

  it('that may have been written by a process that was cut off is made the same on both sides', async () => {
    const rig = migrationRig();
    await rig.put('old');
    rig.store.takeAway(AWAY);
    rig.clock.advance(10 * DWELL_MS);
    rig.old.fault = 'lose';
    await expect(rig.migration.set('k', 'unsure')).rejects.toThrow();
    rig.old.fault = undefined;
    rig.store.giveBack();
    rig.clock.advance(10 * DWELL_MS);
    await rig.change('dual:read-old');
    await rig.migration.status();
    expect(await rig.migration.repair()).toBe(0);
    expect(rig.fresh.records.get('k')).toBe('unsure');
  });

  it('is not replaced by one that nobody was told is written', async () => {
    const rig = migrationRig();
    await rig.put('dual:read-old');
    rig.fresh.fault = 'refuse';
    await rig.migration.set('k', 'told');
    rig.old.only = 'set';
    rig.old.fault = 'refuse';
    await expect(rig.migration.set('k', 'untold')).rejects.toThrow();
    rig.old.fault = undefined;
    rig.fresh.fault = undefined;
    expect((await rig.migration.status()).pending).toEqual({ old: 0, new: 1 });
    expect(await rig.migration.repair()).toBe(0);
    expect(rig.fresh.records.get('k')).toBe('told');
  });

  it('whose write never ends is repaired after a minute: it is taken for lost', async () => {
    const rig = migrationRig();
    await rig.put('dual:read-old');
    rig.fresh.fault = 'hang';
    const written = rig.migration.set('k', 'v');
    await rig.clock.run(500);
    await written;
    rig.fresh.fault = undefined;
    // Half a second ago the write began.
    await rig.clock.run(59_499);
    await rig.migration.settled();
    expect(await rig.migration.repair()).toBe(1);
    await rig.clock.run(1);
    expect(await rig.migration.repair()).toBe(0);
    expect(rig.fresh.records.get('k')).toBe('v');
  });

  it('that is alike by now is written no more', async () => {
    const rig = migrationRig();
    await rig.put('dual:read-old');
    rig.fresh.fault = 'lose';
    await rig.migration.set('k', 'v');
    rig.fresh.fault = undefined;
    rig.fresh.calls.length = 0;
    expect(await rig.migration.repair()).toBe(0);
    expect(rig.fresh.calls).toEqual(['get k']);
  });

  it('is told again where the request that told of it was lost: whoever missed it says so until it is repaired', async () => {
    const rig = migrationRig();
    await rig.put('dual:read-old');
    rig.fresh.fault = 'refuse';
    rig.store.takeAway(new StoreError('network', 'reset', { mayHaveRun: true }));
    await rig.migration.set('k', 'v');
    rig.store.giveBack();
    await rig.clock.run(2 * REFRESH_MS);
    await rig.migration.settled();
    rig.clock.advance(DWELL_MS);
    await rig.migration.get('k');
    await rig.migration.settled();
    expect(await rig.change('dual:read-percent(50)')).toEqual({ status: 'diverged', side: 'new', keys: 1 });
    rig.fresh.fault = undefined;
    rig.store.takeAway(new StoreError('network', 'reset', { mayHaveRun: true }));
    expect(await rig.migration.repair()).toBe(0);
    await expect(rig.migration.status()).rejects.toThrow();
    rig.store.giveBack();
    expect((await rig.migration.status()).pending).toEqual({ old: 0, new: 0 });
  });

  it('is told again to a Redis that has lost everything, and hides none that is missed later', async () => {
    const rig = migrationRig();
    await rig.put('dual:read-old');
    const other = rig.elsewhere();
    await other.migration.status();
    rig.fresh.fault = 'refuse';
    await rig.migration.set('k', 'v');
    await rig.store.execute([['FLUSHALL']]);
    await other.migration.status();
    await rig.migration.status();
    rig.clock.advance(DWELL_MS);
    expect(await rig.change('dual:read-percent(50)')).toEqual({ status: 'diverged', side: 'new', keys: 1 });
    await rig.store.execute([['FLUSHALL']]);
    await other.migration.status();
    rig.fresh.fault = undefined;
    expect(await rig.migration.repair()).toBe(0);
    rig.fresh.fault = 'refuse';
    await other.migration.set('l', 'v');
    await rig.migration.status();
    rig.clock.advance(DWELL_MS);
    expect(await rig.change('dual:read-percent(50)')).toEqual({ status: 'diverged', side: 'new', keys: 1 });
  });

  it('from before the first answer of Redis is told when that comes', async () => {
    const rig = migrationRig();
    await rig.put('dual:read-old');
    const late = rig.elsewhere({ initial: 'dual:read-old' });
    late.store.takeAway(AWAY);
    rig.fresh.fault = 'refuse';
    await late.migration.set('k', 'v');
    late.store.giveBack();
    await late.migration.status();
    await late.migration.status();
    expect(await pendingOf(rig)).toEqual({ old: 0, new: 1 });
  });

  it('that one side will never take keeps no other from being repaired', async () => {
    const rig = migrationRig();
    await rig.put('dual:read-old');
    rig.fresh.fault = 'refuse';
    const keys = Array.from({ length: 30 }, (_, index) => `k${index}`);
    for (const key of keys) await rig.migration.set(key, 'v');
    rig.fresh.fault = undefined;
    rig.fresh.before = (_, key) => {
      if (key === 'k7') throw new Error('no such text here');
    };
    for (let time = 0; time < 8; time += 1) await rig.migration.repair();
    expect(rig.migration.local().diverged).toBe(1);
    expect(rig.fresh.records.size).toBe(29);
    rig.fresh.before = undefined;
    expect(await rig.migration.repair()).toBe(0);
  });
});

describe('a process that was frozen in the middle', () => {
  it.each([
    ['dual:read-new', 'old'],
    ['new', 'old'],
  ] as const)('acknowledges nothing that %s does not read, written in %s alone', async (mode, from) => {
    const rig = migrationRig();
    await rig.put(from);
    const operator = rig.elsewhere();
    await rig.migration.get('k');
    rig.old.before = async (call) => {
      if (call !== 'set') return;
      rig.old.before = undefined;
      rig.clock.suspend(10 * DWELL_MS);
      await rig.change('dual:read-old', { force: true });
      rig.clock.suspend(10 * DWELL_MS);
      await operator.migration.status();
      await operator.migration.reconcile([]);
      await rig.change(mode, { force: true });
    };
    await expect(rig.migration.set('k', 'v')).rejects.toThrow(
      'Reads have moved to the side that has missed this write',
    );
    await operator.migration.status();
    expect(await operator.migration.get('k')).toBeUndefined();
  });

  it('repairs nothing from a side that was left meanwhile', async () => {
    const rig = migrationRig();
    await rig.put('dual:read-old');
    const other = rig.elsewhere();
    rig.fresh.fault = 'refuse';
    await rig.migration.set('k', 'v');
    rig.fresh.fault = undefined;
    let looks = 0;
    rig.fresh.before = async (call) => {
      if (call !== 'get') return;
      looks += 1;
      if (looks < 2) return;
      rig.fresh.before = undefined;
      rig.clock.suspend(10 * DWELL_MS);
      await rig.change('new', { force: true });
      await other.migration.set('k', 'later');
    };
    await rig.migration.repair();
    await other.migration.status();
    expect(await other.migration.get('k')).toBe('later');
  });

  it('tells of what the other side missed, also if Redis knew of a miss before it froze', async () => {
    const rig = migrationRig();
    await rig.put('dual:read-old');
    const operator = rig.elsewhere();
    rig.fresh.fault = 'refuse';
    await rig.migration.set('j', 'v');
    rig.old.before = async (call) => {
      if (call !== 'set') return;
      rig.old.before = undefined;
      rig.clock.suspend(10 * DWELL_MS);
      await rig.change('dual:read-new', { force: true });
      await operator.migration.status();
    };
    await expect(rig.migration.set('k', 'v')).rejects.toThrow(
      'Reads have moved to the side that has missed this write',
    );
  });
});
