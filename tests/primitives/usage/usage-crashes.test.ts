import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { SqlQuery } from '../../../lib/client/sql-query.ts';
import { createUsage } from '../../../lib/primitives/usage/usage.ts';
import { usageSchema } from '../../../lib/primitives/usage/usage-sql.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import type { Store } from '../../../lib/store/store.ts';
import { manualClock } from '../../../lib/testing/manual-clock.ts';
import { crashing } from '../../support/crashes.ts';
import { dice } from '../../support/dice.ts';
import { crashingDrainer, openClient } from '../../support/drain-world.ts';
import { sqlEngine } from '../../support/sql-engine.ts';

const engine = sqlEngine();

const SHARDS = 4;
const KEYS = 25;
const USES = 12_000;
/** Enough for a defect to show. */
const FEW = 3_600;

interface Run {
  readonly seed: number;
  readonly uses?: number;
  readonly store?: Store;
  readonly query?: SqlQuery;
  /** Does so much of the uses to Redis that it forgets all, once it has been drained. */
  readonly wipeAfter?: number;
}

/** Uses by three processes over three days, while three drainers crash at every step; then one drain that does not. */
async function play({ seed, uses = FEW, store = memoryStore(), query = engine.query, wipeAfter }: Run) {
  const table = await engine.freshTable(usageSchema);
  const roll = dice(seed);
  const clock = manualClock(Date.UTC(2026, 10, 20, 12));
  const options = { name: 'crashes', shards: SHARDS };
  const users = [1, 2, 3].map(() => createUsage({ ...options, kv: openClient(store, clock) }));
  const drainers = [1, 2, 3].map(() => crashingDrainer({ clock, store, query, dice: roll, crashProbability: 0.15 }));
  const calm = createUsage({ ...options, kv: openClient(store, clock) });
  const database = async () => {
    const { rows } = await engine.database.query<{ n: string }>(`select coalesce(sum(n), 0)::text as n from ${table}`);
    return Number(rows[0]?.n);
  };

  let isOver = false;
  const totals: number[] = [];
  const outcomes: string[] = [];
  const draining = drainers.map(async ({ kv, query: crashingQuery }) => {
    const usage = createUsage({ ...options, kv });
    while (!isOver) {
      const full = roll.chance(0.2);
      outcomes.push((await usage.drain({ query: crashingQuery, table, full })).status);
      totals.push(await database());
      await turn();
    }
  });
  for (let used = 0; used < uses; ) {
    if (used === wipeAfter) {
      for (const usage of users) await usage.flush();
      // A drain that was under way has what Redis said before.
      expect(await calm.drain({ query, table })).toMatchObject({ status: 'drained' });
      await store.execute([['FLUSHALL']]);
    }
    for (let burst = 0; burst < 40; burst += 1, used += 1) {
      roll.pick([users[0], ...users])?.record(`key ${roll.whole(1, KEYS)}`);
    }
    for (const usage of users) await usage.flush();
    if (used % (uses / 3) === 0) clock.advance(86_400_000);
    for (let turns = roll.whole(1, 30); turns > 0; turns -= 1) await turn();
  }
  isOver = true;
  await Promise.all(draining);
  expect(await calm.drain({ query, table })).toMatchObject({ status: 'drained' });
  const crashes = drainers.map((drainer) => drainer.crashes);
  const count = (sort: 'before' | 'after') => crashes.reduce((sum, one) => sum + one[sort], 0);
  return { total: await database(), totals, outcomes, crashed: { before: count('before'), after: count('after') } };
}

describe('uses of which all are drained while drainers crash at every step', () => {
  it('are in the database exactly once', async () => {
    const { total, outcomes, crashed } = await play({ seed: 1, uses: USES });
    expect(total).toBe(USES);
    expect(new Set(outcomes)).toEqual(new Set(['drained', 'unavailable']));
    expect(Math.min(crashed.before, crashed.after)).toBeGreaterThan(20);
  }, 120_000);

  it('are there too when Redis forgets everything in between: none is lost that was drained, none counts twice', async () => {
    const { total, totals } = await play({ seed: 3, wipeAfter: FEW / 2 });
    expect(total).toBe(FEW);
    expect(totals).toEqual(totals.toSorted((a, b) => a - b));
  }, 120_000);

  it('would be seen to be counted twice if they were added', async () => {
    const adding: SqlQuery = (text, params, options) =>
      engine.query(text.replace(/greatest\(kept.n, excluded.n\) where .*/, 'kept.n + excluded.n'), params, options);
    expect((await play({ seed: 1, query: adding })).total).toBeGreaterThan(FEW);
  }, 120_000);

  it('would be seen to be lost if all epochs were one', async () => {
    const oneEpoch: SqlQuery = (text, params, options) =>
      engine.query(text, text.startsWith('with given') ? [params[0] ?? '', 'one', params[2] ?? ''] : params, options);
    expect((await play({ seed: 3, wipeAfter: FEW / 2, query: oneEpoch })).total).toBeLessThan(FEW);
  }, 120_000);
});

describe('uses whose way to Redis breaks', () => {
  it('are each told, kept, or of unknown outcome, and Redis has what was told and no more than what is unknown', async () => {
    const roll = dice(11);
    const store = memoryStore();
    const clock = manualClock();
    const faults = crashing(roll, 0.2);
    const usage = createUsage({ kv: openClient(faults.store(store), clock), shards: SHARDS });
    for (let used = 0; used < 10_000; used += 1) {
      usage.record(`key ${roll.whole(1, KEYS)}`);
      if (used % 50 === 0) await usage.flush();
    }
    await usage.flush();
    const { recorded, sent, buffered, unknownOutcome, dropped } = usage.stats();
    expect([recorded, dropped]).toEqual([10_000, 0]);
    expect(sent + buffered + unknownOutcome).toBe(recorded);
    expect(unknownOutcome).toBeGreaterThan(500);
    const calm = createUsage({ kv: openClient(store, clock), shards: SHARDS });
    let there = 0;
    for (let key = 1; key <= KEYS; key += 1) {
      const read = await calm.read(`key ${key}`, 1);
      there += read.status === 'found' ? read.total : Number.NaN;
    }
    expect(there).toBeGreaterThanOrEqual(sent);
    expect(there).toBeLessThanOrEqual(sent + unknownOutcome);
  });
});
