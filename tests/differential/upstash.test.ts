import { startRestEndpoint } from '../../cli/rest/endpoint.ts';
import { redisStore } from '../../lib/store/redis.ts';
import { upstashStore } from '../../lib/store/upstash.ts';
import { startRedis } from '../support/redis-server.ts';
import { emptied } from './differential.ts';
import { storeDifferential } from './store-differential.ts';

storeDifferential('upstash', {
  start: async () => {
    const server = await startRedis();
    const behind = redisStore({ url: server.url });
    const endpoint = await startRestEndpoint({ store: behind, token: 'differential' });
    const store = upstashStore({ url: endpoint.url, token: 'differential' });
    return {
      empty: emptied(store, behind),
      stop: async () => {
        await store.close();
        await endpoint.close();
        await behind.close();
        await server.stop();
      },
    };
  },
});
