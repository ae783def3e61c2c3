import { startRestEndpoint } from '../../dist/cli/rest/endpoint.js';
import { createKv } from '../../dist/lib/client/kv-client.js';
import { memoryStore } from '../../dist/lib/store/memory/index.js';
import { redisStore } from '../../dist/lib/store/redis.js';
import { upstashStore } from '../../dist/lib/store/upstash.js';
import { startRedis, startRedisCluster, startRedisSentinel } from './redis-servers.mjs';

/** A client on each store: memory; a real Redis by TCP, and the same over REST; one behind a sentinel; a Redis Cluster. */
export async function startStores() {
  const [redis, watched, cluster] = await Promise.all([startRedis(), startRedisSentinel(), startRedisCluster()]);
  const behind = redisStore({ url: redis.url });
  const endpoint = await startRestEndpoint({ store: behind, token: 'suites' });
  const clients = {
    memory: createKv({ store: memoryStore() }),
    redis: createKv({ store: redisStore({ url: redis.url }) }),
    upstash: createKv({ store: upstashStore({ url: endpoint.url, token: 'suites' }) }),
    'redis sentinel': createKv({ store: redisStore({ sentinels: { nodes: watched.names, name: watched.name } }) }),
    'redis cluster': createKv({ store: redisStore({ cluster: { nodes: cluster.names } }) }),
  };
  return {
    clients,
    async stop() {
      await Promise.all(Object.values(clients).map((kv) => kv.close()));
      await endpoint.close();
      await behind.close();
      await Promise.all([redis, watched, cluster].map((servers) => servers.stop()));
    },
  };
}
