import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createKv, type KvClient } from '../../../lib/client/kv-client.ts';
import { runScript } from '../../../lib/client/script.ts';
import { migrationNames } from '../../../lib/primitives/migration/migration-names.ts';
import type { MigrationMode } from '../../../lib/primitives/migration/mode.ts';
import { changeMode } from '../../../lib/primitives/migration/mode-change.ts';
import { lookCall } from '../../../lib/primitives/migration/standing.ts';
import { declareComplete } from '../../../lib/primitives/migration/walk-end.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import { realRedis } from '../../support/every-store.ts';
import { DWELL_MS, type MigrationRig, migrationRig } from '../../support/migration-rig.ts';

const WAY: readonly MigrationMode[] = ['old', 'dual:read-old', 'dual:read-percent(30)', 'dual:read-new', 'new'];

/** In a mode, with nothing behind, and long enough. */
async function settledIn(mode: MigrationMode): Promise<MigrationRig<string>> {
  const rig = migrationRig();
  await rig.put(mode);
  rig.clock.advance(DWELL_MS);
  return rig;
}

describe('a change of the mode', () => {
  it('goes one step, either way', async () => {
    for (const [from, mode] of WAY.entries()) {
      for (const [to, next] of WAY.entries()) {
        const { change } = await settledIn(mode);
        const { status } = await change(next);
        const expected = from === to ? 'unchanged' : Math.abs(from - to) === 1 ? 'changed' : 'not-adjacent';
        expect([mode, next, status]).toEqual([mode, next, expected]);
      }
    }
  });

  it('may move the percentage either way', async () => {
    const { change, clock } = await settledIn('dual:read-percent(30)');
    expect(await change('dual:read-percent(60)')).toEqual({ status: 'changed', from: 'dual:read-percent(30)' });
    clock.advance(DWELL_MS);
    expect(await change('dual:read-percent(5)')).toMatchObject({ status: 'changed' });
  });

  it('waits until the one before has reached every process, to the millisecond', async () => {
    const { change, clock } = await settledIn('dual:read-old');
    await change('dual:read-percent(30)');
    clock.advance(DWELL_MS - 1);
    expect(await change('dual:read-new')).toEqual({ status: 'too-early', retryAfterMs: 1 });
    clock.advance(1);
    expect(await change('dual:read-new')).toMatchObject({ status: 'changed' });
  });

  it('may go straight back: then there are no more than the same two modes about', async () => {
    const { change } = await settledIn('dual:read-old');
    await change('dual:read-percent(30)');
    expect(await change('dual:read-old')).toMatchObject({ status: 'changed' });
    expect(await change('dual:read-percent(30)')).toMatchObject({ status: 'changed' });
    expect(await change('dual:read-percent(60)')).toMatchObject({ status: 'too-early' });
    expect(await change('dual:read-new')).toMatchObject({ status: 'too-early' });
  });

  it('waits once more, no longer, when the clock of Redis is set back', async () => {
    const { change, clock, migration } = await settledIn('dual:read-old');
    await change('dual:read-percent(30)');
    clock.jumpWall(-86_400_000);
    await migration.status();
    clock.advance(DWELL_MS - 1);
    expect(await change('dual:read-new')).toEqual({ status: 'too-early', retryAfterMs: 1 });
    expect(await migration.reconcile([])).toEqual({ status: 'too-early', retryAfterMs: 1 });
    clock.advance(1);
    expect(await migration.reconcile([])).toMatchObject({ status: 'done' });
    expect(await change('dual:read-new')).toMatchObject({ status: 'changed' });
  });

  it('waits for the slowest process that has ever asked', async () => {
    const rig = await settledIn('dual:read-old');
    await rig.elsewhere({ refreshMs: 60_000 }).migration.get('k');
    rig.clock.advance(200_000);
    await rig.change('dual:read-percent(30)');
    rig.clock.advance(DWELL_MS);
    expect(await rig.change('dual:read-new')).toEqual({
      status: 'too-early',
      retryAfterMs: 120_000 + 1_500 - DWELL_MS,
    });
  });

  it('does not move reads to a side that has missed something, but back from it', async () => {
    const { change, migration, fresh } = await settledIn('dual:read-percent(30)');
    fresh.fault = 'refuse';
    // One of them is read from new: nobody was told that it is written.
    const written = await Promise.allSettled(['b', 'c', 'd'].map((key) => migration.set(key, 'v')));
    expect(written.filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
    await migration.status();
    expect(await change('dual:read-new')).toEqual({ status: 'diverged', side: 'new', keys: 2 });
    expect(await change('dual:read-old')).toMatchObject({ status: 'changed' });
    fresh.fault = undefined;
    await migration.repair();
    await migration.status();
    expect(await change('dual:read-percent(30)')).toMatchObject({ status: 'changed' });
  });

  it('does not leave a side that has what the other has missed', async () => {
    const { change, migration, old } = await settledIn('dual:read-new');
    old.fault = 'refuse';
    await migration.set('k', 'v');
    await migration.status();
    expect(await change('dual:read-percent(30)')).toEqual({ status: 'diverged', side: 'old', keys: 1 });
    expect(await change('new')).toMatchObject({ status: 'changed' });
  });

  it('is made by force whatever is said against it', async () => {
    const { change, migration } = await settledIn('old');
    expect(await change('new', { force: true })).toEqual({ status: 'changed', from: 'old' });
    await migration.status();
    expect(migration.local().mode).toBe('new');
  });

  it('of a migration that nobody has used is unknown, and leaves nothing', async () => {
    const { change, store } = migrationRig();
    expect(await change('dual:read-old')).toEqual({ status: 'unknown' });
    expect(await store.execute([['DBSIZE']])).toEqual([0]);
  });
});

/** Before which all clocks stand. */
const AHEAD_AT = 4_000_000_000_000;

describe('the scripts', () => {
  const redis = realRedis();

  it('answer and write in Lua on a real Redis what their twins answer and write', async () => {
    const memory = createKv({ store: memoryStore() });
    const real = createKv({ store: redis.store });
    const mode = fc.constantFrom<MigrationMode>(...WAY, 'dual:read-percent(60)');
    const step = fc.oneof(
      fc.record({ kind: fc.constant('change' as const), mode, force: fc.boolean() }),
      fc.record({ kind: fc.constant('look' as const), mode, dwellMs: fc.constantFrom(0, 1_000_000) }),
      fc.record({
        kind: fc.constant('miss' as const),
        side: fc.constantFrom('old', 'new'),
        what: fc.constantFrom('a', 'b'),
      }),
      fc.record({ kind: fc.constant('ahead' as const) }),
      fc.record({ kind: fc.constant('end' as const), period: fc.integer({ min: 1, max: 5 }), forgives: fc.boolean() }),
    );
    let run = 0;
    const play = async (
      kv: KvClient,
      name: string,
      steps: readonly (typeof step extends fc.Arbitrary<infer S> ? S : never)[],
    ) => {
      const names = await migrationNames(kv, name);
      const told: unknown[] = [];
      const known = (of: MigrationMode, dwellMs: number) => ({
        ...{ mode: of, revision: 1, period: 1, sinceAt: 0, behind: undefined, dwellMs },
      });
      for (const one of steps) {
        if (one.kind === 'change') {
          const { retryAfterMs: _, ...said } = { retryAfterMs: 0, ...(await changeMode(kv, names, one.mode, one)) };
          told.push(said);
        } else if (one.kind === 'look') {
          const [fields] = (await runScript(kv, lookCall(names, known(one.mode, one.dwellMs), 'records'))) as [
            unknown[],
          ];
          told.push(fields.map((field, index) => (index === 3 ? Number(field) > AHEAD_AT : field)));
        } else if (one.kind === 'ahead') {
          if ((await kv.command(['EXISTS', names.home])) === 1)
            await kv.command(['HSET', names.home, 'since', 2 * AHEAD_AT]);
        } else if (one.kind === 'miss') {
          const period = await kv.command(['HGET', names.home, 'period']);
          await kv.command(['HINCRBY', names.tally, `pending.${one.side}@${period}#${one.what}`, 1]);
        } else {
          const standing = { ...known('old', 0), period: one.period };
          told.push(await declareComplete({ kv, names: Promise.resolve(names) }, standing, one));
        }
      }
      const fields = await kv.command(['HGETALL', names.home]);
      const texts = Array.isArray(fields) ? fields.map(String) : [];
      const pairs = texts.flatMap((text, index) =>
        index % 2 === 0 && text !== 'since' ? [[text, texts[index + 1]]] : [],
      );
      return { told, home: Object.fromEntries(pairs) };
    };
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
        run += 1;
        expect(await play(real, `m${run}`, steps)).toEqual(await play(memory, `m${run}`, steps));
      }),
      { numRuns: 60 },
    );
  }, 60_000);
});
