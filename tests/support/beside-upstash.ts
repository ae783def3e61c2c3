import { Redis } from '@upstash/redis';
import { afterAll, beforeAll, beforeEach, describe } from 'vitest';
import { type RestEndpoint, startRestEndpoint } from '../../cli/rest/endpoint.ts';
import { createKv, type KvClient } from '../../lib/client/kv-client.ts';
import { createRedis } from '../../lib/client/redis.ts';
import { fengariEngine } from '../../lib/store/lua.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import { redisStore } from '../../lib/store/redis.ts';
import type { Store, StoreKind } from '../../lib/store/store.ts';
import { upstashStore } from '../../lib/store/upstash.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { type RedisServer, startRedis } from './redis-server.ts';
import { type WatchedStore, watchedStore } from './watched-store.ts';

const TOKEN = 'secret';

export interface Pair {
  readonly kind: StoreKind;
  /** `@upstash/redis` as it comes, on the REST endpoint over a real Redis. */
  theirs(): Redis;
  /** `createRedis` on a store of this kind, over another Redis. */
  ours(): Redis;
  /** What `ours` works with. */
  store(): WatchedStore;
  /** A second client as `ours`, in a process of its own as it were. */
  another(): Redis;
}

interface Side {
  readonly server: RedisServer;
  readonly store: Store;
  readonly endpoint: RestEndpoint;
}

/** Runs a suite once for each kind of store. Both sides are empty in each test, and know no scripts. */
export function besideUpstash(suite: (pair: Pair) => void): void {
  let sides: { readonly theirs: Side; readonly ours: Side } | undefined;
  const started = () => {
    if (!sides) throw new Error('The servers have not started');
    return sides;
  };
  beforeAll(async () => {
    sides = { theirs: await startSide(), ours: await startSide() };
  });
  afterAll(async () => {
    await Promise.all(sides ? [stopSide(sides.theirs), stopSide(sides.ours)] : []);
  });

  describe.each<StoreKind>(['memory', 'redis', 'upstash'])('createRedis on the %s store', (kind) => {
    let current: { readonly theirs: Redis; readonly ours: Redis; readonly store: WatchedStore } | undefined;
    const ready = () => {
      if (!current) throw new Error('The test has not started');
      return current;
    };
    beforeEach(async () => {
      const { theirs, ours } = started();
      await Promise.all([theirs, ours].map(({ store }) => store.execute([['FLUSHALL'], ['SCRIPT', 'FLUSH']])));
      const store = watchedStore(makeStore(kind, ours));
      current = {
        theirs: new Redis({ url: theirs.endpoint.url, token: TOKEN, enableTelemetry: false }),
        ours: createRedis(clientOn(store)),
        store,
      };
      return () => store.close();
    });
    suite({
      kind,
      theirs: () => ready().theirs,
      ours: () => ready().ours,
      store: () => ready().store,
      another: () => createRedis(clientOn(ready().store)),
    });
  });
}

function clientOn(store: Store): KvClient {
  return createKv({ store, requestTimeoutMs: 10_000 });
}

function makeStore(kind: StoreKind, { server, endpoint }: Side): Store {
  // Tests that move the time of this process cannot move that of Redis: nothing must expire on one side only.
  if (kind === 'memory') return memoryStore({ lua: fengariEngine(), clock: manualClock() });
  if (kind === 'redis') return redisStore({ url: server.url });
  return upstashStore({ url: endpoint.url, token: TOKEN });
}

async function startSide(): Promise<Side> {
  const server = await startRedis();
  const store = redisStore({ url: server.url });
  return { server, store, endpoint: await startRestEndpoint({ store, token: TOKEN }) };
}

async function stopSide({ server, store, endpoint }: Side): Promise<void> {
  await endpoint.close();
  await store.close();
  await server.stop();
}
