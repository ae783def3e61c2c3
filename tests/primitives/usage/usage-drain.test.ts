import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { createKv } from '../../../lib/client/kv-client.ts';
import type { SqlQuery } from '../../../lib/client/sql-query.ts';
import { ConfigError } from '../../../lib/errors.ts';
import type { BreakwaterEvent } from '../../../lib/events.ts';
import { createUsage } from '../../../lib/primitives/usage/usage.ts';
import type { UsageOptions } from '../../../lib/primitives/usage/usage-options.ts';
import { usageSchema } from '../../../lib/primitives/usage/usage-sql.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import { manualClock } from '../../../lib/testing/manual-clock.ts';
import { AWAY } from '../../support/scripted-client.ts';
import { projectRoot } from '../../support/source-tree.ts';
import { sqlEngine } from '../../support/sql-engine.ts';
import { stallingQuery } from '../../support/stalling-query.ts';
import { watchedStore } from '../../support/watched-store.ts';

const DAY_MS = 86_400_000;
const NOON = Date.UTC(2026, 10, 21, 12);
const engine = sqlEngine();
let table = '';
let statements: string[] = [];
const query: SqlQuery = (text, params, options) => {
  statements.push(text.slice(0, 6));
  return engine.query(text, params, options);
};

beforeEach(async () => {
  table = await engine.freshTable(usageSchema);
  statements = [];
});

function uses(options: Partial<UsageOptions> = {}) {
  const clock = manualClock(NOON);
  const store = watchedStore(memoryStore({ clock }));
  const events: BreakwaterEvent[] = [];
  const kv = createKv({ store, clock, onEvent: (event) => events.push(event) });
  const usage = createUsage({ kv, shards: 2, ...options });
  const use = async (keyId: string, count: number) => {
    usage.record(keyId, count);
    await usage.flush();
  };
  return { clock, store, events, kv, usage, use };
}

/** Day, key and count of all rows. */
const contents = async () => {
  const text = `select day::text, key_id, sum(n)::int as n from ${table} group by 1, 2 order by 1, 2`;
  const { rows } = await engine.database.query<{ day: string; key_id: string; n: number }>(text);
  return rows.map(({ day, key_id, n }) => `${day} ${key_id} ${n}`);
};

describe('the schema', () => {
  it('is the migration that is packaged, and can be applied again', async () => {
    expect(await readFile(join(projectRoot, 'sql/usage.sql'), 'utf8')).toBe(usageSchema());
    await engine.database.exec(usageSchema(table));
  });

  it.each(['Usage', 'a.b.c', 'x"; drop table y; --'])('is not made by the name of %j', async (name) => {
    expect(() => usageSchema(name)).toThrow(ConfigError);
    await expect(uses().usage.drain({ query, table: name })).rejects.toThrow(ConfigError);
  });
});

describe('a drain of usage', () => {
  it('brings each key and day into the database, and again only what has changed since', async () => {
    const { clock, usage, use } = uses();
    await use('a', 3);
    await use('b', 2);
    clock.advance(DAY_MS);
    await use('a', 5);
    expect(await usage.drain({ query, table })).toEqual({ status: 'drained', rows: 3 });
    expect(await contents()).toEqual(['2026-11-21 a 3', '2026-11-21 b 2', '2026-11-22 a 5']);
    statements = [];
    expect(await usage.drain({ query, table })).toEqual({ status: 'drained', rows: 0 });
    expect(statements).toEqual([]);
    await use('a', 1);
    expect(await usage.drain({ query, table })).toEqual({ status: 'drained', rows: 1 });
    expect(await contents()).toEqual(['2026-11-21 a 3', '2026-11-21 b 2', '2026-11-22 a 6']);
  });

  it('costs a request to look, one and a statement for each hash that has changed, and one to note it', async () => {
    const { store, usage, use } = uses({ shards: 4 });
    await use('a', 1);
    await usage.drain({ query, table });
    await use('a', 1);
    const requests = store.requests.length;
    statements = [];
    await usage.drain({ query, table });
    expect(store.requests.slice(requests).map((commands) => commands.map(([name]) => name))).toEqual([
      ['EVALSHA', 'EVALSHA', 'EVALSHA', 'EVALSHA'],
      ['HGETALL'],
      ['EVALSHA'],
    ]);
    expect(statements).toEqual(['with g']);
  });

  it('brings days that nobody has drained for as long as Redis has them', async () => {
    const { clock, usage, use } = uses({ retentionMs: 5 * DAY_MS });
    await use('a', 3);
    clock.advance(5 * DAY_MS);
    await use('a', 4);
    expect(await usage.drain({ query, table })).toEqual({ status: 'drained', rows: 2 });
    expect(await contents()).toEqual(['2026-11-21 a 3', '2026-11-26 a 4']);
  });

  it('brings everything again where it is told to, which changes nothing, and mends a database that has lost rows', async () => {
    const { usage, use } = uses();
    await use('a', 3);
    await usage.drain({ query, table });
    expect(await usage.drain({ query, table, full: true })).toEqual({ status: 'drained', rows: 1 });
    expect(await contents()).toEqual(['2026-11-21 a 3']);
    await engine.database.exec(`delete from ${table}`);
    await usage.drain({ query, table, full: true });
    expect(await contents()).toEqual(['2026-11-21 a 3']);
  });

  it('never makes a count less: an answer of Redis that comes late changes nothing', async () => {
    const { usage, use } = uses();
    const late: (() => PromiseLike<unknown>)[] = [];
    const slow: SqlQuery = async (text, params, options) => {
      late.push(() => query(text, params, options));
      return [{ given: '1' }];
    };
    await use('a', 3);
    await usage.drain({ query: slow, table });
    await use('a', 4);
    await usage.drain({ query, table });
    await late[0]?.();
    expect(await contents()).toEqual(['2026-11-21 a 7']);
  });

  it('adds what comes after Redis has forgotten everything to what had been drained before', async () => {
    const { store, usage, use } = uses();
    await use('a', 3);
    await usage.drain({ query, table });
    await store.execute([['FLUSHALL']]);
    await use('a', 2);
    await usage.drain({ query, table });
    expect(await contents()).toEqual(['2026-11-21 a 5']);
    expect(await usage.readDrained('a', 2, { query, table })).toEqual({
      ...{ status: 'found', total: 5 },
      days: [
        { day: '2026-11-21', count: 5 },
        { day: '2026-11-20', count: 0 },
      ],
    });
  });

  it('takes ids as they are, whatever is in them', async () => {
    const { usage, use } = uses();
    const ids = ["'; drop table x; --", '"', '\\', '{"a":1}', '😀', 'epoch', ':'];
    for (const id of ids) await use(id, 2);
    await usage.drain({ query, table });
    for (const id of ids) expect(await usage.readDrained(id, 1, { query, table })).toMatchObject({ total: 2 });
  });

  it('sends more rows than one statement should have in several', async () => {
    const { usage } = uses({ shards: 1, maxBuffered: 10_000, flushKeys: 10_000 });
    for (let index = 0; index < 5_001; index += 1) usage.record(`key_${index}`);
    await usage.flush();
    expect(await usage.drain({ query, table })).toEqual({ status: 'drained', rows: 5_001 });
    expect(statements).toEqual(['with g', 'with g']);
  });

  it('skips what Redis is away for, and the next one brings it', async () => {
    const { store, usage, use } = uses();
    await use('a', 3);
    store.takeAway(AWAY);
    expect(await usage.drain({ query, table })).toMatchObject({ status: 'unavailable', where: 'redis', rows: 0 });
    expect(statements).toEqual([]);
    store.giveBack();
    expect(await usage.drain({ query, table })).toEqual({ status: 'drained', rows: 1 });
  });

  it('stops where the database is away, goes on from there, and forgets nothing', async () => {
    const { clock, usage, use } = uses({ shards: 1 });
    await use('a', 3);
    clock.advance(DAY_MS);
    await use('a', 4);
    let left = 1;
    const failing: SqlQuery = (text, params, options) => {
      left -= 1;
      return left < 0 ? Promise.reject(new Error('away')) : query(text, params, options);
    };
    expect(await usage.drain({ query: failing, table })).toMatchObject({
      ...{ status: 'unavailable', where: 'database', rows: 1 },
      reason: 'The database of usage counters did not answer',
    });
    statements = [];
    expect(await usage.drain({ query, table })).toEqual({ status: 'drained', rows: 1 });
    expect(await contents()).toEqual(['2026-11-21 a 3', '2026-11-22 a 4']);
  });

  it.each([[[]], [[{ given: '2' }]], [[{ n: '1' }]]])(
    'notes nothing where something else has answered: %j',
    async (rows) => {
      const { usage, use } = uses();
      await use('a', 3);
      expect(await usage.drain({ query: async () => rows, table })).toMatchObject({
        ...{ status: 'unavailable', where: 'database', rows: 0 },
        reason: 'The database of usage counters holds something that cannot be read',
      });
      expect(await usage.drain({ query, table })).toEqual({ status: 'drained', rows: 1 });
    },
  );

  it('passes over a hash that is none of ours, and tells of it', async () => {
    const { store, events, usage, use } = uses({ shards: 1 });
    await use('a', 3);
    await store.execute([['HSET', 'usage:{keys:0}:2026-11-20', 'changes', '1', ':b', '5']]);
    await store.execute([['HSET', 'usage:{keys:0}:2026-11-21', ':c', 'many']]);
    expect(await usage.drain({ query, table })).toEqual({ status: 'drained', rows: 1 });
    const untold = { type: 'unreadable', feature: 'usage' };
    expect(events).toMatchObject([untold, untold]);
    expect(await contents()).toEqual(['2026-11-21 a 3']);
  });

  it('passes over names that no database takes, and brings the rest', async () => {
    const { store, events, usage, use } = uses({ shards: 1 });
    await use('a', 3);
    await store.execute([['HSET', 'usage:{keys:0}:2026-11-21', ':b\u0000', '5', ':', '1', `:${'x'.repeat(129)}`, '1']]);
    expect(await usage.drain({ query, table })).toEqual({ status: 'drained', rows: 1 });
    expect(events).toMatchObject([{ type: 'unreadable', feature: 'usage' }]);
    expect(await contents()).toEqual(['2026-11-21 a 3']);
  });

  it('brings all that it can before it throws that something else stands in the place of a hash', async () => {
    const { clock, store, usage, use } = uses({ shards: 1 });
    await use('a', 3);
    clock.advance(2 * DAY_MS);
    await use('a', 4);
    await store.execute([['SET', 'usage:{keys:0}:2026-11-22', 'x']]);
    await expect(usage.drain({ query, table })).rejects.toMatchObject({ code: 'COMMAND', replyCode: 'WRONGTYPE' });
    expect(await contents()).toEqual(['2026-11-21 a 3', '2026-11-23 a 4']);
  });

  it('brings all that it can before it says that the database refuses a hash', async () => {
    const { clock, usage, use } = uses({ shards: 1 });
    for (const count of [3, 4, 5]) {
      await use('a', count);
      clock.advance(DAY_MS);
    }
    await engine.database.exec(`alter table ${table} add check (n <> 4)`);
    expect(await usage.drain({ query, table })).toMatchObject({
      ...{ status: 'unavailable', where: 'database', rows: 2 },
      reason: 'The database of usage counters did not answer',
    });
    expect(await contents()).toEqual(['2026-11-21 a 3', '2026-11-23 a 5']);
  });

  it('that is cut short leaves less to the next, wherever its time ends', async () => {
    const { clock, usage, use } = uses({ shards: 1 });
    for (const count of [3, 4, 5, 6]) {
      await use('a', count);
      clock.advance(DAY_MS);
    }
    const { query: slow, stalled } = stallingQuery(query, { clock, statements: 2, eachMs: 500 });
    usage.drain({ query: slow, table });
    await stalled;
    expect(await usage.drain({ query, table })).toEqual({ status: 'drained', rows: 2 });
    expect(await contents()).toHaveLength(4);
  });

  it('notes nothing for an epoch that has ended, so that the new one is drained', async () => {
    const { store, usage, use } = uses({ shards: 1 });
    await use('a', 3);
    const interrupted: SqlQuery = async (text, params, options) => {
      const answer = await query(text, params, options);
      await store.execute([['FLUSHALL']]);
      await use('a', 1);
      return answer;
    };
    await usage.drain({ query: interrupted, table });
    expect(await usage.drain({ query, table })).toEqual({ status: 'drained', rows: 1 });
    expect(await contents()).toEqual(['2026-11-21 a 4']);
  });
});

describe('reading from the database', () => {
  it('finds the same days however the database writes dates', async () => {
    const { usage, use } = uses();
    await use('a', 3);
    await usage.drain({ query, table });
    await engine.database.exec("set datestyle = 'German, DMY'");
    const read = await usage.readDrained('a', 1, { query, table });
    await engine.database.exec("set datestyle = 'ISO, MDY'");
    expect(read).toEqual({ status: 'found', total: 3, days: [{ day: '2026-11-21', count: 3 }] });
  });

  it('is unavailable while that is away, and never zero', async () => {
    const { usage } = uses();
    const away: SqlQuery = () => Promise.reject(new Error('away'));
    expect(await usage.readDrained('a', 30, { query: away, table })).toMatchObject({ status: 'unavailable' });
  });
});
