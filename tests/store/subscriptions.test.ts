import { describe, expect, it } from 'vitest';
import { ConfigError, StoreError } from '../../lib/errors.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import type { SubscriptionState } from '../../lib/store/store.ts';
import { createSubscriptions, type Heard } from '../../lib/store/subscriptions.ts';
import { type ManualClock, manualClock } from '../../lib/testing/manual-clock.ts';

const AWAY = new StoreError('network', 'away');

interface OpenedFeed {
  readonly hear: Heard;
  readonly lose: (error: Error) => void;
  isClosed: boolean;
}

/** Feeds that open, or fail, as the test says. */
function rig({ clock = manualClock() }: { clock?: ManualClock } = {}) {
  const feeds: OpenedFeed[] = [];
  const states: SubscriptionState[] = [];
  const texts: string[] = [];
  let failure: Error | undefined;
  let hangs = false;
  let attempts = 0;
  const subscriptions = createSubscriptions(async (_channels, heard) => {
    attempts += 1;
    if (hangs) await new Promise(() => undefined);
    if (failure) throw failure;
    let lose = (_error: Error): void => undefined;
    const lost = new Promise<Error>((resolve) => {
      lose = resolve;
    });
    const feed: OpenedFeed = { hear: heard, lose, isClosed: false };
    feeds.push(feed);
    return {
      lost,
      close: () => {
        feed.isClosed = true;
      },
    };
  }, clock);
  const subscribe = (signal?: AbortSignal) =>
    subscriptions.subscribe(
      ['news'],
      { message: (_channel, text) => texts.push(text), state: (state) => states.push(state) },
      { signal },
    );
  return {
    clock,
    feeds,
    states,
    texts,
    subscriptions,
    subscribe,
    attempts: () => attempts,
    fail: (error: Error | undefined) => {
      failure = error;
    },
    hang: () => {
      hangs = true;
    },
  };
}

describe('a subscription', () => {
  it('is connected again after a loss, and says that messages were missed', async () => {
    const { clock, feeds, states, texts, subscribe } = rig();
    subscribe();
    await clock.run(0);
    expect(states).toEqual([{ state: 'connected', missed: false }]);
    feeds[0]?.hear('news', 'before');
    feeds[0]?.lose(AWAY);
    await clock.run(99);
    expect(states.slice(1)).toEqual([{ state: 'reconnecting', error: AWAY, retryInMs: 100 }]);
    expect(feeds.map(({ isClosed }) => isClosed)).toEqual([true]);
    await clock.run(1);
    expect(states.slice(2)).toEqual([{ state: 'connected', missed: true }]);
    feeds[1]?.hear('news', 'after');
    expect(texts).toEqual(['before', 'after']);
  });

  it('is tried again after 100 ms, and then at twice the time up to 3 s, for as long as it takes', async () => {
    const { clock, states, subscribe, fail, attempts } = rig();
    fail(AWAY);
    subscribe();
    await clock.run(60_000);
    const pauses = states.map((state) => (state.state === 'reconnecting' ? state.retryInMs : 0));
    expect(pauses.slice(0, 8)).toEqual([100, 200, 400, 800, 1600, 3000, 3000, 3000]);
    expect(attempts()).toBe(pauses.length);
    fail(undefined);
    await clock.run(3_000);
    // It has heard nothing before of which it could have missed the rest.
    expect(states.at(-1)).toEqual({ state: 'connected', missed: false });
  });

  it('is not hurried by a connection that breaks off at once, and is by one that has lasted 3 s', async () => {
    const { clock, feeds, states, subscribe } = rig();
    const lastPause = () => states.findLast((state) => state.state === 'reconnecting')?.retryInMs;
    subscribe();
    for (const pauseMs of [100, 200, 400]) {
      await clock.run(2_999);
      feeds.at(-1)?.lose(AWAY);
      await clock.run(0);
      expect(lastPause()).toBe(pauseMs);
      await clock.run(pauseMs);
    }
    await clock.run(3_000);
    feeds.at(-1)?.lose(AWAY);
    await clock.run(0);
    expect(lastPause()).toBe(100);
  });

  it.each([new ConfigError('url', 'must be right'), new StoreError('auth', 'denied')])(
    'that never was right is over at once: %s',
    async (error) => {
      const { clock, states, subscribe, fail, attempts } = rig();
      fail(error);
      await subscribe().close();
      expect(attempts()).toBeLessThanOrEqual(1);
      subscribe();
      await clock.run(10_000);
      expect(states.at(-1)).toEqual({ state: 'closed', error });
      expect(clock.pending()).toBe(0);
    },
  );

  it('that was right is tried again also when it is denied', async () => {
    const { clock, feeds, states, subscribe, fail } = rig();
    subscribe();
    await clock.run(0);
    fail(new StoreError('auth', 'denied'));
    feeds[0]?.lose(AWAY);
    await clock.run(10_000);
    fail(undefined);
    await clock.run(3_000);
    expect(states.at(-1)).toEqual({ state: 'connected', missed: true });
  });

  it('hears nothing after it is closed, and leaves no timer and no connection', async () => {
    const { clock, feeds, states, texts, subscribe } = rig();
    const subscription = subscribe();
    await clock.run(0);
    const closing = subscription.close();
    feeds[0]?.hear('news', 'late');
    await closing;
    expect(texts).toEqual([]);
    expect(states.slice(1)).toEqual([{ state: 'closed', error: undefined }]);
    expect(feeds[0]?.isClosed).toBe(true);
    expect(clock.pending()).toBe(0);
  });

  it.each(['while it pauses', 'while an attempt hangs'])('is closed at once %s', async (when) => {
    const { clock, states, subscribe, fail, hang } = rig();
    fail(AWAY);
    if (when.includes('hangs')) hang();
    const subscription = subscribe();
    await clock.run(50);
    await subscription.close();
    expect(states.at(-1)).toEqual({ state: 'closed', error: undefined });
    expect(clock.pending()).toBe(0);
  });

  it('is closed by a signal, also by one that has fired before', async () => {
    const { clock, feeds, states, subscribe, attempts } = rig();
    const caller = new AbortController();
    subscribe(caller.signal);
    await clock.run(0);
    caller.abort();
    await clock.run(0);
    expect(feeds[0]?.isClosed).toBe(true);
    subscribe(caller.signal);
    await clock.run(0);
    expect(states.slice(1)).toEqual(Array(2).fill({ state: 'closed', error: undefined }));
    expect(attempts()).toBe(1);
  });

  it('ends with its store, which takes no other then', async () => {
    const { clock, feeds, states, subscribe, subscriptions } = rig();
    subscribe();
    subscribe();
    await clock.run(0);
    await subscriptions.close();
    expect(feeds.map(({ isClosed }) => isClosed)).toEqual([true, true]);
    expect(states.filter(({ state }) => state === 'closed')).toHaveLength(2);
    expect(() => subscribe()).toThrow(expect.objectContaining({ kind: 'local' }));
  });
});

describe('in memory', () => {
  it('a message is counted by those who hear its channel', async () => {
    const store = memoryStore();
    const heard: string[] = [];
    await new Promise<void>((resolve) => {
      store.subscribe?.(['a', 'b'], {
        message: (channel, text) => heard.push(`${channel} ${text}`),
        state: ({ state }) => state === 'connected' && resolve(),
      });
    });
    const commands = [
      ['PUBLISH', 'a', '1'],
      ['PUBLISH', 'b', 2],
      ['PUBLISH', 'c', '3'],
    ] as const;
    expect(await store.execute(commands)).toEqual([1, 1, 0]);
    await store.close();
    expect(heard).toEqual(['a 1', 'b 2']);
  });
});
