import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { claimScript, extendScript, failScript, finishScript } from '../../../lib/primitives/dedup/claim-scripts.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import type { Command, Reply, Store } from '../../../lib/store/store.ts';
import { realRedis } from '../../support/every-store.ts';

const KEY = 'dedup:{k}';
const SPAN_MS = 3_600_000;
const token = fc.constantFrom('a', 'b', 'c');
const work = fc.constantFrom('', 'w', 'x');

const step: fc.Arbitrary<Command> = fc.oneof(
  fc.tuple(token, work).map(([owner, print]): Command => ['EVAL', claimScript.lua, 1, KEY, owner, SPAN_MS, print]),
  fc
    .tuple(token, work, fc.constantFrom([], [''], ['r'], ['é\0']))
    .map(([owner, print, result]): Command => ['EVAL', finishScript.lua, 1, KEY, owner, 2 * SPAN_MS, print, ...result]),
  token.map((owner): Command => ['EVAL', failScript.lua, 1, KEY, owner]),
  token.map((owner): Command => ['EVAL', extendScript.lua, 1, KEY, owner, 3 * SPAN_MS]),
  {
    weight: 1,
    arbitrary: fc.constantFrom<Command>(['DEL', KEY], ['HSET', KEY, 'owner', 'a'], ['HSET', KEY, 'x', 'y']),
  },
);

/** A minute is what asking both may take. */
const rounded = (ttlMs: unknown) => Math.ceil(Number(ttlMs) / 60_000);

const answered = (reply: Reply | undefined) =>
  Array.isArray(reply) && reply[0] === 'in-progress' ? ['in-progress', rounded(reply[1])] : reply;

const ask = async (store: Store, command: Command) => {
  const [reply, fields, ttlMs] = await store.execute([command, ['HGETALL', KEY], ['PTTL', KEY]]);
  const pairs = Array.isArray(fields) ? fields : [];
  const hash = Object.fromEntries(pairs.flatMap((name, index) => (index % 2 ? [] : [[name, pairs[index + 1]]])));
  return { reply: answered(reply), hash, ttl: rounded(ttlMs) };
};

describe('the scripts of claims', () => {
  const redis = realRedis();

  it('answer and write in Lua on a real Redis what their twins do, in any order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30 }), async (sequence) => {
        await redis.store.execute([['FLUSHALL']]);
        const memory = memoryStore();
        for (const command of sequence) expect(await ask(redis.store, command)).toEqual(await ask(memory, command));
      }),
      { numRuns: 150 },
    );
  });
});
