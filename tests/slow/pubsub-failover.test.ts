import { expect, it } from 'vitest';
import { redisStore } from '../../lib/store/redis.ts';
import { eventually } from '../support/eventually.ts';
import { heardSubscription } from '../support/heard-subscription.ts';
import { startRedisCluster } from '../support/redis-cluster.ts';
import { startRedisSentinels } from '../support/redis-sentinel.ts';

const TIMES = { connectTimeoutMs: 500, subscriberPingMs: 500 };

/** Publishes until something arrives: while a failover lasts a message may be lost. */
async function hearsAgain(
  store: ReturnType<typeof redisStore>,
  { texts }: ReturnType<typeof heardSubscription>,
): Promise<void> {
  const before = texts.length;
  await eventually(async () => {
    const signal = AbortSignal.timeout(1_000);
    await store.execute([['PUBLISH', 'news', 'again']], { signal }).catch(() => undefined);
    return texts.length > before;
  });
}

it.each(['SIGKILL', 'SIGSTOP'] as const)('a subscriber finds the new primary behind sentinels: %s', async (signal) => {
  const { primary, names, primaryName, stop } = await startRedisSentinels();
  const store = redisStore({ sentinels: { nodes: names, name: primaryName }, ...TIMES });
  const subscription = heardSubscription(store);
  await subscription.connected();
  await subscription.hears(store);
  await primary.kill(signal);
  await subscription.connected(2);
  await hearsAgain(store, subscription);
  expect(subscription.states.at(-1)).toEqual({ state: 'connected', missed: true });
  await store.close();
  await stop();
});

it.each(['SIGKILL', 'SIGSTOP'] as const)('a subscriber moves when its node of a Cluster dies: %s', async (signal) => {
  const cluster = await startRedisCluster();
  const store = redisStore({ cluster: { nodes: cluster.names }, ...TIMES });
  const subscription = heardSubscription(store);
  await subscription.connected();
  await subscription.hears(store);
  const listeners = await Promise.all(
    cluster.nodes.map(async (node) => String(await node.ask('CLIENT', 'LIST', 'TYPE', 'pubsub')) !== ''),
  );
  const node = cluster.nodes[listeners.indexOf(true)];
  await node?.server.kill(signal);
  await subscription.connected(2);
  await hearsAgain(store, subscription);
  expect(subscription.states.at(-1)).toEqual({ state: 'connected', missed: true });
  await store.close();
  await cluster.stop();
});

it('a subscriber hears what is published at any node of a Cluster', async () => {
  const cluster = await startRedisCluster({ replicas: false });
  const store = redisStore({ cluster: { nodes: cluster.names }, ...TIMES });
  const subscription = heardSubscription(store);
  await subscription.connected();
  for (const node of cluster.nodes) await node.ask('PUBLISH', 'news', node.name);
  await eventually(() => subscription.texts.length === 3);
  expect([...subscription.texts].sort()).toEqual([...cluster.names].sort());
  await store.close();
  await cluster.stop();
});
