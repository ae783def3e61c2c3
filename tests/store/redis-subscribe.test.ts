import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { redisStore } from '../../lib/store/redis.ts';
import type { Store } from '../../lib/store/store.ts';
import { eventually } from '../support/eventually.ts';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { type HeardSubscription, heardSubscription } from '../support/heard-subscription.ts';
import { startClusterOfOne } from '../support/redis-cluster.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';

let server: RedisServer;
let proxy: FaultProxy;
/** Beside the proxy: asks Redis what it knows. */
let direct: Store;
let store: Store;
beforeEach(async () => {
  server = await startRedis();
  proxy = await startFaultProxy(server.port);
  direct = redisStore({ url: server.url });
  store = redisStore({ url: `redis://127.0.0.1:${proxy.port}`, subscriberPingMs: 100, connectTimeoutMs: 1_000 });
});
afterEach(async () => {
  await Promise.all([store.close(), direct.close()]);
  await proxy.close();
  await server.stop();
});

/** Connections of subscribers that Redis knows of. */
async function subscribers(): Promise<number> {
  const [list] = await direct.execute([['CLIENT', 'LIST', 'TYPE', 'pubsub']]);
  return String(list).split('\n').filter(Boolean).length;
}

describe('subscriptions by TCP', () => {
  it('share one connection, beside that of commands, and release it when the last of them ends', async () => {
    const all = Array.from({ length: 100 }, (_, index) => heardSubscription(store, [`news ${index % 7}`, 'all']));
    await Promise.all(all.map((subscription) => subscription.connected()));
    expect(await subscribers()).toBe(1);
    expect(await store.execute([['PING']])).toEqual(['PONG']);
    expect(proxy.connections()).toBe(2);
    const [last, ...others] = all;
    await Promise.all(others.map((subscription) => subscription.close()));
    expect(await subscribers()).toBe(1);
    // Channels that nobody hears any more are left.
    await eventually(async () => {
      const [channels] = await direct.execute([['PUBSUB', 'CHANNELS']]);
      return Array.isArray(channels) && channels.length === 2;
    });
    await last?.hears(direct);
    await last?.close();
    await eventually(async () => (await subscribers()) === 0);
  });

  it('leave no connection behind when they end before they are connected', async () => {
    await Promise.all(Array.from({ length: 20 }, () => heardSubscription(store).close()));
    const begun = heardSubscription(store);
    await Promise.resolve();
    await begun.close();
    await eventually(async () => (await subscribers()) === 0);
    const next = heardSubscription(store);
    await next.connected();
    expect(await subscribers()).toBe(1);
  });

  it('end with their store', async () => {
    const subscription = heardSubscription(store);
    await subscription.connected();
    await store.close();
    expect(subscription.states.at(-1)).toEqual({ state: 'closed', error: undefined });
    await eventually(async () => (await subscribers()) === 0);
    expect(() => heardSubscription(store)).toThrow(expect.objectContaining({ kind: 'local' }));
  });

  it('are no commands', async () => {
    const [refusal] = await store.execute([['SUBSCRIBE', 'news']]);
    expect(refusal).toEqual({ error: expect.stringMatching(/needs a connection of its own/) });
  });

  it('that one channel is denied to are over, and the others go on', async () => {
    await direct.execute([['ACL', 'SETUSER', 'reader', 'on', '>secret', '+@all', '~*', 'resetchannels', '&news*']]);
    const reader = redisStore({ url: `redis://reader:secret@127.0.0.1:${server.port}` });
    const allowed = heardSubscription(reader);
    await allowed.connected();
    const denied = heardSubscription(reader, ['secrets']);
    await eventually(() => denied.states.length > 0);
    expect(denied.states).toEqual([{ state: 'closed', error: expect.objectContaining({ kind: 'auth' }) }]);
    expect(JSON.stringify(denied.states)).not.toContain('secrets');
    await allowed.hears(direct);
    expect(allowed.states).toEqual([{ state: 'connected', missed: false }]);
    await reader.close();
  });

  it('are over at once with the wrong password', async () => {
    await server.stop();
    server = await startRedis({ args: ['--requirepass', 'right'] });
    const wrong = redisStore({ url: `redis://:wrong@127.0.0.1:${server.port}` });
    const subscription = heardSubscription(wrong);
    await eventually(() => subscription.states.length > 0);
    expect(subscription.states).toEqual([{ state: 'closed', error: expect.objectContaining({ kind: 'auth' }) }]);
    await wrong.close();
    direct = redisStore({ url: server.url });
  });
});

/** It was connected twice, and has said in between that it was not. */
function expectGap({ states }: HeardSubscription): void {
  expect(states[0]).toEqual({ state: 'connected', missed: false });
  const between = states.slice(1, -1);
  expect(between.length).toBeGreaterThan(0);
  expect(new Set(between.map(({ state }) => state))).toEqual(new Set(['reconnecting']));
  expect(states.at(-1)).toEqual({ state: 'connected', missed: true });
}

describe('a subscriber by TCP', () => {
  it('whose connection is cut hears again, and is told that it has missed something', async () => {
    const subscription = heardSubscription(store);
    await subscription.connected();
    await proxy.set('refuse');
    await eventually(() => subscription.states.length > 1);
    await direct.execute([['PUBLISH', 'news', 'unheard']]);
    await proxy.set('pass');
    await subscription.connected(2);
    await subscription.hears(direct);
    expect(subscription.texts).not.toContain('unheard');
    expectGap(subscription);
  });

  it('in a black hole notices, and hears again', async () => {
    const subscription = heardSubscription(store);
    await subscription.connected();
    await proxy.set('black-hole');
    await eventually(() => subscription.states.length > 1);
    await proxy.set('pass');
    await subscription.connected(2);
    await subscription.hears(direct);
    expectGap(subscription);
  });

  it('whose replies do not arrive notices, though Redis hears it', async () => {
    const subscription = heardSubscription(store);
    await subscription.connected();
    await proxy.set('drop-replies');
    await eventually(() => subscription.states.length > 1);
    await proxy.set('pass');
    await subscription.connected(2);
    expectGap(subscription);
  });

  it('hears again after Redis was started again', async () => {
    const subscription = heardSubscription(store);
    await subscription.connected();
    await server.kill();
    await eventually(() => subscription.states.length > 1);
    await server.restart();
    await subscription.connected(2);
    await subscription.hears(direct);
    expectGap(subscription);
  });

  it('notices a Redis that has stopped, and hears it when it goes on', async () => {
    const subscription = heardSubscription(store);
    await subscription.connected();
    await server.kill('SIGSTOP');
    await eventually(() => subscription.states.length > 1);
    await server.kill('SIGCONT');
    await subscription.connected(2);
    await subscription.hears(direct);
    expectGap(subscription);
  });

  it('that hears nothing for long stays connected', async () => {
    const patient = redisStore({ url: server.url, subscriberPingMs: 100, connectTimeoutMs: 3_000 });
    const subscription = heardSubscription(patient);
    await subscription.connected();
    const pings = async () => {
      const [stats] = await direct.execute([['INFO', 'commandstats']]);
      return Number(/cmdstat_ping:calls=(\d+)/.exec(String(stats))?.[1] ?? 0);
    };
    const before = await pings();
    await eventually(async () => (await pings()) >= before + 2);
    await subscription.hears(direct);
    expect(subscription.states).toEqual([{ state: 'connected', missed: false }]);
    await patient.close();
  });

  it('waits for a Redis that is not there yet', async () => {
    await proxy.set('refuse');
    const subscription = heardSubscription(store);
    await eventually(() => subscription.states.length > 2);
    await proxy.set('pass');
    await subscription.connected();
    expect(subscription.states.at(-1)).toEqual({ state: 'connected', missed: false });
    await subscription.hears(direct);
  });

  it('has nothing to do with commands: each goes on when the connection of the other is lost', async () => {
    const subscription = heardSubscription(store);
    await subscription.connected();
    const [id] = await store.execute([['CLIENT', 'ID']]);
    await direct.execute([['CLIENT', 'KILL', 'ID', Number(id)]]);
    await subscription.hears(direct);
    expect(subscription.states).toHaveLength(1);
    expect(await store.execute([['PING']])).toEqual(['PONG']);
    await direct.execute([['CLIENT', 'KILL', 'TYPE', 'pubsub']]);
    expect(await store.execute([['PING']])).toEqual(['PONG']);
    await subscription.connected(2);
  });
});

describe('a subscriber on a Cluster', () => {
  it('has one connection to one node, and releases it', async () => {
    const node = await startClusterOfOne();
    const cluster = redisStore({ cluster: { nodes: [node.name] } });
    const count = async () =>
      String(await node.ask('CLIENT', 'LIST', 'TYPE', 'pubsub'))
        .split('\n')
        .filter(Boolean).length;
    const subscriptions = [heardSubscription(cluster, ['a']), heardSubscription(cluster, ['b'])];
    await Promise.all(subscriptions.map((subscription) => subscription.connected()));
    expect(await count()).toBe(1);
    await subscriptions[0]?.hears(cluster);
    await cluster.close();
    await eventually(async () => (await count()) === 0);
    await node.stop();
  });
});
