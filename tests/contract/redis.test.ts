import { afterAll, beforeAll } from 'vitest';
import { redisStore } from '../../lib/store/redis.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { storeContract } from './store-contract.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

storeContract('redis', async () => redisStore({ url: server.url }));
