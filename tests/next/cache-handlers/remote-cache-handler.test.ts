import type { CacheHandler } from 'next/cache.js';
import { describe, expect, it } from 'vitest';
import { createKv } from '../../../lib/client/kv-client.ts';
import { StoreError } from '../../../lib/errors.ts';
import type { BreakwaterEvent } from '../../../lib/events.ts';
import type { CacheHandlerOptions } from '../../../lib/next/cache-handlers/handler-options.ts';
import { createRemoteCacheHandler } from '../../../lib/next/cache-handlers/remote-cache-handler.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import type { Command, Store } from '../../../lib/store/store.ts';
import { type ManualClock, manualClock } from '../../../lib/testing/manual-clock.ts';
import { scriptedStore } from '../../../lib/testing/scripted-store.ts';
import { contentsOf, onEveryStore } from '../../support/every-store.ts';
import { nextEntry, streamOfTexts, textIn } from '../../support/next-cache-entries.ts';

/** Processes on one Redis, which can be taken away from all of them. */
function world() {
  const clock = manualClock();
  const inner = memoryStore({ clock });
  const requests: (readonly Command[])[] = [];
  let isAway = false;
  let left = Number.POSITIVE_INFINITY;
  const store: Store = {
    ...inner,
    async execute(commands, options) {
      left -= 1;
      if (isAway || left < 0) throw new StoreError('network', 'away', { mayHaveRun: false });
      requests.push(commands);
      return inner.execute(commands, options);
    },
  };
  const events: BreakwaterEvent[] = [];
  const process = (options: Partial<CacheHandlerOptions> = {}) => {
    const kv = createKv({ store, clock, onEvent: (event) => events.push(event), breaker: { timeout: 1_000 } });
    return createRemoteCacheHandler({ kv, now: clock.now, ...options });
  };
  return {
    clock,
    store,
    events,
    requests,
    process,
    awayAfter(count: number) {
      left = count;
    },
    away(next: boolean) {
      isAway = next;
      // Past the time that a circuit stays open.
      if (!next) clock.advance(2_000);
    },
  };
}

/** As Next does it: looks, and where there is nothing makes an entry that was begun then. */
async function fill(handler: CacheHandler, clock: ManualClock, text: string, tags: readonly string[] = []) {
  await handler.refreshTags();
  await handler.get('key', []);
  const timestamp = clock.now();
  clock.advance(5);
  await handler.set('key', Promise.resolve(nextEntry(text, { timestamp, tags: [...tags] })));
}

describe('an entry', () => {
  it('that one process has stored is read by another, as it was', async () => {
    const { clock, process } = world();
    const [one, other] = [process(), process()];
    await fill(one, clock, 'made here', ['a', 'b']);
    const found = await other.get('key', []);
    expect(found).toMatchObject({ tags: ['a', 'b'], stale: 30, revalidate: 60, expire: 3_600 });
    expect(found && (await new Response(found.value).text())).toBe('made here');
  });

  it('is read in one request, and written in one', async () => {
    const { clock, process, requests } = world();
    const handler = process();
    await fill(handler, clock, 'made here');
    requests.length = 0;
    await handler.refreshTags();
    await handler.get('key', []);
    expect(requests.map((commands) => commands.map(([name]) => name))).toEqual([['GET', 'ZRANGEBYSCORE']]);
    requests.length = 0;
    await handler.set('key', Promise.resolve(nextEntry('again', { timestamp: clock.now() })));
    expect(requests.map((commands) => commands.map(([name]) => name))).toEqual([['SET']]);
  });

  it('that a process reads first is one request too, but where Redis has no log: then a few more', async () => {
    const { clock, process, requests } = world();
    await process().get('key', []);
    expect(requests.map((commands) => commands.map(([name]) => name))).toEqual([
      ['GET', 'ZRANGEBYSCORE'],
      ['EVALSHA'],
      ['EVAL'],
      ['ZRANGEBYSCORE'],
    ]);
    await fill(process(), clock, 'made here');
    requests.length = 0;
    expect(await textIn(process(), 'key')).toBe('made here');
    expect(requests.map((commands) => commands.map(([name]) => name))).toEqual([['GET', 'ZRANGEBYSCORE']]);
  });

  it('gives each reader a stream of its own', async () => {
    const { clock, process } = world();
    const handler = process();
    await fill(handler, clock, 'made here');
    expect([await textIn(handler, 'key'), await textIn(handler, 'key')]).toEqual(['made here', 'made here']);
  });

  it('stays in Redis until its own end, and for 30 days at most', async () => {
    const { clock, process, store } = world();
    const handler = process();
    const ttlOf = async (expire: number) => {
      await handler.refreshTags();
      await handler.set('key', Promise.resolve(nextEntry('x', { timestamp: clock.now() - 1_000, expire })));
      const [keys] = await store.execute([['KEYS', 'cache:next:use-cache:*']]);
      const [name] = Array.isArray(keys) ? keys : [];
      return (await store.execute([['PTTL', String(name)]]))[0];
    };
    await handler.refreshTags();
    clock.advance(5_000);
    expect(await ttlOf(60)).toBe(59_000);
    expect(await ttlOf(Number.POSITIVE_INFINITY)).toBe(2_592_000_000);
  });

  it('that never ends is read as one that never ends', async () => {
    const { clock, process } = world();
    const handler = process();
    await handler.refreshTags();
    await handler.set(
      'key',
      Promise.resolve(nextEntry('x', { timestamp: clock.now(), expire: Number.POSITIVE_INFINITY })),
    );
    expect((await handler.get('key', []))?.expire).toBe(Number.POSITIVE_INFINITY);
  });

  it.each([
    ['has ended already', { expire: 1 }, 2_000],
    ['ends at once', { expire: 0 }, 0],
  ])('that %s is not stored', async (_, parts, ageMs) => {
    const { clock, process, requests } = world();
    const handler = process();
    await handler.refreshTags();
    requests.length = 0;
    const timestamp = clock.now();
    clock.advance(ageMs);
    await handler.set('key', Promise.resolve(nextEntry('x', { timestamp, ...parts })));
    expect(requests).toEqual([]);
  });

  it('that was begun before its process had read the log is not stored', async () => {
    const { clock, process } = world();
    const handler = process();
    const timestamp = clock.now();
    clock.advance(5);
    await handler.refreshTags();
    clock.advance(5);
    await handler.set('key', Promise.resolve(nextEntry('early', { timestamp })));
    expect(handler.stats()).toMatchObject({ writes: 0, droppedWrites: 1 });
    expect(await textIn(process(), 'key')).toBeUndefined();
    await handler.set('key', Promise.resolve(nextEntry('in time', { timestamp: clock.now() })));
    expect(await textIn(process(), 'key')).toBe('in time');
  });

  it('that has been stored is not waited for any more', async () => {
    const { clock, process } = world();
    const handler = process();
    await fill(handler, clock, 'x');
    const reading = textIn(handler, 'key');
    expect(clock.pending()).toBe(0);
    expect(await reading).toBe('x');
  });

  it('that is being stored is waited for, as long as a request may take', async () => {
    const { clock, process } = world();
    const handler = process();
    await handler.refreshTags();
    let finish = () => {};
    const rendering = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const entry = nextEntry('slow', { timestamp: clock.now() });
    const stored = handler.set(
      'key',
      rendering.then(() => entry),
    );
    const patient = textIn(handler, 'key');
    await clock.run(999);
    finish();
    await stored;
    expect(await patient).toBe('slow');
    void handler.set('other', new Promise(() => {}));
    const impatient = textIn(handler, 'other');
    await clock.run(1_000);
    expect(await impatient).toBeUndefined();
  });
});

describe('a stream', () => {
  it('is stored with all that goes with it up to the bound, and left out above it', async () => {
    const { clock, process, store } = world();
    const put = async (handler: CacheHandler, length: number) => {
      await handler.refreshTags();
      const entry = nextEntry('x'.repeat(length), { timestamp: clock.now() });
      await handler.set('key', Promise.resolve(entry));
    };
    await put(process(), 100);
    const [text] = await store.execute([['GET', 'cache:next:use-cache:key']]);
    const bounded = process({ maxEntryBytes: String(text).length });
    await put(bounded, 101);
    expect(bounded.stats()).toMatchObject({ writes: 0, oversized: 1 });
    await put(bounded, 100);
    expect(bounded.stats()).toMatchObject({ writes: 1, oversized: 1 });
    expect(await textIn(bounded, 'key')).toBe('x'.repeat(100));
  });

  it('that breaks off stores nothing', async () => {
    const { clock, process, requests } = world();
    const handler = process();
    await handler.refreshTags();
    requests.length = 0;
    let pulls = 0;
    const value = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulls += 1;
        if (pulls === 1) controller.enqueue(new Uint8Array(8));
        else controller.error(new Error('broke off'));
      },
    });
    await handler.set('key', Promise.resolve(nextEntry('', { timestamp: clock.now(), value })));
    await handler.set('key', Promise.reject(new Error('was never made')));
    expect(requests).toEqual([]);
    expect(handler.stats().broken).toBe(2);
    expect(await textIn(handler, 'key')).toBeUndefined();
  });

  it('that is larger than the bound is not read to its end', async () => {
    const { clock, process } = world();
    const handler = process({ maxEntryBytes: 1_000 });
    let isCancelled = false;
    const value = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(600)),
      cancel: () => {
        isCancelled = true;
      },
    });
    await handler.set('key', Promise.resolve(nextEntry('', { timestamp: clock.now(), value })));
    expect(isCancelled).toBe(true);
    expect(handler.stats().oversized).toBe(1);
  });

  it('of bytes that are no text comes back as it was', async () => {
    const { clock, process } = world();
    const handler = process();
    await handler.refreshTags();
    const bytes = new Uint8Array([0, 255, 254, 128, 10, 0xef, 0xbb, 0xbf]);
    const value = new Response(bytes).body ?? streamOfTexts();
    await handler.set('key', Promise.resolve(nextEntry('', { timestamp: clock.now(), value })));
    const found = await handler.get('key', []);
    expect(new Uint8Array(await new Response(found?.value).arrayBuffer())).toEqual(bytes);
  });
});

describe('a revalidation', () => {
  it.each(['tag', `a long one ${'x'.repeat(300)}`])('of the tag %s ends the entry in every process', async (tag) => {
    const { clock, process } = world();
    const [one, other] = [process(), process()];
    await fill(one, clock, 'old', ['other', tag]);
    expect(await textIn(other, 'key')).toBe('old');
    await one.updateTags([tag]);
    expect([await textIn(one, 'key'), await textIn(other, 'key')]).toEqual([undefined, undefined]);
    expect(other.stats().revalidated).toBe(1);
    await fill(other, clock, 'new', [tag]);
    expect([await textIn(one, 'key'), await textIn(other, 'key')]).toEqual(['new', 'new']);
  });

  it('of a tag of the path ends the entry for that path only', async () => {
    const { clock, process } = world();
    const handler = process();
    await fill(handler, clock, 'old');
    await process().updateTags(['_N_T_/a']);
    expect(await textIn(handler, 'key', ['_N_T_/b'])).toBe('old');
    expect(await textIn(handler, 'key', ['_N_T_/b', '_N_T_/a'])).toBeUndefined();
    expect(await handler.getExpiration(['_N_T_/a'])).toBe(Number.POSITIVE_INFINITY);
  });

  it('by a profile leaves it to be served, marked for a newer one, until its time is up', async () => {
    const { clock, process } = world();
    const [one, other] = [process(), process()];
    await fill(one, clock, 'old', ['tag']);
    await one.updateTags(['tag'], { expire: 10 });
    for (const handler of [one, other]) expect((await handler.get('key', []))?.revalidate).toBe(-1);
    clock.advance(9_999);
    expect((await other.get('key', []))?.revalidate).toBe(-1);
    expect(other.stats().staleHits).toBe(2);
    clock.advance(1);
    expect(await other.get('key', [])).toBeUndefined();
  });

  it('by a profile without an end leaves it to be served until its own', async () => {
    const { clock, process } = world();
    const handler = process();
    await fill(handler, clock, 'old', ['tag']);
    await handler.updateTags(['tag'], {});
    clock.advance(3_000_000);
    expect((await handler.get('key', []))?.revalidate).toBe(-1);
  });

  it('ends what was begun before it and stored after it, and not what was begun after it', async () => {
    const { clock, process } = world();
    const [one, other] = [process(), process()];
    await one.refreshTags();
    await one.get('key', []);
    const begunAt = clock.now();
    clock.advance(5);
    await other.updateTags(['tag']);
    clock.advance(5);
    // It learns of the revalidation before it stores what is older.
    await one.get('another', []);
    await one.set('key', Promise.resolve(nextEntry('old', { timestamp: begunAt, tags: ['tag'] })));
    expect([await textIn(one, 'key'), await textIn(other, 'key')]).toEqual([undefined, undefined]);
    await fill(one, clock, 'new', ['tag']);
    expect([await textIn(one, 'key'), await textIn(other, 'key')]).toEqual(['new', 'new']);
  });

  it('orders by the clock of Redis: those of processes may be hours apart', async () => {
    const { clock, process } = world();
    const ahead = process({ now: () => clock.now() + 7_200_000 });
    const behind = process({ now: () => clock.now() - 7_200_000 });
    await behind.refreshTags();
    await ahead.refreshTags();
    const store = (handler: CacheHandler, text: string, offset: number) =>
      handler.set(
        'key',
        Promise.resolve(nextEntry(text, { timestamp: clock.now() + offset, tags: ['tag'], expire: 90_000 })),
      );
    await store(ahead, 'from ahead', 7_200_000);
    expect(await textIn(behind, 'key')).toBe('from ahead');
    await behind.updateTags(['tag']);
    expect(await textIn(ahead, 'key')).toBeUndefined();
    await store(behind, 'from behind', -7_200_000);
    expect(await textIn(ahead, 'key')).toBe('from behind');
  });

  it('is written in one request, whatever the number of tags', async () => {
    const { process, requests } = world();
    const handler = process();
    await handler.updateTags(['first']);
    requests.length = 0;
    await handler.updateTags(Array.from({ length: 100 }, (_, index) => `tag ${index}`));
    expect(requests.map((commands) => commands.map(([name]) => name))).toEqual([['EVALSHA', 'ZRANGEBYSCORE']]);
  });

  it('beyond the number that is kept in mind ends what is older than those that were forgotten', async () => {
    const { clock, process } = world();
    const handler = process({ maxTags: 10 });
    await fill(handler, clock, 'old', ['mine']);
    for (let index = 0; index < 10; index += 1) await handler.updateTags([`tag ${index}`]);
    expect(await textIn(handler, 'key')).toBe('old');
    await handler.updateTags(['one more']);
    expect(await textIn(handler, 'key')).toBeUndefined();
    expect(await textIn(process({ maxTags: 10 }), 'key')).toBeUndefined();
    await fill(handler, clock, 'new', ['mine']);
    expect(await textIn(process({ maxTags: 10 }), 'key')).toBe('new');
  });
});

describe('a log of revalidations that is lost', () => {
  it('ends all entries from before: nobody can say what had been revalidated', async () => {
    const { clock, process, store } = world();
    const handler = process();
    await fill(handler, clock, 'old', ['tag']);
    await store.execute([['DEL', 'cache:next:revalidations']]);
    expect([await textIn(handler, 'key'), await textIn(process(), 'key')]).toEqual([undefined, undefined]);
    await fill(handler, clock, 'new', ['tag']);
    expect(await textIn(process(), 'key')).toBe('new');
  });
});

describe('what is under a key of ours and cannot be read', () => {
  it.each([
    ['text of somebody else', 'hello'],
    ['another version', 'n2\n{"epoch":"a","at":1,"tags":[]}\n{}\nx'],
    ['no head', 'n1\n'],
    ['a damaged head', 'n1\n{"epoch":1}\nx'],
  ])('is a miss and an event: %s', async (_, text) => {
    const { clock, process, store, events } = world();
    const handler = process();
    await fill(handler, clock, 'x');
    await store.execute([['SET', 'cache:next:use-cache:key', text]]);
    expect(await textIn(handler, 'key')).toBeUndefined();
    expect(events).toEqual([expect.objectContaining({ type: 'unreadable', feature: 'cache' })]);
    expect(handler.stats().unreadable).toBe(1);
  });

  it.each([
    ['cut off', (text: string) => text.slice(0, text.lastIndexOf('\n'))],
    ['without its numbers', (text: string) => text.replace('"timestamp"', '"time"')],
    ['of bytes that were changed', (text: string) => text.replace(/"text"\}\n.*/s, '"base64"}\nnot base64!')],
  ])('is a miss and an event: an entry %s', async (_, damage) => {
    const { clock, process, store, events } = world();
    const handler = process();
    await fill(handler, clock, 'x');
    const [text] = await store.execute([['GET', 'cache:next:use-cache:key']]);
    await store.execute([['SET', 'cache:next:use-cache:key', damage(String(text))]]);
    expect(await textIn(handler, 'key')).toBeUndefined();
    expect(events).toEqual([expect.objectContaining({ type: 'unreadable', feature: 'cache' })]);
  });

  it('is a miss and an event: a list, and a text that is too large', async () => {
    const { clock, process, store, events } = world();
    const handler = process({ maxEntryBytes: 1_000 });
    await fill(handler, clock, 'x');
    await store.execute([
      ['DEL', 'cache:next:use-cache:key'],
      ['RPUSH', 'cache:next:use-cache:key', 'x'],
    ]);
    expect(await textIn(handler, 'key')).toBeUndefined();
    await store.execute([['SET', 'cache:next:use-cache:key', 'x'.repeat(1_001)]]);
    expect(await textIn(handler, 'key')).toBeUndefined();
    expect(events.map((event) => event.type === 'unreadable' && event.problem)).toEqual([
      'entry of another type',
      'entry too large',
    ]);
  });

  it('is a miss and an event: a log of revalidations of another type', async () => {
    const { clock, process, store, events } = world();
    const handler = process();
    await store.execute([['SET', 'cache:next:revalidations', 'x']]);
    await fill(handler, clock, 'x');
    expect(await textIn(handler, 'key')).toBeUndefined();
    expect(events).toContainEqual(expect.objectContaining({ type: 'unreadable', problem: 'log of revalidations' }));
  });
});

describe('Redis away', () => {
  it('is a miss for what this process has not seen, and nothing rejects', async () => {
    const { clock, process, away } = world();
    const handler = process();
    away(true);
    await fill(handler, clock, 'made while away', ['tag']);
    await handler.updateTags(['other']);
    expect(await textIn(process(), 'key')).toBeUndefined();
    expect(handler.stats()).toMatchObject({ writes: 0, droppedWrites: 1, pendingRevalidations: 1 });
  });

  it('leaves what this process has read or made, as far as it was not revalidated', async () => {
    const { clock, process, away } = world();
    const [one, other] = [process(), process()];
    await fill(one, clock, 'kept', ['tag']);
    expect(await textIn(other, 'key')).toBe('kept');
    away(true);
    expect([await textIn(one, 'key'), await textIn(other, 'key')]).toEqual(['kept', 'kept']);
    expect(other.stats().localHits).toBe(1);
    clock.advance(1);
    await other.updateTags(['tag']);
    expect([await textIn(one, 'key'), await textIn(other, 'key')]).toEqual(['kept', undefined]);
    clock.advance(1);
    await fill(other, clock, 'newer', ['tag']);
    expect(await textIn(other, 'key')).toBe('newer');
  });

  it('leaves nothing of what was gone from it before', async () => {
    const { clock, process, store, away } = world();
    const handler = process();
    await fill(handler, clock, 'kept');
    await store.execute([['DEL', 'cache:next:use-cache:key']]);
    expect(await textIn(handler, 'key')).toBeUndefined();
    away(true);
    expect(await textIn(handler, 'key')).toBeUndefined();
  });

  it('leaves nothing of what this process has revalidated just before, though its script was new to Redis', async () => {
    const { clock, process, store, away } = world();
    const handler = process();
    await fill(handler, clock, 'kept', ['tag']);
    await store.execute([['SCRIPT', 'FLUSH']]);
    await handler.updateTags(['tag']);
    expect(handler.stats().pendingRevalidations).toBe(0);
    away(true);
    expect(await textIn(handler, 'key')).toBeUndefined();
  });

  it('leaves nothing of what was made in the very moment of a revalidation', async () => {
    const { clock, process, away } = world();
    const handler = process();
    away(true);
    await handler.updateTags(['tag']);
    await handler.set('key', Promise.resolve(nextEntry('kept', { timestamp: clock.now(), tags: ['tag'] })));
    expect(await textIn(handler, 'key')).toBeUndefined();
    clock.advance(1);
    await handler.set('key', Promise.resolve(nextEntry('kept', { timestamp: clock.now(), tags: ['tag'] })));
    expect(await textIn(handler, 'key')).toBe('kept');
  });

  it('leaves nothing of what it could not be told to end, though it has handed it out since', async () => {
    const { clock, process, store, away } = world();
    const isScript = ([name]: Command) => name.startsWith('EVAL');
    const deaf: Store = {
      ...store,
      async execute(commands, options) {
        const passed = commands.map((command): Command => (isScript(command) ? ['PING'] : command));
        const replies = await store.execute(passed, options);
        return commands.map((command, index) =>
          isScript(command) ? { error: 'ERR no scripts here' } : (replies[index] ?? null),
        );
      },
    };
    await fill(process(), clock, 'kept', ['tag']);
    const handler = createRemoteCacheHandler({ kv: createKv({ store: deaf, clock }), now: clock.now });
    expect(await textIn(handler, 'key')).toBe('kept');
    await handler.updateTags(['tag']);
    expect(handler.stats().pendingRevalidations).toBe(1);
    clock.advance(1);
    expect(await textIn(handler, 'key')).toBeUndefined();
    away(true);
    expect(await textIn(handler, 'key')).toBeUndefined();
  });

  it('comes back just long enough to end everything, and that is not forgotten', async () => {
    const { clock, process, away, awayAfter } = world();
    const handler = process();
    await fill(handler, clock, 'kept', ['mine']);
    away(true);
    clock.advance(1);
    await handler.updateTags(Array.from({ length: 1_001 }, (_, index) => `tag ${index}`));
    away(false);
    awayAfter(1);
    expect(await textIn(handler, 'key')).toBeUndefined();
    expect(handler.stats().pendingRevalidations).toBe(0);
    expect(await textIn(handler, 'key')).toBeUndefined();
  });

  it('keeps nothing where it is told so', async () => {
    const { clock, process, away } = world();
    const handler = process({ maxMemoryBytes: 0 });
    await fill(handler, clock, 'kept');
    away(true);
    expect(await textIn(handler, 'key')).toBeUndefined();
  });

  it('is told with its next answer what was revalidated meanwhile, before that is believed', async () => {
    const { clock, process, away, requests } = world();
    const [one, other] = [process(), process()];
    await fill(one, clock, 'old', ['tag']);
    expect(await textIn(other, 'key')).toBe('old');
    away(true);
    clock.advance(1);
    await one.updateTags(['tag', 'more']);
    expect(one.stats().pendingRevalidations).toBe(2);
    away(false);
    requests.length = 0;
    expect(await textIn(one, 'key')).toBeUndefined();
    expect(requests[0]?.map(([name]) => name)).toEqual(['EVALSHA', 'GET', 'ZRANGEBYSCORE']);
    expect(one.stats().pendingRevalidations).toBe(0);
    expect(await textIn(other, 'key')).toBeUndefined();
  });

  it.each([
    [1_000, 'kept'],
    [1_001, undefined],
  ])('after %i revalidations that it has not heard of leaves of other tags: %s', async (count, left) => {
    const { clock, process, away } = world();
    const [one, other] = [process(), process()];
    await fill(one, clock, 'kept', ['mine']);
    away(true);
    clock.advance(1);
    await one.updateTags(Array.from({ length: count }, (_, index) => `tag ${index}`));
    expect(await textIn(one, 'key')).toBe(left);
    away(false);
    expect([await textIn(one, 'key'), await textIn(other, 'key')]).toEqual([left, left]);
    expect(one.stats().pendingRevalidations).toBe(0);
    await fill(one, clock, 'new', ['mine']);
    expect(await textIn(other, 'key')).toBe('new');
  });

  it('does not hold a read longer than a request may take, nor a write', async () => {
    const clock = manualClock();
    const handler = createRemoteCacheHandler({ kv: createKv({ store: scriptedStore(), clock }), now: clock.now });
    let settled = 0;
    const note = () => {
      settled += 1;
    };
    handler.get('key', []).then(note);
    handler.updateTags(['tag']).then(note);
    handler.refreshTags().then(note);
    await clock.run(999);
    expect(settled).toBe(0);
    await clock.run(1);
    expect(settled).toBe(3);
  });

  it('is not asked while the circuit is open: reads, writes and revalidations are over at once', async () => {
    const clock = manualClock();
    const store = scriptedStore();
    const kv = createKv({ store, clock });
    kv.circuit.force('FORCED_OPEN');
    const handler = createRemoteCacheHandler({ kv, now: clock.now });
    await fill(handler, clock, 'kept', ['tag']);
    expect(await textIn(handler, 'key')).toBe('kept');
    await handler.updateTags(['tag']);
    expect(await textIn(handler, 'key')).toBeUndefined();
    expect(store.sent).toEqual([]);
  });

  it('does not hold a read longer either where that finds no log, and has more to ask', async () => {
    const clock = manualClock();
    const inner = memoryStore({ clock });
    const slow: Store = {
      ...inner,
      execute: (commands, options) =>
        new Promise((resolve) => {
          clock.after(400, () => resolve(inner.execute(commands, options)));
        }),
    };
    const handler = createRemoteCacheHandler({ kv: createKv({ store: slow, clock }), now: clock.now });
    let isSettled = false;
    handler.get('key', []).then(() => {
      isSettled = true;
    });
    await clock.run(999);
    expect(isSettled).toBe(false);
    await clock.run(1);
    expect(isSettled).toBe(true);
  });

  it('is what a handler that may not ask it behaves as', async () => {
    const { clock, process, requests } = world();
    const handler = process({ localOnly: true });
    await fill(handler, clock, 'here only', ['tag']);
    expect(await textIn(handler, 'key')).toBe('here only');
    clock.advance(1);
    await handler.updateTags(['tag']);
    expect(await textIn(handler, 'key')).toBeUndefined();
    expect(requests).toEqual([]);
  });
});

onEveryStore("the cache of 'use cache: remote'", (current) => {
  it('keeps entries for all processes until they are revalidated', async () => {
    const clock = manualClock();
    const process = () => createRemoteCacheHandler({ kv: createKv({ store: current(), clock }), now: clock.now });
    const [one, other] = [process(), process()];
    await fill(one, clock, 'old \u0000 ü', ['tag']);
    expect(await textIn(other, 'key')).toBe('old \u0000 ü');
    await other.updateTags(['tag']);
    expect([await textIn(one, 'key'), await textIn(other, 'key')]).toEqual([undefined, undefined]);
    await fill(other, clock, 'new', ['tag']);
    expect([await textIn(one, 'key'), await textIn(other, 'key')]).toEqual(['new', 'new']);
    const ttls = [...(await contentsOf(current()))].map(([name, { ttlMs }]) => [name, ttlMs > 0]);
    expect(new Map(ttls as [string, boolean][])).toEqual(
      new Map([
        ['cache:next:use-cache:key', true],
        ['cache:next:revalidations', false],
      ]),
    );
  });
});

describe('the options', () => {
  it.each(['maxEntryBytes', 'maxTtlMs', 'maxTags'] as const)('%s has to be a whole number of at least 1', (name) => {
    const { process } = world();
    for (const value of [0, -1, 1.5, Number.NaN]) {
      expect(() => process({ [name]: value })).toThrow(`${name} must be a whole number of at least 1`);
    }
    expect(() => process({ [name]: undefined })).not.toThrow();
  });
});
