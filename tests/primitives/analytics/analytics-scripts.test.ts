import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createKv } from '../../../lib/client/kv-client.ts';
import { runScript, type ScriptCall } from '../../../lib/client/script.ts';
import { acknowledgeScript, grabScript } from '../../../lib/primitives/analytics/batch-scripts.ts';
import { countScript } from '../../../lib/primitives/analytics/count-script.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import type { Store } from '../../../lib/store/store.ts';
import { realRedis } from '../../support/every-store.ts';

const [LIVE, BATCH, SEEN] = ['live', 'batch', 'seen'].map((part) => `analytics:{events:0}:${part}`) as [
  string,
  string,
  string,
];
const HOUR_MS = 3_600_000;

const field = fc.constantFrom('["a"]', '["b"]', '["c"]', '["d"]');
const id = fc.constantFrom('one', 'two', 'three');
const call: fc.Arbitrary<ScriptCall> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.tuple(field, fc.integer({ min: 1, max: 9 })).map(([name, by]) => ({
      ...{ script: countScript, keys: [LIVE], args: [name, by, HOUR_MS] },
    })),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(field, fc.constantFrom('x', 'y')).map(([name, once]) => ({
      ...{ script: countScript, keys: [LIVE, `${SEEN}:${once}`], args: [name, 1, HOUR_MS, HOUR_MS] },
    })),
  },
  { weight: 2, arbitrary: id.map((batch) => ({ script: grabScript, keys: [LIVE, BATCH], args: [batch, 100] })) },
  { weight: 2, arbitrary: id.map((batch) => ({ script: acknowledgeScript, keys: [BATCH], args: [batch] })) },
);

/** Fields with their values, in an order of ours: Redis has none. */
const pairs = (words: unknown) => {
  const list = Array.isArray(words) ? words.map(String) : [];
  return list.flatMap((word, at) => (at % 2 === 0 ? [`${word}=${list[at + 1]}`] : [])).sort();
};

/** What each call answers, and what is there in the end. */
async function play(store: Store, calls: readonly ScriptCall[]) {
  const kv = createKv({ store });
  await store.execute([['FLUSHALL']]);
  const answers: unknown[] = [];
  for (const one of calls) {
    const answer = await runScript(kv, one);
    answers.push(Array.isArray(answer) ? pairs(answer) : answer);
  }
  const [live, batch] = await store.execute([
    ['HGETALL', LIVE],
    ['HGETALL', BATCH],
  ]);
  const ttls = await store.execute([LIVE, BATCH, `${SEEN}:x`, `${SEEN}:y`].map((key) => ['PTTL', key]));
  return { answers, live: pairs(live), batch: pairs(batch), ttls: ttls.map((ttl) => Math.sign(Number(ttl))) };
}

describe('the scripts of analytics', () => {
  const redis = realRedis();

  it('do in memory what they do in Redis', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(call, { maxLength: 15 }), async (calls) => {
        const there = await play(redis.store, calls);
        expect(await play(memoryStore(), calls)).toEqual(there);
      }),
      { numRuns: 200 },
    );
  });

  it.each([1, 7, 100, 1_000])(
    'take batches of at most %i counters out of a large hash, each counter once',
    async (most) => {
      const fields = Array.from({ length: 1_500 }, (_, index) => `["${index}"]`);
      for (const store of [redis.store, memoryStore()]) {
        const kv = createKv({ store });
        await store.execute([['HSET', LIVE, ...fields.flatMap((name, index) => [name, index + 1])]]);
        const taken = new Set<string>();
        const limit = most === 1 ? 20 : Number.POSITIVE_INFINITY;
        for (let round = 0; round < limit; round += 1) {
          const batch = pairs(
            await runScript(kv, { script: grabScript, keys: [LIVE, BATCH], args: [`b${round}`, most] }),
          );
          if (batch.length === 0) break;
          expect(batch).toContain(`batch=b${round}`);
          expect(batch.length - 1).toBeLessThanOrEqual(most);
          for (const one of batch) if (!one.startsWith('batch=')) taken.add(one);
          expect(await store.execute([['PTTL', BATCH]])).toEqual([-1]);
          expect(await runScript(kv, { script: acknowledgeScript, keys: [BATCH], args: [`b${round}`] })).toBe(1);
        }
        expect(taken.size).toBe(Math.min(fields.length, limit * most));
        expect((await store.execute([['HLEN', LIVE]]))[0]).toBe(fields.length - taken.size);
        await store.execute([['FLUSHALL']]);
      }
    },
  );
});
