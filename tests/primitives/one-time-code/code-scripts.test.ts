import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { issueScript, verifyScript } from '../../../lib/primitives/one-time-code/code-scripts.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import type { Command, Reply, Store } from '../../../lib/store/store.ts';
import { realRedis } from '../../support/every-store.ts';

const [CODE, FAILURES, COOLDOWN, GRANT] = ['{a}:code', '{a}:failures', '{a}:cooldown', '{a}:grant'] as const;
const KEYS = [CODE, FAILURES, COOLDOWN, GRANT] as const;
const DIGESTS = ['one', 'two', 'three'];
/** What real time passes in Redis is not noticed: all here is hours, or the minute of a grant. */
const HOUR_MS = 3_600_000;

const numbers = { tries: fc.constantFrom(1, 2, 3, 5), most: fc.constantFrom(1, 3, 7, 100) };
const issue = fc
  .record({ digest: fc.constantFrom(...DIGESTS), cooldownMs: fc.constantFrom(0, 0, HOUR_MS), most: numbers.most })
  .map(
    ({ digest, cooldownMs, most }): Command => [
      ...(['EVAL', issueScript.lua, 4, ...KEYS] as const),
      ...[digest, 2 * HOUR_MS, most, cooldownMs],
    ],
  );
const verify = fc
  .record({ digest: fc.constantFrom(...DIGESTS), grant: fc.constantFrom('', 'x', 'y'), ...numbers })
  .map(
    ({ digest, grant, tries, most }): Command => [
      ...(['EVAL', verifyScript.lua, 3, CODE, FAILURES, GRANT] as const),
      ...[digest, tries, most, 3 * HOUR_MS, grant],
    ],
  );
/** Whatever else may be found there: another's deletion, damage. */
const change = fc.oneof(
  fc.constantFrom(...KEYS).map((key): Command => ['DEL', key]),
  fc
    .constantFrom('0', '99', '100', 'x', '', '-5', 'nan', '7.5', '9'.repeat(400))
    .map((text): Command => ['SET', FAILURES, text, 'PX', 5 * HOUR_MS]),
  fc.constantFrom('0', '4', '98').map((tries): Command => ['HSET', CODE, 'tries', tries]),
);
/** Time passes: for both stores as much. */
const wait = fc.constantFrom(1, 2, 3).map((hours) => hours * HOUR_MS);
const step = fc.oneof(
  { weight: 4, arbitrary: verify },
  { weight: 3, arbitrary: issue },
  { weight: 1, arbitrary: change },
  { weight: 1, arbitrary: wait },
);

/** Times to the minute, for some has passed since. */
const within = (value: unknown) => (Number(value) > 30_000 ? Math.round(Number(value) / 60_000) * 60_000 : value);

async function play(store: Store, step: Command | number): Promise<unknown> {
  const [reply] = await (typeof step === 'number' ? pass(store, step) : store.execute([step]));
  const answer = Array.isArray(reply) ? reply.map(within) : reply;
  const state = await store.execute([
    ['HGETALL', CODE],
    ['GET', FAILURES],
    ['GET', COOLDOWN],
    ['GET', GRANT],
    ...KEYS.map((key): Command => ['PTTL', key]),
  ]);
  return { answer, state: state.map(within) };
}

async function pass(store: Store, ms: number): Promise<readonly Reply[]> {
  const lefts = await store.execute(KEYS.map((key): Command => ['PTTL', key]));
  return store.execute(
    KEYS.map(
      (key, index): Command => (Number(lefts[index]) > 0 ? ['PEXPIRE', key, Number(lefts[index]) - ms] : ['PING']),
    ),
  );
}

describe('the scripts of one-time codes', () => {
  const redis = realRedis();

  it('answer and write in Lua on a real Redis what their twins answer and write, whatever is asked in whatever order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
        await redis.store.execute([['FLUSHALL']]);
        const memory = memoryStore();
        for (const one of steps) expect(await play(redis.store, one)).toEqual(await play(memory, one));
      }),
      { numRuns: 150 },
    );
  });

  it('leave a key of another type alone and fail, in both', async () => {
    const damage: readonly Command[] = [
      ['SET', CODE, 'x'],
      ['RPUSH', FAILURES, 'x'],
    ];
    const commands: readonly Command[] = [
      ['EVAL', verifyScript.lua, 3, CODE, FAILURES, GRANT, 'one', 5, 100, HOUR_MS, ''],
      ['EVAL', issueScript.lua, 4, ...KEYS, 'one', HOUR_MS, 100, 0],
    ];
    for (const [index, write] of damage.entries()) {
      for (const store of [redis.store, memoryStore()]) {
        await store.execute([['FLUSHALL'], write]);
        for (const command of commands.slice(0, index + 1)) {
          expect(await store.execute([command])).toEqual([{ error: expect.stringContaining('WRONGTYPE') }]);
        }
      }
    }
  });

  it('take a count that cannot be read for a full one', async () => {
    const damage = ['x', '', '-5', 'nan', '7.5', ' 7', '0x10', '9'.repeat(400)];
    for (const [store, text] of [redis.store, memoryStore()].flatMap((each) =>
      damage.map((one) => [each, one] as const),
    )) {
      await store.execute([
        ['FLUSHALL'],
        ['EVAL', issueScript.lua, 4, ...KEYS, 'one', HOUR_MS, 100, 0],
        ['SET', FAILURES, text],
      ]);
      expect(
        await store.execute([['EVAL', verifyScript.lua, 3, CODE, FAILURES, GRANT, 'one', 5, 100, HOUR_MS, '']]),
      ).toEqual([['locked', -1]]);
      expect(await store.execute([['EVAL', issueScript.lua, 4, ...KEYS, 'one', HOUR_MS, 100, 0]])).toEqual([
        ['locked', -1],
      ]);
    }
  });
});
