import { setTimeout as delay } from 'node:timers/promises';
import { createCache } from '../../lib/cache/cache.ts';
import { createKv } from '../../lib/client/kv-client.ts';
import { redisStore } from '../../lib/store/redis.ts';
import { answerCalls } from './process-calls.ts';

export interface StampedeSetup {
  readonly redisUrl: string;
  readonly ttlMs: number;
  readonly loadMs: number;
  readonly callers: number;
  readonly forMs: number;
}

export interface StampedeOutcome {
  readonly loads: number;
  readonly reads: number;
  /** Readers that had to wait for a load. */
  readonly misses: number;
}

/** Callers that ask for one key, each again and again, some milliseconds apart. */
async function crowd({ redisUrl, ttlMs, loadMs, callers, forMs }: StampedeSetup): Promise<StampedeOutcome> {
  const kv = createKv({ store: redisStore({ url: redisUrl }), requestTimeoutMs: 10_000, slowMs: false });
  const cache = createCache<number>({
    ...{ kv, namespace: 'stampede', ttlMs, swrMs: 30_000, l1: { maxTtlMs: 20 }, loadTimeoutMs: 10_000 },
  });
  let [reads, misses] = [0, 0];
  const load = async () => {
    await delay(loadMs);
    return Date.now();
  };
  const until = performance.now() + forMs;
  const caller = async (): Promise<void> => {
    while (performance.now() < until) {
      const { status } = await cache.getOrFetch('k', load);
      reads += 1;
      if (status === 'miss') misses += 1;
      await delay(1 + Math.random() * 10);
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  await cache.settled();
  const { loads } = cache.stats();
  await kv.close();
  return { loads, reads, misses };
}

export type StampedeProcess = { readonly crowd: typeof crowd };

answerCalls({ crowd });
