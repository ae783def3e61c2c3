import { describe, expect, it } from 'vitest';
import { createKv } from '../../../lib/client/kv-client.ts';
import { StoreError } from '../../../lib/errors.ts';
import type { BreakwaterEvent } from '../../../lib/events.ts';
import { createPubSub } from '../../../lib/primitives/pubsub/pubsub.ts';
import type { PubSubOptions, SubscriptionState } from '../../../lib/primitives/pubsub/pubsub-options.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import { redisStore } from '../../../lib/store/redis.ts';
import type { Store, SubscriptionListener } from '../../../lib/store/store.ts';
import { manualClock } from '../../../lib/testing/manual-clock.ts';
import { scriptedStore } from '../../../lib/testing/scripted-store.ts';
import { eventually } from '../../support/eventually.ts';
import { startFaultProxy } from '../../support/fault-proxy.ts';
import { startRedis } from '../../support/redis-server.ts';
import { allowNoUnhandledRejection } from '../../support/unhandled-rejections.ts';

allowNoUnhandledRejection();

describe('publishing', () => {
  it('is one request', async () => {
    const store = scriptedStore();
    store.respond((commands) => commands.map(() => 3));
    const pubsub = createPubSub({ kv: createKv({ store, namespace: 'app:' }) });
    expect(await pubsub.publish('a b', { n: 1 })).toEqual({ status: 'published', receivers: 3 });
    expect(store.sent.map(({ commands }) => commands)).toEqual([[['PUBLISH', 'app:pubsub:a%20b', '{"n":1}']]]);
  });

  it('with Redis away is dropped, counted, and not sent again', async () => {
    const store = scriptedStore();
    store.respond(() => new StoreError('network', 'away'));
    const pubsub = createPubSub({ kv: createKv({ store, breaker: { failureThreshold: 2 } }) });
    const unavailable = { status: 'unavailable', retryAfterMs: expect.any(Number) };
    expect(await pubsub.publish('news', 1)).toEqual({ ...unavailable, mayHaveRun: true });
    expect(await pubsub.publish('news', 2)).toEqual({ ...unavailable, mayHaveRun: true });
    // The circuit is open: nothing is sent.
    expect(await pubsub.publish('news', 3)).toEqual({ ...unavailable, mayHaveRun: false });
    expect(store.sent).toHaveLength(2);
    expect(pubsub.stats()).toMatchObject({ published: 0, dropped: 3 });
  });

  it('in a black hole ends at the deadline', async () => {
    const clock = manualClock();
    const store = scriptedStore();
    const pubsub = createPubSub({ kv: createKv({ store, clock, requestTimeoutMs: 500 }) });
    const publishing = pubsub.publish('news', 1);
    await clock.run(500);
    expect(await publishing).toMatchObject({ status: 'unavailable', mayHaveRun: true });
  });

  it('of what Redis refuses for another reason throws', async () => {
    const store = scriptedStore();
    store.respond((commands) => commands.map(() => ({ error: 'ERR syntax error' })));
    const pubsub = createPubSub({ kv: createKv({ store }) });
    await expect(pubsub.publish('news', 1)).rejects.toMatchObject({ code: 'COMMAND' });
    expect(pubsub.stats()).toMatchObject({ dropped: 0 });
  });

  it('takes messages up to its bound, in bytes, and sends no larger one', async () => {
    const store = scriptedStore();
    store.respond((commands) => commands.map(() => 0));
    const pubsub = createPubSub({ kv: createKv({ store }), maxMessageBytes: 10 });
    expect(await pubsub.publish('news', 'üüüü')).toEqual({ status: 'published', receivers: 0 });
    expect(await pubsub.publish('news', 'üüüüx')).toEqual({ status: 'too-large', bytes: 11, maxBytes: 10 });
    expect(store.sent).toHaveLength(1);
    expect(pubsub.stats()).toMatchObject({ published: 1, tooLarge: 1 });
  });

  it.each([undefined, () => 1, Symbol('x'), 1n])('refuses what has no JSON form: %s', async (message) => {
    const store = scriptedStore();
    const pubsub = createPubSub({ kv: createKv({ store }) });
    await expect(pubsub.publish('news', message)).rejects.toThrow(TypeError);
    expect(store.sent).toEqual([]);
  });
});

describe('a publish-and-subscribe', () => {
  const store = memoryStore();
  const kv = createKv({ store });

  it.each([
    ['maxMessageBytes', 0],
    ['maxMessageBytes', 1_000_001],
    ['maxQueued', 0],
    ['listenerTimeoutMs', 0.5],
  ])('refuses %s %s', (option, value) => {
    expect(() => createPubSub({ kv, [option]: value })).toThrow(
      expect.objectContaining({ code: 'CONFIG', setting: option }),
    );
  });

  it('refuses a subscription to nothing, and to more than 100 channels', () => {
    const pubsub = createPubSub({ kv });
    const channels = Array.from({ length: 101 }, (_, index) => `channel ${index}`);
    expect(() => pubsub.subscribe([], () => undefined)).toThrow(expect.objectContaining({ setting: 'channels' }));
    expect(() => pubsub.subscribe(channels, () => undefined)).toThrow(expect.objectContaining({ setting: 'channels' }));
    void pubsub.subscribe([...channels.slice(1), 'channel 1'], () => undefined).close();
  });

  it('refuses to subscribe on a store that cannot', () => {
    const pubsub = createPubSub({ kv: createKv({ store: scriptedStore() }) });
    expect(() => pubsub.subscribe('news', () => undefined)).toThrow(expect.objectContaining({ code: 'CONFIG' }));
  });
});

/** A store whose one subscription is told what the test says. */
function toldStore() {
  let listener: SubscriptionListener | undefined;
  const store: Store = {
    ...memoryStore(),
    subscribe: (_channels, given) => {
      listener = given;
      return { close: async () => undefined };
    },
  };
  const subscribed = async (): Promise<SubscriptionListener> => {
    for (;;) {
      if (listener !== undefined) return listener;
      await Promise.resolve();
    }
  };
  return { store, subscribed };
}

/** A subscription in memory, and what came of it. */
async function rig<T>(onMessage: (message: T) => unknown, options: Omit<PubSubOptions, 'kv'> = {}) {
  const clock = manualClock();
  const store = memoryStore({ clock });
  const events: BreakwaterEvent[] = [];
  const states: SubscriptionState[] = [];
  const kv = createKv({ store, clock, onEvent: (event) => events.push(event) });
  const pubsub = createPubSub<T>({ kv, ...options });
  const subscription = pubsub.subscribe('news', onMessage, { onState: (state) => states.push(state) });
  await subscription.ready;
  const raw = (text: string) => store.execute([['PUBLISH', 'pubsub:news', text]]);
  return { clock, store, kv, events, states, pubsub, subscription, raw };
}

describe('a listener', () => {
  it('that throws, or rejects, costs its own message only', async () => {
    const heard: string[] = [];
    const errors: unknown[] = [];
    const { pubsub, states } = await rig<string>(
      (message) => {
        if (message === 'throws') throw new Error(message);
        if (message === 'rejects') return Promise.reject(new Error(message));
        heard.push(message);
        return undefined;
      },
      {
        onListenerError: (error) => {
          errors.push(error);
          throw error;
        },
      },
    );
    for (const message of ['throws', 'one', 'rejects', 'two']) await pubsub.publish('news', message);
    await eventually(() => heard.length === 2);
    expect(heard).toEqual(['one', 'two']);
    expect(errors).toEqual([new Error('throws'), new Error('rejects')]);
    expect(pubsub.stats()).toMatchObject({ received: 4, failed: 2 });
    expect(states).toHaveLength(1);
  });

  it('that is slow gets one message at a time, and is told where some were lost', async () => {
    const heard: unknown[] = [];
    let done = (): void => undefined;
    const { pubsub, states } = await rig<number>(
      (message) => {
        heard.push(message);
        return new Promise<void>((resolve) => {
          done = resolve;
        });
      },
      { maxQueued: 2 },
    );
    for (let number = 1; number <= 6; number += 1) await pubsub.publish('news', number);
    expect(heard).toEqual([1]);
    for (const count of [2, 3]) {
      done();
      await eventually(() => heard.length === count);
      expect(states).toHaveLength(1);
    }
    done();
    await eventually(() => states.length === 2);
    expect(states[1]).toEqual({ state: 'connected', missed: true });
    expect(pubsub.stats()).toMatchObject({ received: 6, overflowed: 3 });
    await pubsub.publish('news', 7);
    await eventually(() => heard.length === 4);
    expect(heard).toEqual([1, 2, 3, 7]);
  });

  it('that has lost messages is not told that it is connected while it is not', async () => {
    const { store, subscribed } = toldStore();
    const states: SubscriptionState[] = [];
    let done = (): void => undefined;
    const pubsub = createPubSub<number>({ kv: createKv({ store }), maxQueued: 1 });
    const listen = () =>
      new Promise<void>((resolve) => {
        done = resolve;
      });
    pubsub.subscribe('news', listen, { onState: (state) => states.push(state) });
    const listener = await subscribed();
    listener.state({ state: 'connected', missed: false });
    for (const text of ['1', '2', '3']) listener.message('pubsub:news', text);
    const lost: SubscriptionState = { state: 'reconnecting', error: new Error('away'), retryInMs: 100 };
    listener.state(lost);
    for (let turn = 0; turn < 3; turn += 1) {
      done();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(states).toEqual([{ state: 'connected', missed: false }, lost]);
    expect(pubsub.stats()).toMatchObject({ overflowed: 1 });
  });

  it('that is slow is told of a loss of the connection after the messages from before it', async () => {
    const { store, subscribed } = toldStore();
    const told: unknown[] = [];
    let done = (): void => undefined;
    const listen = (message: number) => {
      told.push(message);
      return new Promise<void>((resolve) => {
        done = resolve;
      });
    };
    const onState = (state: SubscriptionState) => {
      told.push(state.state === 'connected' ? `connected, missed: ${state.missed}` : state.state);
    };
    createPubSub<number>({ kv: createKv({ store }) }).subscribe('news', listen, { onState });
    const listener = await subscribed();
    listener.state({ state: 'connected', missed: false });
    for (const text of ['1', '2', '3']) listener.message('pubsub:news', text);
    for (let loss = 0; loss < 2; loss += 1) {
      listener.state({ state: 'reconnecting', error: new Error('away'), retryInMs: 100 });
      listener.state({ state: 'connected', missed: true });
    }
    listener.message('pubsub:news', '4');
    for (let turn = 0; turn < 4; turn += 1) {
      done();
      await new Promise((resolve) => setImmediate(resolve));
    }
    const start = ['connected, missed: false', 1, 'reconnecting', 'reconnecting'];
    expect(told).toEqual([...start, 2, 3, 'connected, missed: true', 4]);
  });

  it('that is never done is waited for so long, and no longer', async () => {
    const heard: string[] = [];
    const errors: unknown[] = [];
    const { clock, pubsub } = await rig<string>(
      (message) => {
        heard.push(message);
        return new Promise(() => undefined);
      },
      { listenerTimeoutMs: 1_000, onListenerError: (error) => errors.push(error) },
    );
    await pubsub.publish('news', 'one');
    await pubsub.publish('news', 'two');
    await clock.run(999);
    expect(heard).toEqual(['one']);
    await clock.run(1);
    expect(heard).toEqual(['one', 'two']);
    expect(errors).toMatchObject([{ code: 'DEADLINE' }]);
    expect(pubsub.stats()).toMatchObject({ failed: 1 });
  });

  it('is called for nothing once the subscription is closed, though messages wait', async () => {
    const heard: string[] = [];
    const { pubsub, subscription } = await rig<string>(async (message) => {
      heard.push(message);
      // Who closes a subscription from within does not wait for himself.
      await subscription.close();
    });
    await Promise.all(['one', 'two', 'three'].map((message) => pubsub.publish('news', message)));
    await subscription.close();
    await expect(subscription.close()).resolves.toBeUndefined();
    expect(heard).toEqual(['one']);
  });

  it('of states that throws costs nothing', async () => {
    const kv = createKv({ store: memoryStore() });
    const errors: unknown[] = [];
    const pubsub = createPubSub<string>({ kv, onListenerError: (error) => errors.push(error) });
    const heard: string[] = [];
    const onState = () => {
      throw new Error('no');
    };
    const subscription = pubsub.subscribe('news', (message) => heard.push(message), { onState });
    await subscription.ready;
    await pubsub.publish('news', 'one');
    await eventually(() => heard.length === 1);
    await subscription.close();
    expect(errors).toHaveLength(2);
  });

  it('of states that rejects costs nothing', async () => {
    const kv = createKv({ store: memoryStore() });
    const errors: unknown[] = [];
    const pubsub = createPubSub<string>({ kv, onListenerError: (error) => errors.push(error) });
    const away = new Error('the database is away');
    const onState = async (): Promise<void> => {
      throw away;
    };
    const subscription = pubsub.subscribe('news', () => undefined, { onState });
    await subscription.ready;
    await eventually(() => errors.length === 1);
    await kv.close();
    await eventually(() => errors.length === 2);
    expect(errors).toEqual([away, away]);
  });

  it('that answers with a query, which is run when somebody waits for it, is waited for', async () => {
    const run: string[] = [];
    const errors: unknown[] = [];
    // Such are the queries of Drizzle, Knex and Prisma.
    const query = (name: string): object => {
      const made = {};
      Reflect.set(made, 'then', (...handlers: Parameters<Promise<void>['then']>) => {
        run.push(name);
        const done = name === 'fails' ? Promise.reject(new Error(name)) : Promise.resolve();
        return done.then(...handlers);
      });
      return made;
    };
    const { pubsub } = await rig<string>(query, { onListenerError: (error) => errors.push(error) });
    for (const name of ['one', 'fails', 'two']) await pubsub.publish('news', name);
    await eventually(() => run.length === 3);
    await eventually(() => errors.length === 1);
    expect(run).toEqual(['one', 'fails', 'two']);
    expect(pubsub.stats()).toMatchObject({ failed: 1 });
  });

  it('gets no message that is no JSON or too large: they are counted, and an event', async () => {
    const heard: unknown[] = [];
    const { raw, events, pubsub } = await rig((message) => heard.push(message), { maxMessageBytes: 10 });
    for (const text of ['{"cut', '', `"${'x'.repeat(20)}"`, '"üüüüx"', '"üüüü"', '"right"']) await raw(text);
    await eventually(() => heard.length === 2);
    expect(heard).toEqual(['üüüü', 'right']);
    expect(pubsub.stats()).toMatchObject({ received: 6, unreadable: 4 });
    const unreadable = { type: 'unreadable', at: expect.any(Number), feature: 'pubsub' };
    const [none, large] = ['a message is no JSON', 'a message is too large'];
    expect(events).toEqual([none, none, large, large].map((problem) => ({ ...unreadable, problem })));
    expect(JSON.stringify(events)).not.toMatch(/cut|xxx|news/);
  });

  it('that is slow makes no message wait that is too large', async () => {
    const heard: string[] = [];
    const { raw, pubsub } = await rig<string>(
      (message) => {
        heard.push(message);
        return new Promise(() => undefined);
      },
      { maxMessageBytes: 10, maxQueued: 1 },
    );
    for (const text of ['"one"', `"${'x'.repeat(1_000)}"`, '"two"']) await raw(text);
    await eventually(() => pubsub.stats().received === 3);
    expect(pubsub.stats()).toMatchObject({ unreadable: 1, overflowed: 0 });
    expect(heard).toEqual(['one']);
  });
});

describe('a subscription', () => {
  it('is closed when it leaves its block', async () => {
    const { subscription, pubsub, states } = await rig(() => undefined);
    {
      await using inner = subscription;
      await inner.ready;
    }
    expect(states.at(-1)).toEqual({ state: 'closed', error: undefined });
    expect(await pubsub.publish('news', 1)).toEqual({ status: 'published', receivers: 0 });
  });

  it('ends with its client, which takes no other then', async () => {
    const { kv, pubsub, states } = await rig(() => undefined);
    await kv.close();
    expect(states.at(-1)).toEqual({ state: 'closed', error: undefined });
    const late = pubsub.subscribe('news', () => undefined);
    await expect(late.ready).rejects.toMatchObject({ code: 'STORE', kind: 'local' });
    await late.close();
  });

  it('is not to be had of a scope that is over', async () => {
    const kv = createKv({ store: memoryStore() });
    const scope = kv.scope();
    const before = createPubSub({ kv: scope }).subscribe('news', () => undefined);
    await before.ready;
    await scope.close();
    const late = createPubSub({ kv: scope }).subscribe('news', () => undefined);
    await expect(late.ready).rejects.toMatchObject({ code: 'STORE', kind: 'local' });
    expect(await createPubSub({ kv }).publish('news', 1)).toEqual({ status: 'published', receivers: 1 });
    await kv.close();
  });

  it('that is closed before it is ready rejects whoever waits for that, and nobody else', async () => {
    const { pubsub } = await rig(() => undefined);
    const subscription = pubsub.subscribe('other', () => undefined);
    await subscription.close();
    await expect(subscription.ready).rejects.toMatchObject({ kind: 'aborted' });
  });

  it('is nothing to the circuit: an outage of it opens none, and it goes on while that is open', async () => {
    const server = await startRedis();
    const proxy = await startFaultProxy(server.port);
    const store: Store = redisStore({ url: `redis://127.0.0.1:${proxy.port}` });
    const events: BreakwaterEvent[] = [];
    const kv = createKv({ store, onEvent: (event) => events.push(event) });
    const pubsub = createPubSub<string>({ kv });
    const heard: string[] = [];
    const states: SubscriptionState[] = [];
    const subscription = pubsub.subscribe('news', (message) => heard.push(message), {
      onState: (state) => states.push(state),
    });
    await subscription.ready;
    await proxy.set('refuse');
    await eventually(() => states.length >= 6);
    expect(kv.circuit.state()).toMatchObject({ state: 'CLOSED', totals: { failures: 0 } });
    kv.circuit.force('FORCED_OPEN');
    await proxy.set('pass');
    await eventually(() => states.at(-1)?.state === 'connected');
    expect(states.at(-1)).toEqual({ state: 'connected', missed: true });
    kv.circuit.release();
    await pubsub.publish('news', 'again');
    await eventually(() => heard.length === 1);
    expect(pubsub.stats()).toMatchObject({ reconnected: 1 });
    // Once each, however many attempts it took.
    expect(events.filter(({ type }) => type === 'subscription')).toEqual([
      { type: 'subscription', at: expect.any(Number), state: 'lost', reason: 'network' },
      { type: 'subscription', at: expect.any(Number), state: 'restored' },
    ]);
    await kv.close();
    await proxy.close();
    await server.stop();
  });

  it('that Redis denies is over, and an event says what there is to mend', async () => {
    const server = await startRedis({ args: ['--requirepass', 'right'] });
    const events: BreakwaterEvent[] = [];
    const store = redisStore({ url: `redis://:wrong@127.0.0.1:${server.port}` });
    const kv = createKv({ store, onEvent: (event) => events.push(event) });
    const subscription = createPubSub({ kv }).subscribe('news', () => undefined);
    await expect(subscription.ready).rejects.toMatchObject({ code: 'STORE', kind: 'auth' });
    expect(events).toEqual([{ type: 'config', at: expect.any(Number), problem: 'Redis refuses the credentials' }]);
    await kv.close();
    await server.stop();
  });
});
