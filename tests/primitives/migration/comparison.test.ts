import { describe, expect, it } from 'vitest';
import { migrationRig } from '../../support/migration-rig.ts';

async function compared(share = 1) {
  const rolls: number[] = [];
  const rig = migrationRig({ compareShare: share, random: () => rolls.shift() ?? 0 });
  await rig.put('dual:read-old');
  await rig.migration.set('k', 'v');
  const read = async (key: string) => {
    const value = await rig.migration.get(key);
    await rig.migration.settled();
    return value;
  };
  return { ...rig, rolls, read };
}

describe('a comparison', () => {
  it('counts what both sides have, and what they have not', async () => {
    const { migration, old, fresh, read } = await compared();
    await read('k');
    await read('nothing');
    await migration.setMany(new Map(['d', 'n', 'o'].map((key) => [key, 'v'])));
    fresh.records.set('d', 'other');
    fresh.records.delete('n');
    old.records.delete('o');
    for (const key of ['d', 'n', 'o']) await read(key);
    const { compared: counts } = await migration.status();
    expect(counts).toEqual({ same: 2, different: 1, missingInNew: 1, missingInOld: 1 });
  });

  it('names keys by digests only, the last ones, which can be told for a key', async () => {
    const { migration, fresh, read, store } = await compared();
    await migration.setMany(new Map(Array.from({ length: 25 }, (_, index) => [`secret-${index}`, 'hidden'])));
    fresh.records.clear();
    for (let index = 0; index < 25; index += 1) await read(`secret-${index}`);
    const { divergent } = await migration.status();
    expect(divergent).toHaveLength(20);
    expect(divergent[0]).toBe(await migration.digestOf('secret-24'));
    const sent = JSON.stringify(store.requests);
    expect(sent).not.toContain('secret-');
    expect(sent).not.toContain('hidden');
  });

  it('has what differs repaired, from the side with authority', async () => {
    const { migration, fresh, read } = await compared();
    fresh.records.set('k', 'other');
    await read('k');
    expect(migration.local().diverged).toBe(1);
    expect(await migration.repair()).toBe(0);
    expect(fresh.records.get('k')).toBe('v');
    await read('k');
    expect((await migration.status()).compared.same).toBe(1);
  });

  it('does not take a write between its two reads for a divergence', async () => {
    const { migration, fresh, read, elsewhere } = await compared();
    const writer = elsewhere({ compareShare: 0 });
    await writer.migration.status();
    fresh.before = async (call) => {
      if (call !== 'get') return;
      fresh.before = undefined;
      await writer.migration.set('k', 'later');
    };
    expect(await read('k')).toBe('v');
    expect((await migration.status()).compared).toEqual({ same: 1, different: 0, missingInNew: 0, missingInOld: 0 });
  });

  it('does not count for a divergence what is known to be missing', async () => {
    const { migration, fresh, read } = await compared();
    fresh.only = 'set';
    fresh.fault = 'refuse';
    await migration.set('k', 'later');
    expect(await read('k')).toBe('later');
    expect((await migration.status()).compared).toEqual({ same: 0, different: 0, missingInNew: 0, missingInOld: 0 });
  });

  it('is made of the share that was asked for, and of no other read', async () => {
    const { fresh, rolls, read } = await compared(0.25);
    fresh.calls.length = 0;
    for (const roll of [0, 0.249, 0.25, 0.9]) {
      rolls.push(roll);
      await read('k');
    }
    expect(fresh.calls).toEqual(['get k', 'get k']);
  });

  it.each(['old', 'new'] as const)('is not made while %s alone is written', async (mode) => {
    const { old, fresh, read, put } = await compared();
    await put(mode);
    await read('k');
    expect([...old.calls, ...fresh.calls]).toEqual(['get k']);
  });

  it.each(['refuse', 'hang'] as const)(
    'neither fails nor delays the read when the other side does (%s)',
    async (fault) => {
      const { migration, clock, fresh } = await compared();
      fresh.fault = fault;
      expect(await migration.get('k')).toBe('v');
      clock.advance(1_000);
      await migration.settled();
      const { failures, compared: counts, latency } = await migration.status();
      expect([failures.new, counts.same, latency.old.count]).toEqual([1, 0, 0]);
    },
  );

  it('says how long both sides take for the same reads', async () => {
    const { migration, clock, old, fresh, read } = await compared();
    const takes = (ms: () => number) => (call: string) => {
      if (call === 'get') clock.advance(ms());
    };
    let reads = 0;
    old.before = takes(() => 2);
    fresh.before = takes(() => (reads % 10 === 0 ? 50 : 10));
    for (reads = 1; reads <= 100; reads += 1) await read('k');
    const { latency } = await migration.status();
    const within = (value: number | undefined, exact: number) =>
      expect(Math.abs((value ?? 0) - exact) / exact).toBeLessThan(0.1);
    expect([latency.old.count, latency.new.count]).toEqual([100, 100]);
    within(latency.old.p50Ms, 2);
    within(latency.old.p95Ms, 2);
    within(latency.new.p50Ms, 10);
    within(latency.new.p95Ms, 50);
  });

  it('knows no latency before the first', async () => {
    const { migration } = await compared();
    const nothing = { count: 0, p50Ms: undefined, p95Ms: undefined };
    expect((await migration.status()).latency).toEqual({ old: nothing, new: nothing });
  });
});

describe('what all processes have counted', () => {
  it('is one tally', async () => {
    const rig = await compared();
    const other = rig.elsewhere();
    await other.migration.status();
    for (const { migration } of [rig, other]) {
      await migration.get('k');
      await migration.settled();
      await migration.status();
    }
    expect((await rig.migration.status()).compared.same).toBe(2);
  });

  it('is told again when it has certainly not been counted, and not when it may have been', async () => {
    const { StoreError } = await import('../../../lib/errors.ts');
    for (const [mayHaveRun, expected] of [
      [false, 2],
      [true, 1],
    ] as const) {
      const { migration, store, read } = await compared();
      await read('k');
      store.takeAway(new StoreError('network', 'away', { mayHaveRun }));
      await migration.status().catch(() => undefined);
      store.giveBack();
      await read('k');
      expect((await migration.status()).compared.same).toBe(expected);
    }
  });
});
