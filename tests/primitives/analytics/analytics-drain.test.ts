import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { createKv } from '../../../lib/client/kv-client.ts';
import type { SqlQuery } from '../../../lib/client/sql-query.ts';
import { ConfigError } from '../../../lib/errors.ts';
import type { BreakwaterEvent } from '../../../lib/events.ts';
import { createAnalytics } from '../../../lib/primitives/analytics/analytics.ts';
import type { AnalyticsOptions } from '../../../lib/primitives/analytics/analytics-options.ts';
import { analyticsSchema } from '../../../lib/primitives/analytics/analytics-sql.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import { manualClock } from '../../../lib/testing/manual-clock.ts';
import { AWAY } from '../../support/scripted-client.ts';
import { projectRoot } from '../../support/source-tree.ts';
import { sqlEngine } from '../../support/sql-engine.ts';
import { stallingQuery } from '../../support/stalling-query.ts';
import { watchedStore } from '../../support/watched-store.ts';

const DAY_MS = 86_400_000;
const engine = sqlEngine();
let table = '';
let statements: string[] = [];
const query: SqlQuery = (text, params, options) => {
  statements.push(text.slice(0, 6));
  return engine.query(text, params, options);
};
const away: SqlQuery = () => Promise.reject(new Error('away'));

beforeEach(async () => {
  table = await engine.freshTable(analyticsSchema);
  statements = [];
});

function events(options: Partial<AnalyticsOptions> = {}) {
  const clock = manualClock(Date.UTC(2026, 10, 21, 12));
  const store = watchedStore(memoryStore({ clock }));
  const heard: BreakwaterEvent[] = [];
  const kv = createKv({ store, clock, onEvent: (event) => heard.push(event) });
  const analytics = createAnalytics({ kv, shards: 1, ...options });
  return { clock, store, heard, kv, analytics };
}

const contents = async () => {
  const text = `select day::text, event, dimensions::text as by, n::int from ${table} order by 1, 2, 3`;
  const { rows } = await engine.database.query<Record<'day' | 'event' | 'by' | 'n', string>>(text);
  return rows.map(({ day, event, by, n }) => `${day} ${event} ${by} ${n}`);
};
const batches = async () =>
  (await engine.database.query<{ id: string }>(`select id from ${table}_batches order by id`)).rows.length;

describe('the schema', () => {
  it('is the migration that is packaged, and can be applied again', async () => {
    expect(await readFile(join(projectRoot, 'sql/analytics.sql'), 'utf8')).toBe(analyticsSchema());
    await engine.database.exec(analyticsSchema(table));
  });

  it('takes the longest dimensions that there can be', async () => {
    const { analytics } = events();
    const value = '\u{4e00}'.repeat(512 - '{"a":""}'.length);
    await analytics.count(`a${'b'.repeat(63)}`, { a: value });
    expect(await analytics.drain({ query, table })).toEqual({ status: 'drained', rows: 1 });
  });

  it.each(['Events', 'a.b.c', 'x"; drop table y; --'])('is not made by the name of %j', async (name) => {
    expect(() => analyticsSchema(name)).toThrow(ConfigError);
    await expect(events().analytics.drain({ query, table: name })).rejects.toThrow(ConfigError);
  });
});

describe('a drain of analytics', () => {
  it('moves what was counted into the database, and adds what is counted later', async () => {
    const { clock, store, analytics } = events();
    await analytics.count('view', { path: '/a', plan: 'free' }, { by: 3 });
    await analytics.count('click');
    expect(await analytics.drain({ query, table })).toEqual({ status: 'drained', rows: 2 });
    expect((await store.execute([['KEYS', '*']]))[0]).toEqual([]);
    await analytics.count('view', { plan: 'free', path: '/a' });
    clock.advance(DAY_MS);
    await analytics.count('view', { plan: 'free', path: '/a' });
    expect(await analytics.drain({ query, table })).toEqual({ status: 'drained', rows: 2 });
    expect(await contents()).toEqual([
      '2026-11-21 click {} 1',
      '2026-11-21 view {"path": "/a", "plan": "free"} 4',
      '2026-11-22 view {"path": "/a", "plan": "free"} 1',
    ]);
  });

  it('costs two requests and a statement for each shard with counts, and one request where there are none', async () => {
    const { store, analytics } = events({ shards: 3 });
    for (const path of ['/a', '/b', '/c', '/d', '/e', '/f']) await analytics.count('view', { path });
    await analytics.drain({ query, table });
    for (const path of ['/a', '/b', '/c', '/d', '/e', '/f']) await analytics.count('view', { path });
    const requests = store.requests.length;
    statements = [];
    await analytics.drain({ query, table });
    expect(store.requests.slice(requests).map(({ length }) => length)).toEqual([3, 3]);
    expect(statements).toEqual(['with c', 'with c', 'with c', 'delete']);
    await analytics.drain({ query, table });
    expect(store.requests).toHaveLength(requests + 3);
  });

  it('takes a shard in batches, of which none is larger than batchFields', async () => {
    const { analytics } = events({ batchFields: 10 });
    for (let index = 0; index < 35; index += 1) await analytics.count('view', { index });
    expect(await analytics.drain({ query, table })).toEqual({ status: 'drained', rows: 35 });
    expect(statements).toEqual(['with c', 'with c', 'with c', 'with c', 'delete']);
    expect(await contents()).toHaveLength(35);
  });

  it('goes on with what has been counted since a batch that another drain has left behind', async () => {
    const { analytics } = events();
    await analytics.count('view');
    expect(await analytics.drain({ query: away, table })).toMatchObject({ status: 'unavailable', where: 'database' });
    await analytics.count('click');
    expect(await analytics.drain({ query, table })).toEqual({ status: 'drained', rows: 2 });
    expect(await contents()).toEqual(['2026-11-21 click {} 1', '2026-11-21 view {} 1']);
  });

  it('keeps a batch that is under way for as long as it takes', async () => {
    const { clock, analytics } = events({ retentionMs: DAY_MS });
    await analytics.count('view');
    await analytics.drain({ query: away, table });
    clock.advance(400 * DAY_MS);
    expect(await analytics.drain({ query, table })).toEqual({ status: 'drained', rows: 1 });
  });

  it('adds no batch twice whose acknowledgement is lost', async () => {
    const { store, analytics } = events();
    await analytics.count('view');
    const losing: SqlQuery = async (text, params, options) => {
      const answer = await query(text, params, options);
      store.takeAway(AWAY);
      return answer;
    };
    expect(await analytics.drain({ query: losing, table })).toMatchObject({
      ...{ status: 'unavailable', where: 'redis', rows: 1 },
    });
    store.giveBack();
    expect(await analytics.drain({ query, table })).toEqual({ status: 'drained', rows: 0 });
    expect(await contents()).toEqual(['2026-11-21 view {} 1']);
    expect((await store.execute([['KEYS', '*']]))[0]).toEqual([]);
  });

  it('adds nothing of a batch of which something cannot be added', async () => {
    const { analytics } = events();
    await analytics.count('view');
    await engine.database.exec(`alter table ${table} add check (event <> 'click')`);
    await analytics.count('click');
    expect(await analytics.drain({ query, table })).toMatchObject({
      status: 'unavailable',
      where: 'database',
      rows: 0,
    });
    expect([await contents(), await batches()]).toEqual([[], 0]);
  });

  it.each([[[]], [[{ added: '2' }]], [[{ n: '1' }]]])(
    'ends no batch where something else has answered: %j',
    async (rows) => {
      const { analytics } = events();
      await analytics.count('view');
      expect(await analytics.drain({ query: async () => rows, table })).toMatchObject({
        ...{ status: 'unavailable', where: 'database', rows: 0 },
        reason: 'The database of analytics holds something that cannot be read',
      });
      expect(await analytics.drain({ query, table })).toEqual({ status: 'drained', rows: 1 });
    },
  );

  it('skips what Redis is away for, and the next one brings it', async () => {
    const { store, analytics } = events();
    await analytics.count('view');
    store.takeAway(AWAY);
    expect(await analytics.drain({ query, table })).toMatchObject({ status: 'unavailable', where: 'redis', rows: 0 });
    expect(statements).toEqual([]);
    store.giveBack();
    expect(await analytics.drain({ query, table })).toEqual({ status: 'drained', rows: 1 });
  });

  it('acknowledges what has arrived before the database went away', async () => {
    const { analytics } = events({ batchFields: 1 });
    await analytics.count('a');
    await analytics.count('b');
    let left = 1;
    const failing: SqlQuery = (text, params, options) => {
      left -= 1;
      return left < 0 ? Promise.reject(new Error('away')) : query(text, params, options);
    };
    expect(await analytics.drain({ query: failing, table })).toMatchObject({ where: 'database', rows: 1 });
    expect(await analytics.drain({ query, table })).toEqual({ status: 'drained', rows: 1 });
    expect(await contents()).toHaveLength(2);
  });

  it('forgets batches that it has had for longer than rememberMs, and no others', async () => {
    const { analytics } = events();
    const insert = `insert into ${table}_batches values
      ('old', now() - interval '2 days'), ('young', now() - interval '23 hours')`;
    await engine.database.exec(insert);
    await analytics.drain({ query, table, rememberMs: DAY_MS });
    const { rows } = await engine.database.query(`select id from ${table}_batches`);
    expect(rows).toEqual([{ id: 'young' }]);
    await expect(analytics.drain({ query, table, rememberMs: DAY_MS - 1 })).rejects.toThrow('rememberMs');
  });

  it('brings all that it can before it throws that something else stands in the place of a shard', async () => {
    const { store, analytics } = events({ shards: 2, batchFields: 10 });
    for (let index = 0; index < 100; index += 1) await analytics.count('view', { index });
    const kept = Number((await store.execute([['HLEN', 'analytics:{events:1}:live']]))[0]);
    await store.execute([['SET', 'analytics:{events:0}:live', 'x']]);
    await expect(analytics.drain({ query, table })).rejects.toMatchObject({ code: 'COMMAND', replyCode: 'WRONGTYPE' });
    expect(await contents()).toHaveLength(kept);
    expect(kept).toBeGreaterThan(10);
  });

  it('brings all that it can before it says that the database refuses a batch', async () => {
    const { analytics } = events({ shards: 8 });
    for (let index = 0; index < 100; index += 1) await analytics.count('view', { index });
    await analytics.count('click');
    await engine.database.exec(`alter table ${table} add check (event <> 'click')`);
    expect(await analytics.drain({ query, table })).toMatchObject({ status: 'unavailable', where: 'database' });
    expect(statements).toEqual([...Array.from({ length: 8 }, () => 'with c'), 'delete']);
    expect(await batches()).toBe(7);
  });

  it('that is cut short leaves less to the next, wherever its time ends', async () => {
    const { clock, analytics } = events({ shards: 4 });
    for (let index = 0; index < 40; index += 1) await analytics.count('view', { index });
    const { query: slow, stalled } = stallingQuery(query, { clock, statements: 2, eachMs: 500 });
    analytics.drain({ query: slow, table });
    await stalled;
    statements = [];
    expect(await analytics.drain({ query, table })).toMatchObject({ status: 'drained' });
    expect(statements).toEqual(['with c', 'with c', 'delete']);
    expect(await contents()).toHaveLength(40);
  });

  it('passes over counters whose names are none of ours, and tells of them', async () => {
    const { store, heard, analytics } = events();
    await analytics.count('view');
    await store.execute([['HSET', 'analytics:{events:0}:live', 'foreign', '5', '[20778,"x",{}]', 'many']]);
    expect(await analytics.drain({ query, table })).toEqual({ status: 'drained', rows: 1 });
    expect(heard).toMatchObject([{ type: 'unreadable', feature: 'analytics' }]);
    expect((await store.execute([['KEYS', '*']]))[0]).toEqual([]);
  });
});
