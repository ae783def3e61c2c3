import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createKv } from '../../../lib/client/kv-client.ts';
import { ConfigError, StoreError } from '../../../lib/errors.ts';
import { createUsage } from '../../../lib/primitives/usage/usage.ts';
import type { UsageOptions } from '../../../lib/primitives/usage/usage-options.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import { manualClock } from '../../../lib/testing/manual-clock.ts';
import { eventually } from '../../support/eventually.ts';
import { heldStore } from '../../support/held-store.ts';
import { AWAY } from '../../support/scripted-client.ts';
import { watchedStore } from '../../support/watched-store.ts';

const DAY_MS = 86_400_000;
/** 23:59:59 of 2026-11-21, by UTC. */
const EVENING = Date.UTC(2026, 10, 21, 23, 59, 59);

function uses(options: Partial<UsageOptions> = {}) {
  const clock = manualClock(EVENING);
  const store = watchedStore(memoryStore({ clock }));
  const kv = createKv({ store, clock });
  const usage = createUsage({ kv, ...options });
  const totalOf = async (keyId: string, days?: number) => {
    const read = await usage.read(keyId, days);
    return read.status === 'found' ? read.total : undefined;
  };
  return { clock, store, kv, usage, totalOf };
}

describe('a use', () => {
  it('is counted here at once, and costs no request', () => {
    const { store, usage } = uses();
    expect(usage.record('key_1')).toBe(true);
    expect(usage.record('key_1', 4)).toBe(true);
    expect(store.requests).toEqual([]);
    expect(usage.stats()).toEqual({ recorded: 5, sent: 0, buffered: 5, unknownOutcome: 0, dropped: 0 });
  });

  it('is told to Redis within flushMs, all uses of that time in one request', async () => {
    const { clock, store, usage } = uses({ flushMs: 400 });
    for (let index = 0; index < 50; index += 1) usage.record(`key_${index}`);
    await clock.run(399);
    expect(store.requests).toEqual([]);
    await clock.run(1);
    // One more, of the scripts themselves, on a Redis that has never seen them.
    await eventually(() => usage.stats().sent === 50);
    expect(store.requests).toHaveLength(2);
    for (let index = 0; index < 50; index += 1) usage.record(`key_${index}`);
    await clock.run(400);
    await eventually(() => usage.stats().sent === 100);
    expect(store.requests).toHaveLength(3);
  });

  it('is told at once when flushKeys keys have been used', async () => {
    const { store, usage } = uses({ flushKeys: 3 });
    for (const key of ['a', 'a', 'b']) usage.record(key);
    expect(store.requests).toEqual([]);
    usage.record('c');
    await eventually(() => usage.stats().sent === 4);
  });

  it('is on its way with few others where Redis answers slowly: what comes meanwhile waits here, and is bounded', async () => {
    const clock = manualClock(EVENING);
    const store = heldStore(memoryStore({ clock }));
    const usage = createUsage({ kv: createKv({ store, clock }), flushKeys: 50, maxBuffered: 100 });
    usage.record('warm');
    await usage.flush();
    store.hold();
    for (let index = 0; index < 1_000; index += 1) {
      usage.record(`key_${index}`);
      if (index % 50 === 49) await clock.run(1);
    }
    const { recorded, sent, buffered, dropped } = usage.stats();
    expect(recorded - sent - buffered - dropped).toBeLessThanOrEqual(100);
    expect([buffered, store.held]).toEqual([100, 1]);
    store.deliver();
    await eventually(() => usage.stats().sent === 51 && clock.pending() === 1);
    await clock.run(1);
    await usage.settled();
    expect(usage.stats()).toMatchObject({ sent: 151, buffered: 0 });
    expect(clock.pending()).toBe(0);
  });

  it('waits for what is left of a pause, and not for all of it again', async () => {
    const { clock, store, usage } = uses({ flushMs: 100 });
    store.takeAway(AWAY);
    usage.record('a');
    await clock.run(100);
    await usage.settled();
    store.giveBack();
    clock.advance(899);
    usage.record('a');
    await clock.run(100);
    expect(usage.stats().sent).toBe(0);
    await clock.run(1);
    await usage.settled();
    expect(usage.stats()).toMatchObject({ sent: 2, buffered: 0 });
    expect(clock.pending()).toBe(0);
  });

  it('that is on its way has arrived when a flush has ended', async () => {
    const clock = manualClock(EVENING);
    const store = heldStore(memoryStore({ clock }));
    const usage = createUsage({ kv: createKv({ store, clock }) });
    usage.record('warm');
    await usage.flush();
    usage.record('a');
    store.hold();
    await clock.run(1_000);
    await eventually(() => store.held === 1);
    let hasEnded = false;
    const flushing = usage.flush().finally(() => {
      hasEnded = true;
    });
    for (let turns = 0; turns < 20; turns += 1) await turn();
    expect(hasEnded).toBe(false);
    store.deliver();
    expect(await flushing).toEqual({ status: 'flushed' });
    expect(usage.stats()).toMatchObject({ recorded: 2, sent: 2 });
  });

  it('leaves no timer behind once it is told, and none where nobody uses anything', async () => {
    const { clock, usage } = uses();
    expect(clock.pending()).toBe(0);
    usage.record('a');
    expect(clock.pending()).toBe(1);
    await clock.run(1_000);
    await usage.settled();
    expect(clock.pending()).toBe(0);
  });

  it('is told by a new timer where the platform has let go of the one that was set', async () => {
    const { clock, kv } = uses();
    const lost: (() => void)[] = [];
    const lose = (run: () => void) => {
      lost.push(run);
      return () => {};
    };
    const forgetful = createUsage({
      kv: {
        ...kv,
        clock: { ...clock, after: (ms, run) => (ms === 1_000 ? lose(run) : clock.after(ms, run)) },
      },
    });
    forgetful.record('a');
    await clock.run(2_000);
    forgetful.record('a');
    expect(lost).toHaveLength(1);
    await clock.run(1);
    forgetful.record('a');
    expect(lost).toHaveLength(2);
    lost[1]?.();
    await eventually(() => forgetful.stats().sent === 3);
  });

  it('keeps the process for its flush where the platform is told of it', async () => {
    const kept: Promise<unknown>[] = [];
    const { clock, usage } = uses({ waitUntil: (promise) => kept.push(promise) });
    usage.record('a');
    usage.record('b');
    expect(kept).toHaveLength(1);
    await clock.run(1_000);
    await kept[0];
    expect(usage.stats().sent).toBe(2);
  });

  it('belongs to the day of UTC on which it was, though it is told on the next', async () => {
    const { clock, usage } = uses();
    usage.record('a', 2);
    clock.advance(1_000);
    usage.record('a', 5);
    await usage.flush();
    expect(await usage.read('a', 3)).toEqual({
      ...{ status: 'found', total: 7 },
      days: [
        { day: '2026-11-22', count: 5 },
        { day: '2026-11-21', count: 2 },
        { day: '2026-11-20', count: 0 },
      ],
    });
  });

  it('leaves Redis when its day is older than retentionMs', async () => {
    const { clock, store, usage } = uses({ retentionMs: 3 * DAY_MS });
    usage.record('a');
    await usage.flush();
    clock.advance(2 * DAY_MS);
    usage.record('a');
    await usage.flush();
    const hashes = (await store.execute([['KEYS', '*']]))[0];
    expect(hashes).toHaveLength(2);
    clock.advance(DAY_MS + 1);
    expect((await store.execute([['KEYS', '*']]))[0]).toHaveLength(1);
  });

  it.each([
    ['', 1],
    ['x'.repeat(129), 1],
    ['a\0b', 1],
    ['\ud800', 1],
  ])('is refused of the id %j', async (keyId) => {
    const { usage } = uses();
    const error = new ConfigError('keyId', 'must be 1 to 128 characters, none of them a control character');
    expect(() => usage.record(keyId)).toThrow(error);
    await expect(usage.read(keyId)).rejects.toThrow(error);
    await expect(usage.checkLimit(keyId, 1)).rejects.toThrow(error);
  });

  it.each([0, -1, 0.5, Number.NaN, 1_000_000_001])('is not counted %d times', (n) => {
    expect(() => uses().usage.record('a', n)).toThrow(ConfigError);
  });
});

describe('what a key was used', () => {
  it('is read in one request, with what this process has not told yet', async () => {
    const { store, usage, totalOf } = uses();
    usage.record('a', 3);
    await usage.flush();
    usage.record('a', 2);
    usage.record('b');
    const requests = store.requests.length;
    expect(await totalOf('a')).toBe(5);
    expect(store.requests).toHaveLength(requests + 1);
    expect(await totalOf('never')).toBe(0);
  });

  it('is apart from what keys of other names were used, whatever ids they have', async () => {
    const { kv, usage, totalOf } = uses();
    const other = createUsage({ kv, name: 'tokens' });
    for (const id of ['epoch', 'changes', 'drained', ':', 'a:b', '{x}', '😀', '__proto__']) usage.record(id, 2);
    other.record('epoch', 7);
    await usage.flush();
    await other.flush();
    for (const id of ['epoch', 'changes', 'drained', ':', 'a:b', '{x}', '😀', '__proto__']) {
      expect(await totalOf(id)).toBe(2);
    }
    expect(await other.read('epoch')).toMatchObject({ total: 7 });
  });

  it('is checked against a limit on its last days', async () => {
    const { clock, usage } = uses();
    usage.record('a', 6);
    clock.advance(DAY_MS);
    usage.record('a', 3);
    expect(await usage.checkLimit('a', 10)).toEqual({ status: 'within', used: 9, limit: 10, remaining: 1 });
    expect(await usage.checkLimit('a', 9)).toEqual({ status: 'exceeded', used: 9, limit: 9 });
    expect(await usage.checkLimit('a', 9, { days: 1 })).toMatchObject({ status: 'within', used: 3 });
    expect(await usage.checkLimit('b', 0)).toEqual({ status: 'exceeded', used: 0, limit: 0 });
  });

  it('is read for as many days as are kept, and no more', async () => {
    const { usage } = uses({ retentionMs: 3 * DAY_MS + 1 });
    expect(await usage.read('a', 3)).toMatchObject({ status: 'found' });
    await expect(usage.read('a', 4)).rejects.toThrow(
      new ConfigError('days', 'must be a whole number from 1 to 3, got 4'),
    );
  });
});

describe('while Redis is away', () => {
  it('uses are kept here, replayed when it is back, and nobody is told no', async () => {
    const { clock, store, usage, totalOf } = uses();
    store.takeAway(AWAY);
    usage.record('a', 3);
    expect(await usage.flush()).toEqual({ status: 'unavailable', retryAfterMs: 1_000, mayHaveRun: false });
    expect(usage.stats()).toMatchObject({ recorded: 3, buffered: 3 });
    expect(await usage.read('a')).toEqual({ status: 'unavailable', retryAfterMs: 1_000, mayHaveRun: false });
    expect(await usage.checkLimit('a', 1)).toMatchObject({ status: 'unavailable' });
    store.giveBack();
    usage.record('a');
    await clock.run(1_000);
    await eventually(() => usage.stats().sent === 4);
    expect(await totalOf('a')).toBe(4);
  });

  it('is not asked again before it has said to, however much is counted', async () => {
    const { clock, store, usage } = uses({ flushKeys: 2, flushMs: 10 });
    store.takeAway(AWAY);
    usage.record('a');
    clock.advance(10);
    await usage.settled();
    expect(store.requests).toHaveLength(1);
    for (let index = 0; index < 50; index += 1) usage.record(`key_${index}`);
    clock.advance(999);
    for (let turns = 0; turns < 20; turns += 1) await turn();
    expect(store.requests).toHaveLength(1);
    clock.advance(1);
    await usage.settled();
    expect(store.requests).toHaveLength(2);
  });

  it('no more keys are kept here than maxBuffered, and what is dropped is counted', async () => {
    const { store, usage } = uses({ maxBuffered: 2 });
    store.takeAway(AWAY);
    expect(['a', 'b', 'c', 'a'].map((key) => usage.record(key, 2))).toEqual([true, true, false, true]);
    await usage.flush();
    expect(usage.stats()).toEqual({ recorded: 8, sent: 0, buffered: 6, unknownOutcome: 0, dropped: 2 });
  });

  it('what may have been counted is never sent again', async () => {
    const { store, usage, totalOf } = uses();
    usage.record('a', 3);
    store.takeAway(new StoreError('network', 'reset'));
    expect(await usage.flush()).toMatchObject({ status: 'unavailable', mayHaveRun: true });
    store.giveBack();
    expect(await usage.flush()).toEqual({ status: 'flushed' });
    expect(usage.stats()).toEqual({ recorded: 3, sent: 0, buffered: 0, unknownOutcome: 3, dropped: 0 });
    expect(await totalOf('a')).toBe(0);
  });
});

describe('more than one request can take', () => {
  it('goes in several, and what was not sent is kept when one of them fails', async () => {
    const { store, usage } = uses({ maxBuffered: 5_000, flushKeys: 5_000 });
    await usage.flush();
    for (let index = 0; index < 2_500; index += 1) usage.record(`key_${index}`);
    store.takeAway(new StoreError('network', 'reset'));
    await usage.flush();
    expect(usage.stats()).toMatchObject({ unknownOutcome: 1_000, buffered: 1_500 });
    store.giveBack();
    const requests = store.requests.length;
    expect(await usage.flush()).toEqual({ status: 'flushed' });
    expect(usage.stats()).toMatchObject({ sent: 1_500, buffered: 0 });
    // Two, and one of them again with the script itself.
    expect(store.requests).toHaveLength(requests + 3);
  });
});

describe('what stands in the place of counters', () => {
  it('drops what was to be counted there, tells who flushes, and keeps nobody else from counting', async () => {
    const { store, usage, totalOf } = uses({ shards: 1 });
    await store.execute([['SET', 'usage:{keys:0}:2026-11-21', 'x']]);
    usage.record('a', 3);
    await expect(usage.flush()).rejects.toMatchObject({ code: 'COMMAND', replyCode: 'WRONGTYPE' });
    expect(usage.stats()).toMatchObject({ dropped: 3, buffered: 0 });
    await expect(usage.read('a')).rejects.toMatchObject({ replyCode: 'WRONGTYPE' });
    await store.execute([['DEL', 'usage:{keys:0}:2026-11-21']]);
    usage.record('a');
    expect(await usage.flush()).toEqual({ status: 'flushed' });
    expect(await totalOf('a')).toBe(1);
  });
});

describe('an option that cannot be', () => {
  it.each([
    ['name', { name: '' }],
    ['shards', { shards: 0 }],
    ['shards', { shards: 257 }],
    ['retentionMs', { retentionMs: 2 * DAY_MS - 1 }],
    ['flushMs', { flushMs: 0 }],
    ['flushKeys', { flushKeys: 0.5 }],
    ['maxBuffered', { maxBuffered: 0 }],
  ])('is refused by name: %s', (setting, options) => {
    expect(() => uses(options)).toThrow(expect.objectContaining({ code: 'CONFIG', setting }));
  });

  it('is none where it is undefined', () => {
    expect(() => uses({ name: undefined, shards: undefined, flushMs: undefined })).not.toThrow();
  });
});
