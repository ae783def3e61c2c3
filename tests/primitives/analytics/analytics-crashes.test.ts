import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { SqlQuery } from '../../../lib/client/sql-query.ts';
import { createAnalytics } from '../../../lib/primitives/analytics/analytics.ts';
import { analyticsSchema } from '../../../lib/primitives/analytics/analytics-sql.ts';
import { acknowledgeScript } from '../../../lib/primitives/analytics/batch-scripts.ts';
import { countScript } from '../../../lib/primitives/analytics/count-script.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import type { Command, Store } from '../../../lib/store/store.ts';
import { manualClock } from '../../../lib/testing/manual-clock.ts';
import { crashing } from '../../support/crashes.ts';
import { dice } from '../../support/dice.ts';
import { crashingDrainer, openClient } from '../../support/drain-world.ts';
import { sqlEngine } from '../../support/sql-engine.ts';

const engine = sqlEngine();

const COUNTS = 12_000;
/** Enough for a defect to show. */
const FEW = 3_000;
const SHARDS = 3;
/** Below what a shard holds, so that batches are cut out of it as well as renamed. */
const BATCH_FIELDS = 20;

interface Run {
  readonly seed: number;
  readonly counts?: number;
  readonly query?: SqlQuery;
  readonly defective?: (store: Store) => Store;
  /** Of the requests that count. */
  readonly lossy?: number;
}

/** What Redis has certainly counted, whoever has heard of it. */
async function ledgerOf(store: Store) {
  const sha1 = await countScript.sha1();
  let counted = 0;
  const byOf = ([name, sha, keys, ...rest]: Command) =>
    (name === 'EVALSHA' && sha === sha1) || (name === 'EVAL' && sha === countScript.lua)
      ? Number(rest[Number(keys) + 1])
      : 0;
  return {
    store: {
      ...store,
      async execute(commands, options) {
        const replies = await store.execute(commands, options);
        for (const [index, command] of commands.entries()) if (replies[index] === 1) counted += byOf(command);
        return replies;
      },
    } satisfies Store,
    counted: () => counted,
  };
}

/** Counts by three processes, while three drainers crash at every step; then one drain that does not. */
async function play({ seed, counts = FEW, query = engine.query, defective = (store) => store, lossy = 0 }: Run) {
  const table = await engine.freshTable(analyticsSchema);
  const roll = dice(seed);
  const clock = manualClock();
  const ledger = await ledgerOf(memoryStore({ clock }));
  const store = defective(ledger.store);
  const options = { shards: SHARDS, batchFields: BATCH_FIELDS };
  const drainers = [1, 2, 3].map(() => crashingDrainer({ clock, store, query, dice: roll, crashProbability: 0.12 }));
  const counting = crashing(roll, lossy);
  const counters = [1, 2, 3].map(() => createAnalytics({ ...options, kv: openClient(counting.store(store), clock) }));
  const calm = createAnalytics({ ...options, kv: openClient(store, clock) });

  let isOver = false;
  const draining = drainers.map(async ({ kv, query: crashingQuery }) => {
    const analytics = createAnalytics({ ...options, kv });
    while (!isOver) {
      await analytics.drain({ query: crashingQuery, table });
      await turn();
    }
  });
  const answers = { counted: 0, duplicate: 0, buffered: 0, unavailable: 0 };
  for (let count = 0; count < counts; count += 40) {
    await Promise.all(
      Array.from({ length: 40 }, async (_, index) => {
        const dimensions = { path: `/${roll.whole(1, 150)}`, plan: roll.pick(['free', 'paid']) };
        const once = roll.chance(0.3) ? { id: `visitor ${count + (index >> 1)}`, ttlMs: 3_600_000 } : undefined;
        const answer = await roll.pick([counters[0], ...counters])?.count('page_view', dimensions, { once });
        if (answer) answers[answer.status] += 1;
      }),
    );
    for (let turns = roll.whole(1, 10); turns > 0; turns -= 1) await turn();
  }
  for (const analytics of counters) {
    while ((await analytics.flush()).status !== 'flushed' || analytics.stats().buffered > 0);
    await analytics.settled();
  }
  isOver = true;
  await Promise.all(draining);
  const last = await calm.drain({ query, table });
  const { rows } = await engine.database.query<{ n: string }>(`select coalesce(sum(n), 0)::text as n from ${table}`);
  const crashed = drainers.map(({ crashes }) => Math.min(crashes.before, crashes.after));
  const stats = counters.map((analytics) => analytics.stats());
  return {
    ...{ answers, last, counted: ledger.counted(), total: Number(rows[0]?.n) },
    ...{ unknownOutcome: stats.reduce((sum, one) => sum + one.unknownOutcome, 0), crashes: Math.min(...crashed) },
  };
}

describe('counts that are drained while drainers crash at every step', () => {
  it('are in the database exactly once', async () => {
    const { answers, counted, total, last, crashes } = await play({ seed: 1, counts: COUNTS });
    expect(last.status).toBe('drained');
    expect(answers.counted + answers.duplicate).toBe(COUNTS);
    expect([counted, total]).toEqual([answers.counted, answers.counted]);
    expect(answers.counted).toBeGreaterThan(10_000);
    expect(answers.duplicate).toBeGreaterThan(100);
    expect(crashes).toBeGreaterThan(20);
  }, 120_000);

  it('are there as Redis has counted them, also where nobody has heard of it', async () => {
    const { answers, counted, total, unknownOutcome } = await play({ seed: 3, lossy: 0.1 });
    expect(total).toBe(counted);
    expect(answers.buffered).toBeGreaterThan(100);
    // Further ones were lost when they were told again.
    expect(unknownOutcome).toBeGreaterThanOrEqual(answers.unavailable);
    expect(answers.unavailable).toBeGreaterThan(100);
    expect(total).toBeGreaterThanOrEqual(answers.counted);
    expect(total).toBeLessThanOrEqual(answers.counted + answers.buffered + unknownOutcome);
  }, 120_000);
});

describe('the proof would notice', () => {
  it('an acknowledgement that does not look which batch it ends', async () => {
    const sha1 = await acknowledgeScript.sha1();
    const defective = (store: Store): Store => ({
      ...store,
      execute: (commands, options) =>
        store.execute(
          commands.map((command) => (command[1] === sha1 ? ['UNLINK', command[3] ?? ''] : command)),
          options,
        ),
    });
    const { counted, total } = await play({ seed: 1, defective });
    expect(total).toBeLessThan(counted);
  }, 120_000);

  it('a batch that is claimed in another statement than the one that adds it', async () => {
    let claims = 0;
    const query: SqlQuery = async (text, params, options) => {
      const claim = /insert into \S+_batches".* returning id/.exec(text)?.[0];
      if (claim === undefined) return engine.query(text, params, options);
      const { rows } = await engine.database.query(claim, [params[0]]);
      if (rows.length === 0) return [{ added: '0' }];
      claims += 1;
      if (claims % 7 === 0) throw new Error('died between the two');
      return engine.query(text.replace(claim, 'select $1::text as id'), params, options);
    };
    const { counted, total } = await play({ seed: 1, query });
    expect(total).toBeLessThan(counted);
  }, 120_000);

  it('a batch that is added whether it has been claimed or not', async () => {
    const query: SqlQuery = (text, params, options) =>
      engine.query(text.replace('from given cross join claimed', 'from given'), params, options);
    const { counted, total } = await play({ seed: 1, query });
    expect(total).toBeGreaterThan(counted);
  }, 120_000);
});
