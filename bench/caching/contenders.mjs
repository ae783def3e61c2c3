import { join } from 'node:path';
import { projectRoot } from '../edge-bundle.mjs';

/**
 * What is compared: one process's cache on a Redis, with a tier of its own in front or without.
 *
 * @typedef {{ url: string, name: string, ttlMs: number, graceMs: number, memory: boolean }} Setting
 * @typedef {{ getOrLoad: (key: string, load: () => Promise<unknown>) => Promise<unknown>, close: () => Promise<unknown> }} Opened
 * @typedef {{ name: string, open: (setting: Setting) => Promise<Opened> }} Contender
 */

const built = (path) => import(join(projectRoot, 'dist', path));

/** @type {Contender} */
export const breakwater = {
  name: 'breakwater',
  async open({ url, name, ttlMs, graceMs, memory }) {
    const [{ createKv }, { redisStore }, { createCache }] = await Promise.all([
      built('lib/client/kv-client.js'),
      built('lib/store/redis.js'),
      built('lib/cache/cache.js'),
    ]);
    const kv = createKv({ store: redisStore({ url }), requestTimeoutMs: 10_000 });
    const l1 = memory ? { maxTtlMs: ttlMs } : false;
    const cache = createCache({ kv, namespace: name, ttlMs, swrMs: graceMs, l1 });
    return {
      async getOrLoad(key, load) {
        const fetched = await cache.getOrFetch(key, load);
        return fetched.status === 'negative' || fetched.status === 'unavailable' ? undefined : fetched.value;
      },
      async close() {
        await cache.settled();
        await kv.close();
      },
    };
  },
};

/** @type {Contender} */
const bentocache = {
  name: 'bentocache',
  async open({ url, name, ttlMs, graceMs, memory }) {
    const [{ BentoCache, bentostore }, { memoryDriver }, { redisDriver }, { Redis }] = await Promise.all([
      import('bentocache'),
      import('bentocache/drivers/memory'),
      import('bentocache/drivers/redis'),
      import('ioredis'),
    ]);
    const connection = new Redis(url);
    const second = bentostore().useL2Layer(redisDriver({ connection, prefix: name }));
    const store = memory ? second.useL1Layer(memoryDriver({ maxSize: '16mb' })) : second;
    // With a grace and a timeout of 0 what is stale is answered at once, and loaded in the background.
    const stale = graceMs > 0 ? { grace: graceMs, timeout: 0 } : {};
    const bento = new BentoCache({ default: 'c', ttl: ttlMs, ...stale, stores: { c: store } });
    return {
      getOrLoad: (key, factory) => bento.getOrSet({ key, factory }),
      close: () => bento.disconnectAll(),
    };
  },
};

/** @type {Contender} */
const cacheable = {
  name: 'cacheable',
  async open({ url, name, ttlMs, memory }) {
    const [{ Cacheable, Keyv }, { default: KeyvRedis }] = await Promise.all([
      import('cacheable'),
      import('@keyv/redis'),
    ]);
    const redis = new Keyv(new KeyvRedis(url), { namespace: name });
    // Without a first tier in memory, Redis is the first.
    const cache = memory
      ? new Cacheable({ secondary: redis, ttl: ttlMs })
      : new Cacheable({ primary: redis, ttl: ttlMs });
    return {
      getOrLoad: (key, load) => cache.getOrSet(key, load, { ttl: ttlMs }),
      close: () => cache.disconnect(),
    };
  },
};

/** @type {Contender} */
const cachified = {
  name: 'cachified',
  async open({ url, name, ttlMs, graceMs, memory }) {
    const [{ cachified: load }, { LRUCache }, { Redis }] = await Promise.all([
      import('@epic-web/cachified'),
      import('lru-cache'),
      import('ioredis'),
    ]);
    // One tier, as it has: objects in this process, shared by all callers, or texts in Redis.
    if (memory) {
      const entries = new LRUCache({ max: 100_000 });
      const cache = {
        get: (key) => entries.get(key),
        set: (key, value) => entries.set(key, value),
        delete: (key) => entries.delete(key),
      };
      return {
        getOrLoad: (key, getFreshValue) => load({ key, cache, ttl: ttlMs, swr: graceMs, getFreshValue }),
        close: async () => undefined,
      };
    }
    const redis = new Redis(url);
    const cache = {
      get: async (key) => JSON.parse(await redis.get(`${name}:${key}`)),
      set: (key, value) => redis.set(`${name}:${key}`, JSON.stringify(value), 'PX', ttlMs + graceMs),
      delete: (key) => redis.del(`${name}:${key}`),
    };
    return {
      getOrLoad: (key, getFreshValue) => load({ key, cache, ttl: ttlMs, swr: graceMs, getFreshValue }),
      close: () => redis.quit(),
    };
  },
};

/** @type {readonly Contender[]} */
export const CONTENDERS = [breakwater, bentocache, cacheable, cachified];
