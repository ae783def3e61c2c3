import { afterAll, afterEach, beforeAll, beforeEach, describe } from 'vitest';
import { createKv, type KvClient, type KvOptions } from '../../lib/client/kv-client.ts';
import { redisStore } from '../../lib/store/redis.ts';
import type { Store } from '../../lib/store/store.ts';
import { onEveryStore } from './every-store.ts';
import { type RedisCluster, startRedisCluster } from './redis-cluster.ts';

/** Makes a client on the store of the test. Closes nothing: the suite does. */
export type MakeKv = (options?: Omit<KvOptions, 'store'>) => KvClient;

/** Runs a suite on clients over memory, a real Redis, that behind the REST endpoint, and a real Cluster; all are empty in each test. */
export function onEveryKv(title: string, suite: (kv: MakeKv) => void): void {
  const makeOn =
    (store: () => Store): MakeKv =>
    (options) =>
      createKv({ requestTimeoutMs: 5_000, slowMs: false, ...options, store: store() });

  onEveryStore(title, (store) => suite(makeOn(store)));

  describe(`${title}, on a Redis Cluster`, () => {
    const cluster = realCluster();
    suite(makeOn(() => cluster.store));
  });
}

/** A real Cluster of the calling suite, of three nodes, emptied before each of its tests. */
export function realCluster(): { readonly store: Store; readonly nodes: readonly string[] } {
  let cluster: RedisCluster | undefined;
  let store: Store | undefined;
  const opened = (): Store => {
    if (!store) throw new Error('The Cluster is open within tests only');
    return store;
  };
  beforeAll(async () => {
    cluster = await startRedisCluster({ replicas: false });
  }, 60_000);
  afterAll(() => cluster?.stop());
  beforeEach(async () => {
    store = redisStore({ cluster: { nodes: cluster?.names ?? [] } });
    await store.execute([['FLUSHALL']]);
  });
  afterEach(() => store?.close());
  return {
    get store() {
      return opened();
    },
    get nodes() {
      return cluster?.names ?? [];
    },
  };
}
