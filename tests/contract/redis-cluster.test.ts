import { afterAll, beforeAll } from 'vitest';
import { redisStore } from '../../lib/store/redis.ts';
import { type RedisCluster, startRedisCluster } from '../support/redis-cluster.ts';
import { storeContract } from './store-contract.ts';

let cluster: RedisCluster;
beforeAll(async () => {
  cluster = await startRedisCluster();
});
afterAll(() => cluster?.stop());

storeContract('redis cluster', async () => redisStore({ cluster: { nodes: cluster.names.slice(3) } }), {
  keyPrefix: '{contract}',
});
