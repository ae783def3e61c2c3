import { describe, expect, it } from 'vitest';
import { createKv } from '../../../lib/client/kv-client.ts';
import {
  type CounterMigrationOptions,
  createCounterMigration,
} from '../../../lib/primitives/migration/counter-migration.ts';
import type { MigrationMode } from '../../../lib/primitives/migration/mode.ts';
import { mapCounters } from '../../../lib/primitives/migration/records/map-records.ts';
import type { CounterStore } from '../../../lib/primitives/migration/records/record-store.ts';
import { setMigrationMode } from '../../../lib/primitives/migration/status.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import { manualClock } from '../../../lib/testing/manual-clock.ts';
import { AWAY } from '../../support/scripted-client.ts';
import { watchedStore } from '../../support/watched-store.ts';

function faulty(sound: CounterStore) {
  const side = {
    fault: undefined as 'refuse' | 'lose' | 'hang' | undefined,
    adds: 0,
    async add(key: string, by: number, call: Parameters<CounterStore['add']>[2]) {
      side.adds += 1;
      if (side.fault === 'refuse') throw new Error('refused');
      if (side.fault === 'hang') await new Promise(() => {});
      const count = await sound.add(key, by, call);
      if (side.fault === 'lose') throw new Error('lost');
      return count;
    },
    read: sound.read,
  };
  return side;
}

async function rigIn(mode: MigrationMode, options: Partial<CounterMigrationOptions> = {}) {
  const clock = manualClock();
  const redis = memoryStore({ clock });
  const store = watchedStore(redis);
  const kv = createKv({ store, clock });
  const operator = createKv({ store: redis, clock });
  const counts = { old: new Map<string, number>(), new: new Map<string, number>() };
  const old = faulty(mapCounters(counts.old));
  const fresh = faulty(mapCounters(counts.new));
  const usage = createCounterMigration({ kv, name: 'usage', old, new: fresh, ...options });
  await usage.status();
  const change = (to: MigrationMode, force = false) => setMigrationMode(operator, 'usage', to, { force });
  await change(mode, true);
  await usage.status();
  return { usage, clock, store, redis, old, fresh, counts, change };
}

describe('a counter', () => {
  it.each<[MigrationMode, number, number, number]>([
    ['old', 10, 0, 10],
    ['dual:read-old', 10, 10, 10],
    ['dual:read-new', 10, 10, 10],
    ['new', 0, 10, 10],
  ])(
    'in the mode %s counts to %i in old and %i in new, and is read where it is right',
    async (mode, inOld, inNew, read) => {
      const { usage, counts } = await rigIn(mode);
      for (let by = 1; by <= 4; by += 1) expect(await usage.increment('k', by)).toBe((by * (by + 1)) / 2);
      expect([counts.old.get('k') ?? 0, counts.new.get('k') ?? 0]).toEqual([inOld, inNew]);
      expect(await usage.read('k')).toBe(read);
    },
  );

  it.each(['refuse', 'lose', 'hang'] as const)(
    'is never told twice: the other side’s failure is counted (%s)',
    async (fault) => {
      const { usage, clock, old, fresh } = await rigIn('dual:read-old');
      fresh.fault = fault;
      const counted = usage.increment('k', 3);
      await clock.run(500);
      expect(await counted).toBe(3);
      await clock.run(60_000);
      expect([old.adds, fresh.adds]).toEqual([1, 1]);
      const { failures, pending } = await usage.status();
      expect([failures, pending]).toEqual([
        { old: 0, new: 1 },
        { old: 0, new: 3 },
      ]);
    },
  );

  it.each(['refuse', 'lose'] as const)(
    'fails where the side with authority does, and nobody is told again (%s)',
    async (fault) => {
      const { usage, old, fresh } = await rigIn('dual:read-old');
      old.fault = fault;
      await expect(usage.increment('k')).rejects.toThrow(fault === 'lose' ? 'lost' : 'refused');
      expect([old.adds, fresh.adds]).toEqual([1, 0]);
    },
  );

  it('is read from new only once somebody says that it has all it needs', async () => {
    const { usage, clock, change, fresh } = await rigIn('dual:read-old');
    fresh.fault = 'refuse';
    await usage.increment('k');
    clock.advance(60_000);
    await usage.status();
    expect(await change('dual:read-percent(50)')).toEqual({ status: 'behind', side: 'new' });
    expect(await usage.declareComplete()).toBe(true);
    expect(await change('dual:read-percent(50)')).toMatchObject({ status: 'changed' });
  });

  it('goes on in the last mode that was heard of while Redis is away', async () => {
    const { usage, store, clock, counts } = await rigIn('dual:read-new');
    store.takeAway(AWAY);
    clock.advance(600_000);
    await usage.increment('k');
    expect([counts.old.get('k'), counts.new.get('k')]).toEqual([1, 1]);
    expect(await usage.read('k')).toBe(1);
  });

  it('that was counted on one side alone, by a process that was cut off, is pending on the other', async () => {
    const { usage, store, redis, clock, change, counts } = await rigIn('old');
    const kv = createKv({ store: redis, clock });
    const other = createCounterMigration({ kv, name: 'usage', old: mapCounters(), new: mapCounters() });
    store.takeAway(AWAY);
    clock.advance(60_000);
    await usage.increment('k', 3);
    await change('dual:read-old');
    expect(await other.declareComplete()).toBe(true);
    store.giveBack();
    clock.advance(60_000);
    await usage.status();
    expect((await usage.status()).pending).toEqual({ old: 0, new: 3 });
    expect([counts.old.get('k'), counts.new.get('k')]).toEqual([3, undefined]);
    expect(await change('dual:read-new')).toMatchObject({ status: 'not-adjacent' });
    expect(await change('dual:read-percent(50)')).toEqual({ status: 'diverged', side: 'new', keys: 3 });
  });

  it('that was counted on one side alone is missing nowhere while that is so for all', async () => {
    const { usage, store, clock } = await rigIn('old');
    store.takeAway(AWAY);
    clock.advance(60_000);
    await usage.increment('k', 3);
    store.giveBack();
    clock.advance(60_000);
    await usage.status();
    expect((await usage.status()).pending).toEqual({ old: 0, new: 0 });
  });

  it('is read from old under the switch for an emergency', async () => {
    const { usage, counts } = await rigIn('dual:read-new', { readOld: true });
    counts.old.set('k', 7);
    expect(await usage.read('k')).toBe(7);
  });

  it.each([0, -1, 1.5, Number.NaN])('is not counted up by %d', async (by) => {
    const { usage } = await rigIn('old');
    await expect(usage.increment('k', by)).rejects.toThrow('by must be a whole number');
  });
});
