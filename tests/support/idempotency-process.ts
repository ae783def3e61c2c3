import { setTimeout as delay } from 'node:timers/promises';
import { createKv } from '../../lib/client/kv-client.ts';
import { idempotent } from '../../lib/idempotent.ts';
import { redisStore } from '../../lib/store/redis.ts';
import { answerCalls } from './process-calls.ts';

export interface IdempotencySetup {
  readonly redisUrl: string;
  readonly key: string;
  /** How long the handler takes. */
  readonly runMs: number;
  readonly requests: number;
}

export interface IdempotencyAnswer {
  readonly text: string;
  readonly replayed: boolean;
  /** How often it was told to come again. */
  readonly conflicts: number;
}

const PROCESSING_MS = 1_000;

/** Equal requests at the same time, each sent again until it is answered with something else than 409. */
async function pay({ redisUrl, key, runMs, requests }: IdempotencySetup): Promise<readonly IdempotencyAnswer[]> {
  const kv = createKv({ store: redisStore({ url: redisUrl }), requestTimeoutMs: 5_000, slowMs: false });
  const handler = idempotent(
    async () => {
      const run = await kv.command(['INCR', `runs:${key}`]);
      await delay(runMs);
      return new Response(`run ${run} of ${process.pid}`);
    },
    { kv, scope: () => 'u', processingMs: PROCESSING_MS },
  );
  const one = async (): Promise<IdempotencyAnswer> => {
    for (let conflicts = 0; ; conflicts += 1) {
      const headers = { 'idempotency-key': key };
      const response = await handler(new Request('https://example.test/', { method: 'POST', body: 'pay', headers }));
      const text = await response.text();
      if (response.status !== 409) return { text, conflicts, replayed: response.headers.has('idempotency-replayed') };
      await delay(20);
    }
  };
  const answers = await Promise.all(Array.from({ length: requests }, one));
  await kv.close();
  return answers;
}

export type IdempotencyProcess = { readonly pay: typeof pay };

answerCalls({ pay });
