import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createKv } from '../../../lib/client/kv-client.ts';
import { runScript, type ScriptCall } from '../../../lib/client/script.ts';
import { changedScript, drainedScript, useScript } from '../../../lib/primitives/usage/usage-scripts.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import type { Store } from '../../../lib/store/store.ts';
import { realRedis } from '../../support/every-store.ts';

const HASHES = ['usage:{keys:0}:2026-11-21', 'usage:{keys:0}:2026-11-20', 'usage:{keys:0}:2026-11-19'];
const HOUR_MS = 3_600_000;

const hash = fc.constantFrom(...HASHES);
const epoch = fc.constantFrom('one', 'two');
const call: fc.Arbitrary<ScriptCall> = fc.oneof(
  fc
    .tuple(
      hash,
      epoch,
      fc.array(fc.tuple(fc.constantFrom(':a', ':b', ':damaged'), fc.integer({ min: 1, max: 9 })), { maxLength: 4 }),
    )
    .map(([key, first, uses]) => ({ script: useScript, keys: [key], args: [first, HOUR_MS, ...uses.flat()] })),
  fc.constantFrom(0, 1).map((all) => ({ script: changedScript, keys: HASHES, args: [all] })),
  fc
    .tuple(hash, epoch, fc.integer({ min: 0, max: 6 }))
    .map(([key, of, changes]) => ({ script: drainedScript, keys: [key], args: [of, changes] })),
);

/** What each call answers, and what is there in the end. */
async function play(store: Store, calls: readonly ScriptCall[], damaged: boolean) {
  const kv = createKv({ store });
  await store.execute([['FLUSHALL'], ...(damaged ? [['HSET', HASHES[0] ?? '', ':damaged', 'x'] as const] : [])]);
  const answers: unknown[] = [];
  for (const one of calls) {
    answers.push(await runScript(kv, one).catch((error: unknown) => (error instanceof Error ? error.name : error)));
  }
  const hashes = await store.execute(HASHES.map((key) => ['HGETALL', key]));
  const ttls = await store.execute(HASHES.map((key) => ['PTTL', key]));
  const fields = hashes.map((words) => (Array.isArray(words) ? words.map(String) : []));
  return { answers, fields, expiring: ttls.map((ttl) => Number(ttl) > 0) };
}

describe('the scripts of usage', () => {
  const redis = realRedis();

  it('do in memory what they do in Redis', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(call, { maxLength: 12 }), fc.boolean(), async (calls, damaged) => {
        const there = await play(redis.store, calls, damaged);
        expect(await play(memoryStore(), calls, damaged)).toEqual(there);
      }),
      { numRuns: 150 },
    );
  });
});
