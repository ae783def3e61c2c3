import { afterAll, beforeAll, beforeEach, describe } from 'vitest';
import { type RestEndpoint, startRestEndpoint } from '../../cli/rest/endpoint.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import { redisStore } from '../../lib/store/redis.ts';
import type { Reply, Store } from '../../lib/store/store.ts';
import { upstashStore } from '../../lib/store/upstash.ts';
import { type RedisServer, startRedis } from './redis-server.ts';

/** A real Redis of the calling suite, emptied before each of its tests. */
export function realRedis(): { readonly store: Store; readonly url: string } {
  let server: RedisServer | undefined;
  let store: Store | undefined;
  const opened = (): Store => {
    if (!store) throw new Error('Redis has not started');
    return store;
  };
  beforeAll(async () => {
    server = await startRedis();
    store = redisStore({ url: server.url });
  });
  afterAll(async () => {
    await store?.close();
    await server?.stop();
  });
  beforeEach(async () => {
    await opened().execute([['FLUSHALL']]);
  });
  return {
    get store() {
      return opened();
    },
    get url() {
      if (!server) throw new Error('Redis has not started');
      return server.url;
    },
  };
}

/** Runs a suite over memory, over a real Redis, and over that behind the REST endpoint. The store is empty in each test. */
export function onEveryStore(title: string, suite: (current: () => Store) => void): void {
  describe(`${title}, on the memory store`, () => {
    let store = memoryStore();
    beforeEach(() => {
      store = memoryStore();
    });
    suite(() => store);
  });

  describe(`${title}, on a real Redis`, () => {
    const redis = realRedis();
    suite(() => redis.store);
  });

  describe(`${title}, on a real Redis over REST`, () => {
    const redis = realRedis();
    let endpoint: RestEndpoint | undefined;
    let store: Store | undefined;
    beforeAll(async () => {
      endpoint = await startRestEndpoint({ store: redis.store, token: 'secret' });
      store = upstashStore({ url: endpoint.url, token: 'secret' });
    });
    afterAll(async () => {
      await store?.close();
      await endpoint?.close();
    });
    suite(() => {
      if (!store) throw new Error('The endpoint has not started');
      return store;
    });
  });
}

/** Every key with its value and its time to live in milliseconds. */
export async function contentsOf(store: Store): Promise<ReadonlyMap<string, { value: unknown; ttlMs: number }>> {
  const contents = new Map<string, { value: unknown; ttlMs: number }>();
  let cursor = '0';
  do {
    const [next, names] = list((await store.execute([['SCAN', cursor, 'COUNT', 1000]]))[0]);
    cursor = String(next);
    for (const name of list(names).map(String)) {
      const [type, ttlMs] = await store.execute([
        ['TYPE', name],
        ['PTTL', name],
      ]);
      const read = type === 'zset' ? (['ZRANGE', name, 0, -1, 'WITHSCORES'] as const) : (['GET', name] as const);
      contents.set(name, { value: (await store.execute([read]))[0], ttlMs: Number(ttlMs) });
    }
  } while (cursor !== '0');
  return contents;
}

function list(reply: Reply | undefined): readonly Reply[] {
  return Array.isArray(reply) ? reply : [];
}
