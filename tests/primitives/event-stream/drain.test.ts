import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createKv, type KvClient } from '../../../lib/client/kv-client.ts';
import { StoreError } from '../../../lib/errors.ts';
import { eventDeletion } from '../../../lib/primitives/event-stream/event-deletion.ts';
import { createEventStream } from '../../../lib/primitives/event-stream/event-stream.ts';
import type { EventSink, StreamEvent } from '../../../lib/primitives/event-stream/event-stream-options.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import type { Command, Store } from '../../../lib/store/store.ts';
import { manualClock } from '../../../lib/testing/manual-clock.ts';
import { onEveryKv } from '../../support/every-kv.ts';
import { realRedis } from '../../support/every-store.ts';
import { watchedStore } from '../../support/watched-store.ts';

/** A sink that keeps its word, and every call. */
function keeping<T>() {
  const rows = new Map<string, T>();
  const calls: number[] = [];
  const sink: EventSink<T> = async (stream, events) => {
    calls.push(events.length);
    for (const { id, batch, event } of events) rows.set(`${stream} ${id} ${batch}`, event);
  };
  return { rows, calls, sink, stored: () => [...rows.values()] };
}

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);

onEveryKv('a drain', (makeKv) => {
  it('hands all events to the sink in order, page by page, and leaves none in the stream', async () => {
    const stream = createEventStream<number>({ kv: makeKv(), name: 's' });
    const kept = keeping<number>();
    await stream.append(numbers(25));
    expect(await stream.drain(kept.sink, { count: 10 })).toEqual({
      ...{ status: 'drained', events: 25, unreadable: 0, complete: true },
    });
    expect([kept.calls, kept.stored()]).toEqual([[10, 10, 5], numbers(25)]);
    expect(await stream.read()).toMatchObject({ events: [] });
    expect(await stream.drain(kept.sink)).toMatchObject({ events: 0, complete: true });
  });

  it('deletes no event that came under the id of one it has stored, after the stream was lost meanwhile', async () => {
    const kv = makeKv();
    const stream = createEventStream<string>({ kv, name: 's' });
    const kept = keeping<string>();
    const append = (id: string, batch: string) =>
      kv.command(['XADD', 'events:{s}', id, 'b', batch, 'e', JSON.stringify(batch)]);
    for (const id of ['5-0', '5-1', '5-2']) await append(id, 'before');
    const losing: EventSink<string> = async (name, events) => {
      await kept.sink(name, events);
      if (kept.calls.length > 1) return;
      await kv.command(['DEL', 'events:{s}']);
      await append('5-0', 'after');
      await kv.command(['XADD', 'events:{s}', '5-1', 'foreign', 'x']);
    };
    await stream.drain(losing, { count: 2 });
    expect(await stream.read()).toMatchObject({ events: [{ id: '5-0', batch: 'after' }], unreadable: 1 });
    await stream.drain(kept.sink);
    expect(kept.stored()).toEqual(['before', 'before', 'after']);
  });

  it('may run in several processes at once', async () => {
    const kv = makeKv();
    const kept = keeping<number>();
    const processes = [kv, makeKv(), makeKv()].map((one) => createEventStream<number>({ kv: one, name: 's' }));
    for (const stream of processes) await stream.append(numbers(100));
    await Promise.all(processes.map((stream) => stream.drain(kept.sink, { count: 7 })));
    expect(kept.stored()).toHaveLength(300);
    expect(await kv.command(['XLEN', 'events:{s}'])).toBe(0);
  });
});

describe('a drain', () => {
  const rig = () => {
    const store = watchedStore(memoryStore());
    const kv = createKv({ store });
    return { store, kv, stream: createEventStream<number>({ kv, name: 's' }), ...keeping<number>() };
  };

  it('takes one request for each page and one more', async () => {
    const { stream, store, sink } = rig();
    await stream.append(numbers(21));
    // The server has seen the script then.
    await stream.drain(sink, { maxEvents: 1 });
    const before = store.requests.length;
    await stream.drain(sink, { count: 10 });
    expect(store.requests.slice(before).map((commands) => commands.map(([name]) => name))).toEqual([
      ['XRANGE'],
      ['EVALSHA', 'XRANGE'],
      ['EVALSHA', 'XRANGE'],
    ]);
  });

  it('reads pages of no more than 8 MiB where nobody says how many events they have', async () => {
    const { kv, store, sink } = rig();
    const countsOf = async (maxEventBytes: number) => {
      const before = store.requests.length;
      const stream = createEventStream<number>({ kv, name: 's', maxEventBytes });
      await stream.read();
      await stream.drain(sink);
      await stream.drain(sink, { count: 1_000 });
      return store.requests.slice(before).map(([command]) => command?.at(-1));
    };
    expect(await countsOf(16_384)).toEqual([100, 500, 1_000]);
    expect(await countsOf(1_048_576)).toEqual([8, 8, 1_000]);
  });

  it('stops after as many events as it is told, and says that there may be more', async () => {
    const { stream, sink, stored } = rig();
    await stream.append(numbers(20));
    expect(await stream.drain(sink, { count: 10, maxEvents: 15 })).toMatchObject({ events: 15, complete: false });
    expect(stored()).toEqual(numbers(15));
    expect(await stream.read()).toMatchObject({ events: Array.from({ length: 5 }, () => expect.anything()) });
  });

  it('leaves in the stream what the sink did not store, and throws what it threw', async () => {
    const { stream, sink, stored } = rig();
    await stream.append(numbers(20));
    let calls = 0;
    const failing: EventSink<number> = async (name, events) => {
      calls += 1;
      if (calls === 2) throw new StoreError('network', 'gone');
      await sink(name, events);
    };
    await expect(stream.drain(failing, { count: 8 })).rejects.toThrow('gone');
    await stream.drain(sink);
    expect(stored()).toEqual(numbers(20));
  });

  it('leaves what it cannot read where it is, and goes on behind it', async () => {
    const { stream, kv, sink, stored } = rig();
    await stream.append([1]);
    for (let index = 0; index < 30; index += 1) await kv.command(['XADD', 'events:{s}', '*', 'foreign', 'x']);
    await stream.append([2]);
    expect(await stream.drain(sink, { count: 10 })).toEqual({
      ...{ status: 'drained', events: 2, unreadable: 30, complete: true },
    });
    expect([stored(), await kv.command(['XLEN', 'events:{s}'])]).toEqual([[1, 2], 30]);
  });

  it.each([
    ['count', { count: 0 }],
    ['count', { count: 1_001 }],
    ['maxEvents', { maxEvents: 0 }],
  ])('is not begun with a wrong %s', async (setting, wrong) => {
    const { stream, sink } = rig();
    await expect(stream.drain(sink, wrong)).rejects.toMatchObject({ code: 'CONFIG', setting });
  });
});

/** A crash: what was asked for has happened, or not, and nobody goes on. */
class Crash extends Error {}

type Where = 'none' | 'before the sink' | 'behind the sink' | 'before deletion' | 'behind deletion';

/** A client that crashes at the n-th deletion. */
function crashing(store: Store, clock: ReturnType<typeof manualClock>, where: Where, turn: number): KvClient {
  let deletions = 0;
  const crashes: Store = {
    ...store,
    async execute(commands, options) {
      const deletes = commands.some(([name]) => name === 'EVALSHA');
      if (deletes) deletions += 1;
      const isIt = deletes && deletions === turn;
      if (isIt && where === 'before deletion') throw new Crash();
      const replies = await store.execute(commands, options);
      if (isIt && where === 'behind deletion') throw new Crash();
      return replies;
    },
  };
  return createKv({ store: crashes, clock });
}

describe('drains that crash anywhere, of a stream that is lost now and then', () => {
  const step = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant('append' as const), count: fc.integer({ min: 1, max: 30 }) }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('drain' as const),
        where: fc.constantFrom<Where>(
          'none',
          'before the sink',
          'behind the sink',
          'before deletion',
          'behind deletion',
        ),
        turn: fc.integer({ min: 1, max: 4 }),
        count: fc.integer({ min: 1, max: 12 }),
        drainers: fc.integer({ min: 1, max: 3 }),
        isLostMeanwhile: fc.boolean(),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('lose' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait' as const) }) },
  );

  it('store everything that was in it, and nothing twice', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
        // Time stands still unless it is told to move: ids come again after a loss.
        const clock = manualClock();
        const store = memoryStore({ clock });
        const stream = createEventStream<number>({ kv: createKv({ store, clock }), name: 's' });
        const rows = new Map<string, number>();
        let [next, insertions] = [0, 0];
        const appended = new Set<number>();
        const lost = new Set<number>();
        const insert = (name: string, events: readonly StreamEvent<number>[]) => {
          for (const { id, batch, event } of events) {
            const key = JSON.stringify([name, id, batch]);
            if (rows.has(key)) continue;
            rows.set(key, event);
            insertions += 1;
          }
        };
        const append = async (count: number) => {
          const events = Array.from({ length: count }, (_, index) => next + index);
          next += count;
          for (const event of events) appended.add(event);
          await stream.append(events);
        };
        const lose = async () => {
          const left = await stream.read({ count: 1_000 });
          for (const { event } of left.status === 'read' ? left.events : []) lost.add(event);
          await store.execute([['FLUSHALL']]);
        };
        const drain = async (where: Where, turn: number, count: number, isLostMeanwhile = false) => {
          const kv = crashing(store, clock, where, turn);
          let calls = 0;
          const sink: EventSink<number> = async (name, events) => {
            calls += 1;
            if (calls === turn && where === 'before the sink') throw new Crash();
            insert(name, events);
            if (calls === turn && isLostMeanwhile) {
              await lose();
              await append(count);
            }
            if (calls === turn && where === 'behind the sink') throw new Crash();
          };
          await createEventStream<number>({ kv, name: 's' })
            .drain(sink, { count })
            .catch((error: unknown) => {
              if (!(error instanceof Crash)) throw error;
            });
        };
        for (const one of steps) {
          if (one.kind === 'append') await append(one.count);
          else if (one.kind === 'drain') {
            const { where, turn, count, drainers, isLostMeanwhile } = one;
            const others = Array.from({ length: drainers - 1 }, () => drain('none', turn, count));
            await Promise.all([drain(where, turn, count, isLostMeanwhile), ...others]);
          } else if (one.kind === 'lose') await lose();
          else clock.advance(1);
        }
        await drain('none', 1, 100);
        const stored = [...rows.values()];
        // Each event is a number of its own: twice would be two rows of one number.
        expect(stored.length).toBe(new Set(stored).size);
        expect(insertions).toBe(stored.length);
        for (const event of appended) if (!lost.has(event)) expect(rows.size && stored.includes(event)).toBe(true);
      }),
      { numRuns: 150 },
    );
  });
});

describe('the script that deletes', () => {
  const redis = realRedis();

  it('answers and writes in Lua on a real Redis what its twin does', async () => {
    const id = fc.integer({ min: 1, max: 6 }).map((number) => `${number}-0`);
    const batch = fc.constantFrom('A', 'B');
    const entries = fc.uniqueArray(fc.tuple(id, fc.constantFrom('b', 'c'), batch), { selector: ([name]) => name });
    await fc.assert(
      fc.asyncProperty(entries, fc.array(fc.tuple(id, batch), { maxLength: 8 }), async (kept, named) => {
        const sorted = kept.toSorted(([one], [other]) => (one < other ? -1 : 1));
        const commands: readonly Command[] = [
          ['FLUSHALL'],
          ...sorted.map(([name, field, value]): Command => ['XADD', 'k', name, field, value, 'e', '1']),
          ['EVAL', eventDeletion.lua, 1, 'k', ...named.flat()],
          ['XRANGE', 'k', '-', '+'],
        ];
        expect(await redis.store.execute(commands)).toEqual(await memoryStore().execute(commands));
      }),
      { numRuns: 100 },
    );
  });
});
