import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { nodeBundle } from '../../bench/node-bundle.mjs';
import { type PostgresQuery, postgresQuery } from '../../lib/client/postgres-query.ts';
import { createAnalytics } from '../../lib/primitives/analytics/analytics.ts';
import { analyticsSchema } from '../../lib/primitives/analytics/analytics-sql.ts';
import { createUsage } from '../../lib/primitives/usage/usage.ts';
import { usageSchema } from '../../lib/primitives/usage/usage-sql.ts';
import { dice } from '../support/dice.ts';
import type { DrainProcess } from '../support/drain-process.ts';
import { crashingDrainer, openClient } from '../support/drain-world.ts';
import { realRedis } from '../support/every-store.ts';
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts';
import { startChild } from '../support/process-calls.ts';

const COUNTS = 20_000;
const DRAINERS = 4;
const KILLS = 20;

const redis = realRedis();
let server: PostgresServer;
let admin: pg.Client;
const queries: PostgresQuery[] = [];

beforeAll(async () => {
  server = await startPostgres();
  admin = new pg.Client({ connectionString: server.url });
  await admin.connect();
  await admin.query(usageSchema() + analyticsSchema());
}, 60_000);

afterAll(async () => {
  await Promise.all(queries.map((query) => query.close()));
  await admin.end();
  await server.stop();
});

beforeEach(() => admin.query('truncate breakwater_usage, breakwater_analytics, breakwater_analytics_batches'));

/** Sessions of its own. */
function sessions(): PostgresQuery {
  const query = postgresQuery({ url: server.url, maxConnections: 2 });
  queries.push(query);
  return query;
}

/** Ends sessions of the drainers at random, whatever they are doing, until it is told to stop. */
async function endSessions(roll: ReturnType<typeof dice>, isOver: () => boolean): Promise<number> {
  let ended = 0;
  while (!isOver()) {
    await delay(roll.whole(1, 20));
    const { rowCount } = await admin.query(
      'select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname is not null order by random() limit 1',
    );
    ended += rowCount ?? 0;
  }
  return ended;
}

/** Counts by `count` while drainers with sessions of their own drain, crash, and are cut off by the database. */
async function play(seed: number, count: (index: number) => Promise<unknown>, drainer: (index: number) => Drain) {
  const roll = dice(seed);
  let isOver = false;
  const killing = endSessions(roll, () => isOver);
  const outcomes: string[] = [];
  const draining = Array.from({ length: DRAINERS }, async (_, index) => {
    const drain = drainer(index);
    while (!isOver) outcomes.push((await drain()).status);
  });
  for (let index = 0; index < COUNTS; index += 50) {
    await Promise.all(Array.from({ length: 50 }, (_, more) => count(index + more)));
    await delay(roll.whole(0, 10));
  }
  isOver = true;
  const ended = await killing;
  await Promise.all(draining);
  return { ended, unavailable: outcomes.filter((status) => status === 'unavailable').length, drains: outcomes.length };
}

type Drain = () => Promise<{ readonly status: string }>;

const sumOf = async (table: string) =>
  Number((await admin.query<{ n: string }>(`select sum(n)::text as n from ${table}`)).rows[0]?.n);

describe(`counters that processes bring into a real PostgreSQL, which are killed whatever they are doing`, () => {
  it('are there exactly once', async () => {
    const program = await nodeBundle('tests/support/drain-process.ts');
    const roll = dice(9);
    // Small, so that a drain takes many steps.
    const batchFields = 10;
    const kv = openClient(redis.store);
    const analytics = createAnalytics({ kv, batchFields });
    const usage = createUsage({ kv, flushMs: 5 });
    let kills = 0;
    const processes = Array.from({ length: 2 }, async () => {
      while (kills < KILLS) {
        const child = startChild<DrainProcess>(program.path);
        await child.call.isReady();
        const setup = { redisUrl: redis.url, databaseUrl: server.url, batchFields };
        const draining = child.call.drainForever(setup).catch(() => {});
        await delay(roll.whole(50, 400));
        await child.stop();
        await draining;
        kills += 1;
      }
    });
    let counted = 0;
    while (kills < KILLS) {
      const some = Array.from({ length: 50 }, () => analytics.count('view', { path: `/${roll.whole(1, 500)}` }));
      for (const { status } of await Promise.all(some)) counted += status === 'counted' ? 1 : 0;
      for (let use = 0; use < 50; use += 1) usage.record(`key_${roll.whole(1, 300)}`);
      await delay(5);
    }
    await Promise.all(processes);
    await program.remove();
    await usage.settled();
    const { recorded, sent } = usage.stats();
    const before = [await sumOf('breakwater_analytics'), await sumOf('breakwater_usage')];
    const query = sessions();
    expect([await analytics.drain({ query }), await usage.drain({ query })]).toMatchObject(
      ['drained', 'drained'].map((status) => ({ status })),
    );
    expect([await sumOf('breakwater_analytics'), await sumOf('breakwater_usage')]).toEqual([counted, sent]);
    expect(sent).toBe(recorded);
    // Those that were killed have done something.
    expect(Math.min(...before)).toBeGreaterThan(0);
  });
});

describe(`counters that ${DRAINERS} drainers bring into a real PostgreSQL, whose sessions it ends`, () => {
  it('are there exactly once: events', async () => {
    const roll = dice(7);
    const analytics = createAnalytics({ kv: openClient(redis.store), batchFields: 50 });
    const played = await play(
      7,
      () => analytics.count('view', { path: `/${roll.whole(1, 300)}` }),
      () => {
        const { kv, query } = crashingDrainer({
          store: redis.store,
          query: sessions(),
          dice: roll,
          crashProbability: 0.05,
        });
        const drained = createAnalytics({ kv, batchFields: 50 });
        return () => drained.drain({ query });
      },
    );
    await expect.poll(async () => (await analytics.drain({ query: sessions() })).status).toBe('drained');
    expect(await sumOf('breakwater_analytics')).toBe(COUNTS);
    expect(played.ended).toBeGreaterThan(20);
    expect(played.unavailable).toBeGreaterThan(20);
  });

  it('are there exactly once: uses', async () => {
    const roll = dice(8);
    const usage = createUsage({ kv: openClient(redis.store), flushMs: 5 });
    const played = await play(
      8,
      async () => usage.record(`key_${roll.whole(1, 300)}`),
      () => {
        const { kv, query } = crashingDrainer({
          store: redis.store,
          query: sessions(),
          dice: roll,
          crashProbability: 0.05,
        });
        const drained = createUsage({ kv });
        return () => drained.drain({ query, full: roll.chance(0.1) });
      },
    );
    await usage.flush();
    await usage.settled();
    expect(usage.stats()).toEqual({ recorded: COUNTS, sent: COUNTS, buffered: 0, unknownOutcome: 0, dropped: 0 });
    await expect.poll(async () => (await usage.drain({ query: sessions() })).status).toBe('drained');
    expect(await sumOf('breakwater_usage')).toBe(COUNTS);
    expect(played.ended).toBeGreaterThan(20);
    expect(played.unavailable).toBeGreaterThan(20);
  });
});
