import { afterAll, beforeAll } from 'vitest';
import { type RestEndpoint, startRestEndpoint } from '../../cli/rest/endpoint.ts';
import { redisStore } from '../../lib/store/redis.ts';
import type { Store } from '../../lib/store/store.ts';
import { upstashStore } from '../../lib/store/upstash.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { storeContract } from './store-contract.ts';

let server: RedisServer;
let behind: Store;
let endpoint: RestEndpoint;
beforeAll(async () => {
  server = await startRedis();
  behind = redisStore({ url: server.url });
  endpoint = await startRestEndpoint({ store: behind, token: 'secret' });
});
afterAll(async () => {
  await endpoint.close();
  await behind.close();
  await server.stop();
});

storeContract('upstash', async () => upstashStore({ url: endpoint.url, token: 'secret' }));
