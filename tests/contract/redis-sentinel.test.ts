import { afterAll, beforeAll } from 'vitest';
import { redisStore } from '../../lib/store/redis.ts';
import { type RedisSentinels, startRedisSentinels } from '../support/redis-sentinel.ts';
import { storeContract } from './store-contract.ts';

let group: RedisSentinels;
beforeAll(async () => {
  group = await startRedisSentinels();
});
afterAll(() => group?.stop());

storeContract('redis behind sentinels', async () =>
  redisStore({ sentinels: { nodes: group.names, name: group.primaryName } }),
);
