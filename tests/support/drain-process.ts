import { postgresQuery } from '../../lib/client/postgres-query.ts';
import { createAnalytics } from '../../lib/primitives/analytics/analytics.ts';
import { createUsage } from '../../lib/primitives/usage/usage.ts';
import { redisStore } from '../../lib/store/redis.ts';
import { openClient } from './drain-world.ts';
import { answerCalls } from './process-calls.ts';

export interface DrainSetup {
  readonly redisUrl: string;
  readonly databaseUrl: string;
  readonly batchFields: number;
}

/** Drains until somebody kills it. */
async function drainForever({ redisUrl, databaseUrl, batchFields }: DrainSetup): Promise<never> {
  const kv = openClient(redisStore({ url: redisUrl }));
  const query = postgresQuery({ url: databaseUrl });
  const analytics = createAnalytics({ kv, batchFields });
  const usage = createUsage({ kv });
  const again = async (drain: () => Promise<unknown>): Promise<never> => {
    for (;;) await drain();
  };
  return Promise.race([again(() => analytics.drain({ query })), again(() => usage.drain({ query }))]);
}

const isReady = () => true;

export type DrainProcess = { readonly isReady: typeof isReady; readonly drainForever: typeof drainForever };

answerCalls({ isReady, drainForever });
