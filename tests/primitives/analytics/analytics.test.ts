import { describe, expect, it } from 'vitest';
import { createKv } from '../../../lib/client/kv-client.ts';
import { DeadlineError, StoreError } from '../../../lib/errors.ts';
import { createAnalytics } from '../../../lib/primitives/analytics/analytics.ts';
import type { AnalyticsOptions, CountOptions } from '../../../lib/primitives/analytics/analytics-options.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import { manualClock } from '../../../lib/testing/manual-clock.ts';
import { AWAY } from '../../support/scripted-client.ts';
import { watchedStore } from '../../support/watched-store.ts';

const DAY_MS = 86_400_000;
const RESET = new StoreError('network', 'reset');

function events(options: Partial<AnalyticsOptions> = {}) {
  const clock = manualClock(Date.UTC(2026, 10, 21, 12));
  const store = watchedStore(memoryStore({ clock }));
  const kv = createKv({ store, clock });
  const analytics = createAnalytics({ kv, shards: 2, ...options });
  /** All counts that Redis has, by the names of their counters. */
  const counted = async () => {
    const hashes = await store.execute(['0', '1'].map((shard) => ['HGETALL', `analytics:{events:${shard}}:live`]));
    const sums: Record<string, number> = {};
    for (const words of hashes) {
      const list = Array.isArray(words) ? words.map(String) : [];
      for (let at = 0; at < list.length; at += 2) {
        const name = (list[at] ?? '').replace(/^\[\d+,/, '[');
        sums[name] = (sums[name] ?? 0) + Number(list[at + 1]);
      }
    }
    return sums;
  };
  return { clock, store, kv, analytics, counted };
}

const once = (id: string, ttlMs?: number): CountOptions => ({ once: { id, ttlMs } });

describe('an event', () => {
  it('is counted by its dimensions in one request', async () => {
    const { store, analytics, counted } = events();
    expect(await analytics.count('view', { path: '/a' })).toEqual({ status: 'counted' });
    const requests = store.requests.length;
    expect(await analytics.count('view', { path: '/a' }, { by: 4 })).toEqual({ status: 'counted' });
    expect(await analytics.count('view', { path: '/b' })).toEqual({ status: 'counted' });
    expect(store.requests).toHaveLength(requests + 2);
    expect(await counted()).toEqual({ '["view",{"path":"/a"}]': 5, '["view",{"path":"/b"}]': 1 });
  });

  it('counts once for an id until its time is over, by its first dimensions, in one request', async () => {
    const { clock, store, analytics, counted } = events();
    expect(await analytics.count('view', { path: '/a' }, once('v7', 1_000))).toEqual({ status: 'counted' });
    const requests = store.requests.length;
    expect(await analytics.count('view', { path: '/b' }, once('v7', 1_000))).toEqual({ status: 'duplicate' });
    expect(store.requests).toHaveLength(requests + 1);
    expect(await analytics.count('click', {}, once('v7'))).toEqual({ status: 'counted' });
    expect(await analytics.count('view', {}, once('v8'))).toEqual({ status: 'counted' });
    clock.advance(1_000);
    expect(await analytics.count('view', { path: '/a' }, once('v7', 1_000))).toEqual({ status: 'duplicate' });
    clock.advance(1);
    expect(await analytics.count('view', { path: '/a' }, once('v7', 1_000))).toEqual({ status: 'counted' });
    expect(await counted()).toEqual({ '["view",{"path":"/a"}]': 2, '["click",{}]': 1, '["view",{}]': 1 });
  });

  it('counts once for 5 minutes where nobody says how long', async () => {
    const { clock, analytics } = events();
    await analytics.count('view', {}, once('v7'));
    clock.advance(300_000);
    expect(await analytics.count('view', {}, once('v7'))).toEqual({ status: 'duplicate' });
    clock.advance(1);
    expect(await analytics.count('view', {}, once('v7'))).toEqual({ status: 'counted' });
  });

  it('counts once of a hundred who come with one id together', async () => {
    const { analytics } = events();
    const answers = await Promise.all(Array.from({ length: 100 }, () => analytics.count('view', {}, once('v7'))));
    expect(answers.filter(({ status }) => status === 'counted')).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 'duplicate')).toHaveLength(99);
  });

  it('leaves Redis at its own time where nobody drains it', async () => {
    const { clock, store, analytics } = events({ retentionMs: DAY_MS });
    await analytics.count('view', {}, once('v7'));
    const names = async () => (await store.execute([['KEYS', '*']]))[0];
    expect(await names()).toHaveLength(2);
    clock.advance(DAY_MS + 1);
    expect(await names()).toEqual([]);
  });

  it.each([
    ['event', 'a b', {}, {}],
    ['dimensions', 'view', { a: '\0' }, {}],
    ['by', 'view', {}, { by: 0 }],
    ['by', 'view', {}, { by: 1_000_000_001 }],
    ['once.id', 'view', {}, once('')],
    ['once.id', 'view', {}, once('x'.repeat(513))],
    ['once.ttlMs', 'view', {}, once('v7', 30 * DAY_MS + 1)],
  ])('is refused by the name of what is wrong: %s', async (setting, event, dimensions, options) => {
    const { store, analytics } = events();
    await expect(analytics.count(event, dimensions, options)).rejects.toMatchObject({ code: 'CONFIG', setting });
    expect(store.requests).toEqual([]);
  });

  it('does not count, and marks nothing as counted, where something else stands in the place of counts', async () => {
    const { store, analytics } = events();
    await store.execute(['0', '1'].map((shard) => ['SET', `analytics:{events:${shard}}:live`, 'x']));
    await expect(analytics.count('view', {}, once('v7'))).rejects.toMatchObject({ replyCode: 'WRONGTYPE' });
    await store.execute(['0', '1'].map((shard) => ['DEL', `analytics:{events:${shard}}:live`]));
    expect(await analytics.count('view', {}, once('v7'))).toEqual({ status: 'counted' });
  });
});

describe('while Redis is away', () => {
  it('events are counted here, and told with the first answer of Redis', async () => {
    const { store, analytics, counted } = events();
    store.takeAway(AWAY);
    for (let view = 0; view < 3; view += 1) expect(await analytics.count('view')).toEqual({ status: 'buffered' });
    expect(analytics.stats()).toEqual({ buffered: 1, unknownOutcome: 0, dropped: 0 });
    expect(await analytics.flush()).toEqual({ status: 'unavailable', retryAfterMs: 1_000, mayHaveRun: false });
    store.giveBack();
    expect(await analytics.count('click')).toEqual({ status: 'counted' });
    await analytics.settled();
    expect(await counted()).toEqual({ '["view",{}]': 3, '["click",{}]': 1 });
    expect(analytics.stats()).toEqual({ buffered: 0, unknownOutcome: 0, dropped: 0 });
  });

  it('an event counts here once for its id, and once in Redis though another process has counted it', async () => {
    const { store, kv, analytics, counted } = events();
    await createAnalytics({ kv, shards: 2 }).count('view', {}, once('v8'));
    store.takeAway(AWAY);
    expect(await analytics.count('view', {}, once('v7'))).toEqual({ status: 'buffered' });
    expect(await analytics.count('view', {}, once('v7'))).toEqual({ status: 'duplicate' });
    expect(await analytics.count('view', {}, once('v8'))).toEqual({ status: 'buffered' });
    store.giveBack();
    expect(await analytics.flush()).toEqual({ status: 'flushed' });
    expect(await counted()).toEqual({ '["view",{}]': 2 });
  });

  it('an event with an id is told again when its outcome is not known, and counts once', async () => {
    const { store, analytics, counted } = events();
    await analytics.count('warm');
    const deaf = createAnalytics({
      shards: 2,
      kv: createKv({
        store: {
          ...store,
          async execute(commands, options) {
            await store.execute(commands, options);
            throw RESET;
          },
        },
      }),
    });
    expect(await deaf.count('view', {}, once('v7'))).toEqual({ status: 'buffered' });
    expect(deaf.stats()).toMatchObject({ buffered: 1, unknownOutcome: 0 });
    expect(await analytics.count('view', {}, once('v7'))).toEqual({ status: 'duplicate' });
    await deaf.flush();
    expect(deaf.stats()).toMatchObject({ buffered: 1 });
    expect(await counted()).toEqual({ '["view",{}]': 1, '["warm",{}]': 1 });
  });

  it('an event with an id is not told again when Redis may have forgotten that it was counted', async () => {
    const { clock, store, kv, analytics, counted } = events();
    kv.circuit.force('DISABLED');
    await analytics.count('warm');
    const { execute } = store;
    store.execute = async (commands, options) => {
      await execute(commands, options);
      throw RESET;
    };
    expect(await analytics.count('view', {}, once('soon', 5_000))).toEqual({ status: 'buffered' });
    expect(await analytics.count('view', {}, once('late', 10_000))).toEqual({ status: 'buffered' });
    store.execute = execute;
    clock.advance(5_001);
    expect(await analytics.flush()).toEqual({ status: 'flushed' });
    expect(await counted()).toEqual({ '["view",{}]': 2, '["warm",{}]': 1 });
    expect(analytics.stats()).toEqual({ buffered: 0, unknownOutcome: 1, dropped: 0 });
  });

  it('an event with an id is told though none but its own repetitions come when Redis is back, and counts once', async () => {
    const { clock, store, analytics, counted } = events();
    store.takeAway(AWAY);
    expect(await analytics.count('view', {}, once('v7', 5_000))).toEqual({ status: 'buffered' });
    store.giveBack();
    expect(await analytics.count('view', {}, once('v7', 5_000))).toEqual({ status: 'duplicate' });
    expect([await counted(), analytics.stats().buffered]).toEqual([{ '["view",{}]': 1 }, 0]);
    clock.advance(5_001);
    expect(await analytics.count('view', {}, once('v7', 5_000))).toEqual({ status: 'counted' });
    await analytics.settled();
    expect(await counted()).toEqual({ '["view",{}]': 2 });
  });

  it.each([RESET, new DeadlineError(1_000, true)])(
    'an event without id is never told again when its outcome is not known: %s',
    async (error) => {
      const { store, analytics, counted } = events();
      store.takeAway(error);
      expect(await analytics.count('view', {}, { by: 3 })).toMatchObject({ status: 'unavailable', mayHaveRun: true });
      expect(analytics.stats()).toEqual({ buffered: 0, unknownOutcome: 3, dropped: 0 });
      store.giveBack();
      await analytics.flush();
      expect(await counted()).toEqual({});
    },
  );

  it('no more is kept here than maxBuffered, and what is dropped is counted', async () => {
    const { store, analytics } = events({ maxBuffered: 2 });
    store.takeAway(AWAY);
    expect((await analytics.count('a')).status).toBe('buffered');
    expect((await analytics.count('b', {}, once('x'))).status).toBe('buffered');
    expect((await analytics.count('a')).status).toBe('buffered');
    expect(await analytics.count('c', {}, { by: 5 })).toEqual({
      ...{ status: 'unavailable', retryAfterMs: 1_000, mayHaveRun: false },
    });
    expect(analytics.stats()).toEqual({ buffered: 2, unknownOutcome: 0, dropped: 5 });
  });

  it('what was not sent is kept when a request of several fails', async () => {
    const { store, kv, analytics } = events();
    kv.circuit.force('DISABLED');
    store.takeAway(AWAY);
    for (let index = 0; index < 500; index += 1) await analytics.count('view', { index });
    store.takeAway(RESET);
    expect(await analytics.flush()).toMatchObject({ status: 'unavailable', mayHaveRun: true });
    expect(analytics.stats()).toEqual({ buffered: 300, unknownOutcome: 200, dropped: 0 });
  });

  it('keeps the process for what is told later where the platform is told of it', async () => {
    const kept: Promise<unknown>[] = [];
    const { store, analytics } = events({ waitUntil: (promise) => kept.push(promise) });
    store.takeAway(AWAY);
    await analytics.count('view');
    store.giveBack();
    await analytics.count('click');
    await Promise.all(kept);
    expect(kept).toHaveLength(1);
    expect(analytics.stats().buffered).toBe(0);
  });
});

describe('an option that cannot be', () => {
  it.each([
    ['name', { name: '' }],
    ['shards', { shards: 0 }],
    ['retentionMs', { retentionMs: DAY_MS - 1 }],
    ['batchFields', { batchFields: 5_001 }],
    ['maxBuffered', { maxBuffered: 0 }],
  ])('is refused by name: %s', (setting, options) => {
    expect(() => events(options)).toThrow(expect.objectContaining({ code: 'CONFIG', setting }));
  });
});
