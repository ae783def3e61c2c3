import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createKv } from '../../../lib/client/kv-client.ts';
import { DeadlineError } from '../../../lib/errors.ts';
import { eventAppend } from '../../../lib/primitives/event-stream/event-append.ts';
import { createEventStream } from '../../../lib/primitives/event-stream/event-stream.ts';
import type { EventPage, EventStreamOptions } from '../../../lib/primitives/event-stream/event-stream-options.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import type { Command, Store } from '../../../lib/store/store.ts';
import { manualClock } from '../../../lib/testing/manual-clock.ts';
import { onEveryKv } from '../../support/every-kv.ts';
import { realRedis } from '../../support/every-store.ts';
import { AWAY } from '../../support/scripted-client.ts';
import { watchedStore } from '../../support/watched-store.ts';

const eventsOf = <T>(page: EventPage<T>) => {
  if (page.status !== 'read') throw new Error(page.status);
  return page.events.map(({ event }) => event);
};

onEveryKv('an event stream', (makeKv) => {
  it('keeps the events of all processes in order', async () => {
    const kv = makeKv();
    const [one, other] = [createEventStream({ kv, name: 's' }), createEventStream({ kv: makeKv(), name: 's' })];
    const first = await one.append([{ n: 1 }, { n: 2 }]);
    const second = await other.append(['é😀', null, 4, [], 'a\u0000b\ud800']);
    expect([first, second]).toEqual([
      { status: 'appended', lastId: expect.stringMatching(/^\d+-\d+$/), length: 2 },
      { status: 'appended', lastId: expect.stringMatching(/^\d+-\d+$/), length: 7 },
    ]);
    expect(eventsOf(await one.read())).toEqual([{ n: 1 }, { n: 2 }, 'é😀', null, 4, [], 'a\u0000b\ud800']);
    expect(await createEventStream({ kv, name: 'other' }).read()).toMatchObject({ status: 'read', events: [] });
  });

  it('is read page by page', async () => {
    const stream = createEventStream<number>({ kv: makeKv(), name: 's' });
    await stream.append([1, 2, 3]);
    const first = await stream.read({ count: 2 });
    expect(eventsOf(first)).toEqual([1, 2]);
    const { next } = first.status === 'read' ? first : { next: undefined };
    const second = await stream.read({ after: next, count: 2 });
    expect(second).toMatchObject({ next: undefined, unreadable: 0 });
    expect(eventsOf(second)).toEqual([3]);
  });

  it('holds about as many events as it may, the newest', async () => {
    const stream = createEventStream<number>({ kv: makeKv(), name: 's', maxLength: 100 });
    for (let append = 0; append < 5; append += 1) {
      await stream.append(Array.from({ length: 100 }, (_, index) => 100 * append + index));
    }
    const kept = eventsOf(await stream.read({ count: 1_000 }));
    expect(kept.at(-1)).toBe(499);
    expect(kept.length).toBeGreaterThanOrEqual(100);
    expect(kept.length).toBeLessThanOrEqual(200);
  });

  it('ends when nobody has appended for long enough', async () => {
    const kv = makeKv({ namespace: 'n:' });
    await createEventStream({ kv, name: 's', ttlMs: 50_000 }).append([1]);
    const ttlMs = Number(await kv.command(['PTTL', 'n:events:{s}']));
    expect(ttlMs).toBeGreaterThan(40_000);
    expect(ttlMs).toBeLessThanOrEqual(50_000);
  });

  it('counts what it cannot read, and leaves it out', async () => {
    const kv = makeKv();
    const stream = createEventStream({ kv, name: 's' });
    const add = (...fields: string[]) => kv.command(['XADD', 'events:{s}', '*', ...fields]);
    for (const fields of [
      ['e', '1', 'b', 'x'],
      ['b', 'x', 'e', '{'],
      ['b', '', 'e', '1'],
      ['b', 'x', 'e', '1', 'f', 'g'],
    ])
      await add(...fields);
    await stream.append(['readable']);
    const page = await stream.read();
    expect(page).toMatchObject({ unreadable: 4 });
    expect(eventsOf(page)).toEqual(['readable']);
  });
});

const rig = (options: Partial<EventStreamOptions> = {}) => {
  const clock = manualClock();
  const store = watchedStore(memoryStore({ clock }));
  const kv = createKv({ store, clock });
  const stream = createEventStream<unknown>({ kv, name: 's', ...options });
  const back = () => {
    store.giveBack();
    kv.circuit.reset();
  };
  return { clock, store, kv, stream, back };
};

describe('an event stream', () => {
  it('says of each event when it was appended, and by which append', async () => {
    const { stream, clock } = rig();
    await stream.append([1, 2]);
    clock.advance(5);
    await stream.append([3]);
    const page = await stream.read();
    const events = page.status === 'read' ? page.events : [];
    expect(events.map(({ at }) => at)).toEqual([1_700_000_000_000, 1_700_000_000_000, 1_700_000_000_005]);
    const [first, second, third] = events.map(({ batch }) => batch);
    expect(first).toMatch(/^[0-9A-Za-z]{11}$/);
    expect([second === first, third === first]).toEqual([true, false]);
  });

  it('takes one request for a batch of up to a thousand events, and one for a page', async () => {
    const { stream, store } = rig();
    await stream.append([0]);
    const requestsOf = async (work: () => Promise<unknown>) => {
      const before = store.requests.length;
      await work();
      return store.requests.slice(before).map((commands) => commands.map(([name]) => name));
    };
    const many = Array.from({ length: 1_000 }, (_, index) => index);
    expect(await requestsOf(() => stream.append(many))).toEqual([['EVALSHA']]);
    expect(await requestsOf(() => stream.append([...many, 1]))).toEqual([['EVALSHA'], ['EVALSHA']]);
    expect(await requestsOf(() => stream.append([]))).toEqual([]);
    expect(await requestsOf(() => stream.read({ count: 1_000 }))).toEqual([['XRANGE']]);
  });

  it('sends large events in several requests of bounded size', async () => {
    const { stream, store } = rig({ maxEventBytes: 1_048_576 });
    await stream.append(['']);
    const before = store.requests.length;
    await stream.append(Array.from({ length: 5 }, () => 'x'.repeat(1_000_000)));
    expect(store.requests.length - before).toBe(2);
    expect(stream.stats()).toEqual({ appended: 6, buffered: 0, dropped: 0, uncertain: 0 });
  });

  it('appends none of the events where one is too large or has no JSON form', async () => {
    const { stream, store } = rig({ maxEventBytes: 5 });
    await expect(stream.append([1, 'xéx'])).rejects.toMatchObject({ code: 'CONFIG', setting: 'event' });
    for (const wrong of [undefined, () => 1, 1n]) {
      await expect(stream.append([1, wrong])).rejects.toMatchObject({ code: 'CONFIG', setting: 'event' });
    }
    expect(store.requests).toEqual([]);
    expect(await stream.append(['éx'])).toMatchObject({ status: 'appended' });
  });

  it('takes events of 64 levels, whatever brackets their texts have, and no deeper ones', async () => {
    const { stream, store } = rig();
    const nested = (depth: number): unknown => JSON.parse(`${'['.repeat(depth)}"[{\\"["${']'.repeat(depth)}`);
    expect(await stream.append([nested(64), nested(64)])).toMatchObject({ status: 'appended' });
    await expect(stream.append([nested(65)])).rejects.toMatchObject({ code: 'CONFIG', setting: 'event' });
    const foreign = '['.repeat(65) + ']'.repeat(65);
    await store.execute([['XADD', 'events:{s}', '*', 'b', 'x', 'e', foreign]]);
    expect(await stream.read()).toMatchObject({ unreadable: 1, events: [{}, {}] });
  });

  it.each([
    ['a text of 8 MiB', `"${'x'.repeat(8_388_608)}"`, 0],
    ['half a MiB that never ends its text', `"${'\\"'.repeat(262_144)}`, 1],
  ])('is read at once where somebody has written %s', async (_, foreign, unreadable) => {
    const { stream, store } = rig();
    await store.execute([['XADD', 'events:{s}', '*', 'b', 'x', 'e', foreign]]);
    expect(await stream.read()).toMatchObject({ status: 'read', unreadable });
  });

  it.each(['x', '1-', '-', '(1-1', '1-1-1'])('is not read behind %j', async (after) => {
    await expect(rig().stream.read({ after })).rejects.toMatchObject({ code: 'CONFIG', setting: 'after' });
  });

  it.each([
    ['name', { name: 'a\0' }],
    ['name', { name: 'a\ud800' }],
    ['name', { name: 'x'.repeat(257) }],
    ['name', { name: undefined as never }],
    ['maxLength', { maxLength: 0 }],
    ['ttlMs', { ttlMs: 999 }],
    ['maxEventBytes', { maxEventBytes: 1 }],
    ['maxBufferedBytes', { maxBufferedBytes: -1 }],
  ])('is not made with a wrong %s', (setting, wrong) => {
    expect(() => rig(wrong)).toThrow(expect.objectContaining({ code: 'CONFIG', setting }));
  });
});

describe('an event stream while Redis is away', () => {
  const unavailable = { status: 'unavailable', retryAfterMs: 1_000, mayHaveRun: false };

  it('keeps events here, and sends them before the next ones, in one request with them', async () => {
    const { stream, store, back } = rig();
    await stream.append([0]);
    store.takeAway(AWAY);
    expect(await stream.append([1, 2])).toEqual({ ...unavailable, buffered: 2 });
    expect(await stream.append([3])).toEqual({ ...unavailable, buffered: 3 });
    expect(stream.stats()).toEqual({ appended: 1, buffered: 3, dropped: 0, uncertain: 0 });
    back();
    const before = store.requests.length;
    await stream.append([4]);
    expect(store.requests.length - before).toBe(1);
    expect(eventsOf(await stream.read())).toEqual([0, 1, 2, 3, 4]);
    expect(stream.stats()).toEqual({ appended: 5, buffered: 0, dropped: 0, uncertain: 0 });
  });

  it('sends what waits here when it is told to', async () => {
    const { stream, store, back } = rig();
    store.takeAway(AWAY);
    await stream.append([1]);
    expect(await stream.flush()).toMatchObject({ status: 'unavailable', buffered: 1 });
    back();
    expect(await stream.flush()).toMatchObject({ status: 'appended', length: 1 });
    expect(await stream.flush()).toEqual({ status: 'empty' });
  });

  it('sends more than one request takes in several, in order, and keeps what is left where one of them fails', async () => {
    const { stream, store, back } = rig({ maxBufferedBytes: 20_000 });
    store.takeAway(AWAY);
    const numbers = Array.from({ length: 2_600 }, (_, index) => index);
    expect(await stream.append(numbers.slice(0, 2_500))).toMatchObject({ buffered: 2_500 });
    back();
    await stream.flush();
    expect(stream.stats()).toMatchObject({ appended: 2_500, buffered: 0 });
    store.takeAway(AWAY);
    await stream.append(numbers.slice(2_500));
    back();
    await store.execute([['DEL', 'events:{s}']]);
    await stream.append(numbers.slice(0, 1_500));
    const read = [];
    for (let after: string | undefined, more = true; more; ) {
      const page = await stream.read({ after, count: 1_000 });
      read.push(...eventsOf(page));
      after = page.status === 'read' ? page.next : undefined;
      more = after !== undefined;
    }
    expect(read).toEqual([...numbers.slice(2_500), ...numbers.slice(0, 1_500)]);
  });

  it('never sends again what may have been appended', async () => {
    const { stream, store, back } = rig();
    store.takeAway(new DeadlineError(1_000, true));
    expect(await stream.append([1])).toEqual({ ...unavailable, mayHaveRun: true, buffered: 0 });
    back();
    await stream.append([2]);
    expect(eventsOf(await stream.read())).toEqual([2]);
    expect(stream.stats()).toEqual({ appended: 1, buffered: 0, dropped: 0, uncertain: 1 });
    // Of several requests only the one that was sent.
    store.takeAway(new DeadlineError(1_000, true));
    expect(await stream.append(Array.from({ length: 1_007 }, () => 3))).toMatchObject({ buffered: 7 });
    expect(stream.stats()).toEqual({ appended: 1, buffered: 7, dropped: 0, uncertain: 1_001 });
  });

  it('drops and counts what finds no room, and everything where there is none', async () => {
    const small = rig({ maxBufferedBytes: 5 });
    small.store.takeAway(AWAY);
    await small.stream.append(['a']);
    expect(await small.stream.append(['b', 1])).toMatchObject({ buffered: 1 });
    expect(small.stream.stats()).toEqual({ appended: 0, buffered: 1, dropped: 2, uncertain: 0 });
    const none = rig({ maxBufferedBytes: 0 });
    none.store.takeAway(AWAY);
    expect(await none.stream.append([1])).toMatchObject({ buffered: 0 });
    expect(none.stream.stats()).toMatchObject({ dropped: 1 });
  });

  it('cannot be read, nor drained', async () => {
    const { stream, store } = rig();
    store.takeAway(AWAY);
    expect(await stream.read()).toEqual(unavailable);
    expect(await stream.drain(async () => undefined)).toEqual({ ...unavailable, events: 0 });
  });

  it('throws what says something else, and sends it no second time', async () => {
    const { stream, kv } = rig();
    await kv.command(['SET', 'events:{s}', 'x']);
    await expect(stream.append([1])).rejects.toMatchObject({ replyCode: 'WRONGTYPE' });
    await expect(stream.read()).rejects.toMatchObject({ replyCode: 'WRONGTYPE' });
    await expect(stream.drain(async () => undefined)).rejects.toMatchObject({ replyCode: 'WRONGTYPE' });
    expect(stream.stats()).toEqual({ appended: 0, buffered: 0, dropped: 0, uncertain: 1 });
  });
});

describe('an event stream in a Redis that is full', () => {
  const redis = realRedis();

  it('keeps events here, of which none has been appended, and sends them when there is room', async () => {
    const kv = createKv({ store: redis.store });
    const stream = createEventStream<number>({ kv, name: 's' });
    await stream.append([1]);
    await kv.command(['CONFIG', 'SET', 'maxmemory', 1]);
    const full = await stream.append([2, 3]);
    await kv.command(['CONFIG', 'SET', 'maxmemory', 0]);
    expect(full).toEqual({ status: 'unavailable', retryAfterMs: 1_000, mayHaveRun: false, buffered: 2 });
    expect(await stream.read()).toMatchObject({ events: [{ event: 1 }] });
    await stream.append([4]);
    expect(await stream.read()).toMatchObject({ events: [1, 2, 3, 4].map((event) => ({ event })) });
    expect(stream.stats()).toEqual({ appended: 4, buffered: 0, dropped: 0, uncertain: 0 });
  });
});

describe('the script that appends', () => {
  const redis = realRedis();

  it('answers and writes in Lua on a real Redis what its twin does', async () => {
    const append = fc.tuple(
      fc.constantFrom('A', 'B'),
      fc.integer({ min: 1, max: 250 }),
      fc.array(fc.constantFrom('1', '"é"', `"${'x'.repeat(500)}"`), { minLength: 1, maxLength: 90 }),
    );
    const ask = async (store: Store, command: Command) => {
      const [reply, entries, ttlMs] = await store.execute([command, ['XRANGE', 'k', '-', '+'], ['PTTL', 'k']]);
      const [id, length] = reply as [string, number];
      return {
        ...{ length, ttl: Math.round(Number(ttlMs) / 3_600_000) },
        isLast: (entries as [string, unknown][]).at(-1)?.[0] === id,
        fields: (entries as [string, unknown][]).map(([, fields]) => fields),
      };
    };
    await fc.assert(
      fc.asyncProperty(fc.array(append, { minLength: 1, maxLength: 8 }), async (appends) => {
        await redis.store.execute([['FLUSHALL']]);
        const memory = memoryStore();
        for (const [batch, maxLength, events] of appends) {
          const command: Command = ['EVAL', eventAppend.lua, 1, 'k', batch, maxLength, 36_000_000, ...events];
          expect(await ask(redis.store, command)).toEqual(await ask(memory, command));
        }
      }),
      { numRuns: 40 },
    );
  });
});
