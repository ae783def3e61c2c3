import { redisStore } from '../../lib/store/redis.ts';
import { startRedis } from '../support/redis-server.ts';
import { emptied } from './differential.ts';
import { storeDifferential } from './store-differential.ts';

storeDifferential('redis', {
  start: async () => {
    const server = await startRedis();
    const store = redisStore({ url: server.url });
    return {
      empty: emptied(store),
      stop: async () => {
        await store.close();
        await server.stop();
      },
    };
  },
});
