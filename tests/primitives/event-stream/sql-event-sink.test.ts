import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { createKv } from '../../../lib/client/kv-client.ts';
import type { SqlQuery } from '../../../lib/client/sql-query.ts';
import { createEventStream } from '../../../lib/primitives/event-stream/event-stream.ts';
import type { EventSink, StreamEvent } from '../../../lib/primitives/event-stream/event-stream-options.ts';
import { sqlEventSchema } from '../../../lib/primitives/event-stream/sql-event-schema.ts';
import { sqlEventSink } from '../../../lib/primitives/event-stream/sql-event-sink.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import type { Store } from '../../../lib/store/store.ts';
import { manualClock } from '../../../lib/testing/manual-clock.ts';
import { type Dice, dice } from '../../support/dice.ts';
import { realRedis } from '../../support/every-store.ts';
import { projectRoot } from '../../support/source-tree.ts';
import { sqlEngine } from '../../support/sql-engine.ts';

const engine = sqlEngine();
let tables = 0;
let table = '';
const query: SqlQuery = (text, params) => engine.database.query(text, params);

beforeEach(async () => {
  tables += 1;
  table = `events_${tables}`;
  await engine.database.exec(sqlEventSchema(table));
});

const rows = async (): Promise<readonly Record<string, unknown>[]> =>
  (await engine.database.query<Record<string, unknown>>(`select * from ${table} order by at, id, batch`)).rows;

const entry = (event: unknown, id = '1700000000000-0', batch = 'abc'): StreamEvent<unknown> => ({
  ...{ id, batch, at: Number.parseInt(id, 10), event },
});

describe('the schema of events', () => {
  it('is the migration that is packaged', async () => {
    expect(await readFile(join(projectRoot, 'sql/events.sql'), 'utf8')).toBe(sqlEventSchema());
  });

  it('can be applied again, also in a schema of its own', async () => {
    await engine.database.exec('create schema if not exists apart');
    for (let time = 0; time < 2; time += 1) await engine.database.exec(sqlEventSchema('apart.order'));
    await sqlEventSink({ query, table: 'apart.order' })('s', [entry(1)]);
    expect((await engine.database.query('select * from apart."order"')).rows).toHaveLength(1);
  });

  it.each(['', 'A', 'a-b', 'a.b.c', '1a', 'a"; drop table x; --', `t${'x'.repeat(48)}`])('has no table %j', (name) => {
    const refused = expect.objectContaining({ code: 'CONFIG', setting: 'table' });
    expect(() => sqlEventSchema(name)).toThrow(refused);
    expect(() => sqlEventSink({ query, table: name })).toThrow(refused);
  });
});

describe('events in SQL', () => {
  it('are stored with their stream, id, batch and time', async () => {
    await sqlEventSink({ query, table })('s', [entry({ path: '/', n: 1.5 }), entry('x', '1700000000001-12', 'd')]);
    expect(await rows()).toEqual([
      { stream: 's', id: '1700000000000-0', batch: 'abc', at: 1_700_000_000_000, event: { path: '/', n: 1.5 } },
      { stream: 's', id: '1700000000001-12', batch: 'd', at: 1_700_000_000_001, event: 'x' },
    ]);
  });

  it('are stored once, however often they come, and apart by stream, id and batch', async () => {
    const sink = sqlEventSink({ query, table });
    await sink('s', [entry(1)]);
    await sink('s', [entry(1), entry(2, '1700000000000-1'), entry(3, '1700000000000-0', 'other')]);
    await sink('t', [entry(4)]);
    expect((await rows()).map(({ event }) => event).sort()).toEqual([1, 2, 3, 4]);
  });

  it.each<[unknown, unknown]>([
    ['"quoted" \\ back\\slash {braces}, comma\n\t', undefined],
    [{ 'ключ "}{,\\': ['é', '😀', null, true, -0.5, 1e300] }, undefined],
    ['a\u0000b', 'a\ufffdb'],
    ['\\u0000', '\\u0000'],
    ['\ud800x\udfff', '\ufffdx\ufffd'],
    ['\\\ud800', '\\\ufffd'],
    ['NULL', undefined],
    [null, null],
    ['', undefined],
  ])('hold %j as it is, but for what jsonb cannot hold', async (event, stored = event) => {
    await sqlEventSink({ query, table })('s', [entry(event)]);
    const [row] = (await engine.database.query<{ event: string }>(`select event::text as event from ${table}`)).rows;
    expect(JSON.parse(row?.event ?? '')).toEqual(stored);
  });

  it('hold the deepest event that a stream takes, and an id of any size', async () => {
    const depth = 64;
    const deep: unknown = JSON.parse('['.repeat(depth) + ']'.repeat(depth));
    await sqlEventSink({ query, table })('s', [entry(deep), entry(1, '18446744073709551615-18446744073709551615')]);
    expect(await rows()).toHaveLength(2);
  });

  it('are refused without a word of them where the database is away', async () => {
    const sink = sqlEventSink({ query: () => Promise.reject(new Error('secret')), table });
    const error = await sink('s', [entry('secret')]).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'STORE', kind: 'network' });
    expect(String(error)).not.toContain('secret');
  });

  it('need a function that asks', () => {
    expect(() => sqlEventSink({ query: undefined as never })).toThrow(expect.objectContaining({ setting: 'query' }));
  });
});

/** Fails now and then, before or behind what it was asked for. */
function unreliable<Args extends readonly unknown[], Answer>(
  work: (...args: Args) => PromiseLike<Answer>,
  { share }: Dice,
): (...args: Args) => Promise<Answer> {
  return async (...args) => {
    const roll = share();
    if (roll < 0.1) throw new Error('before');
    const answer = await work(...args);
    if (roll < 0.2) throw new Error('behind');
    return answer;
  };
}

const servers: readonly (readonly [string, () => { readonly store: Store } | undefined])[] = [
  ['the memory store', () => undefined],
  ['a real Redis', realRedis],
];

describe.each(servers)('a drain into SQL from %s', (_, start) => {
  const redis = start();

  it.each([1, 2, 3])('loses nothing and has nothing twice, wherever drains crash (seed %i)', async (seed) => {
    const random = dice(seed);
    const clock = manualClock();
    const store = redis?.store ?? memoryStore({ clock });
    const options = { breaker: { failureThreshold: 1_000_000 }, ...(redis ? {} : { clock }) };
    const stream = createEventStream<number>({ kv: createKv({ store, ...options }), name: 's' });
    const flaky: Store = { ...store, execute: unreliable(store.execute, random) };
    const drained = createEventStream<number>({ kv: createKv({ store: flaky, ...options }), name: 's' });
    const sink: EventSink<number> = sqlEventSink({ query: unreliable(query, random), table });
    let [next, crashes] = [0, 0];
    const lost = new Set<number>();
    for (let round = 0; round < 40; round += 1) {
      const count = random.whole(1, 40);
      await stream.append(Array.from({ length: count }, (__, index) => next + index));
      next += count;
      const drains = Array.from({ length: 3 }, () => drained.drain(sink, { count: 10 }));
      const outcomes = await Promise.allSettled(drains);
      crashes += outcomes.filter((one) => one.status === 'rejected' || one.value.status === 'unavailable').length;
      if (round % 10 === 9) {
        const left = await stream.read({ count: 1_000 });
        for (const { event } of left.status === 'read' ? left.events : []) lost.add(event);
        // On the memory store time stands still: the ids of before come again.
        await store.execute([['FLUSHALL']]);
      }
    }
    await stream.drain(sqlEventSink({ query, table }));
    const stored = (await rows()).map(({ event }) => Number(event));
    expect(crashes).toBeGreaterThan(10);
    expect(new Set(stored).size).toBe(stored.length);
    const missing = Array.from({ length: next }, (__, event) => event).filter((event) => !stored.includes(event));
    expect(missing.filter((event) => !lost.has(event))).toEqual([]);
  });
});
