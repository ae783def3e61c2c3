import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chargeScript } from '../../lib/limit/charge.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import type { Command, Store } from '../../lib/store/store.ts';
import { contentsOf, realRedis } from '../support/every-store.ts';

const KEYS = ['ratelimit:a', 'ratelimit:b', 'ratelimit:c'];
const NOW_US = 1_700_000_000_123_457;
/** Real time passes in Redis, so nothing may be about to expire there. */
const HOUR_US = 3_600_000_000;
const SLACK_US = 60_000_000;

const QUARTER_US = HOUR_US / 4;

const rule = fc.record({
  kind: fc.constantFrom('g', 'f', 's', 'b', 'l', 'c'),
  hours: fc.integer({ min: 1, max: 400 }),
  capacity: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 1_000 })),
  refill: fc.integer({ min: 1, max: 5 }),
  want: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 40 })),
  owed: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(20) }),
});

const check = fc.record({
  mode: fc.oneof(
    { weight: 4, arbitrary: fc.constant('take') },
    { weight: 1, arbitrary: fc.constantFrom('peek', 'give') },
  ),
  cost: fc.oneof(fc.integer({ min: 0, max: 8 }), fc.integer({ min: 0, max: 1_200 })),
  times: fc.integer({ min: 0, max: 4 }),
  id: fc.constantFrom('x', 'y'),
  quarters: fc.oneof(fc.integer({ min: 0, max: 5 }), fc.integer({ min: -2_000, max: 20_000 })),
  rules: fc.array(rule, { minLength: 1, maxLength: KEYS.length }),
});

type Check = typeof check extends fc.Arbitrary<infer T> ? T : never;

const damaged = fc.constantFrom(
  '',
  'x',
  '5',
  '-5:3',
  '1e9:4',
  'inf:1',
  'nan:nan',
  '0x10:2',
  '5:0',
  ' 7:7',
  '9:9:9:9',
  'x:9:9',
  ':',
);

/** Times a quarter of an hour apart, and a microsecond more from check to check: no account is about to expire. */
const timeOf = ({ quarters }: Check, index: number) => NOW_US + quarters * QUARTER_US + index;

/** Far enough from the end of every window that is counted. */
const isSteady = ({ rules, quarters }: Check) =>
  rules.every(({ kind, hours }) => {
    const period = hours * HOUR_US;
    return kind !== 'f' || period - ((NOW_US + quarters * QUARTER_US) % period) > SLACK_US;
  });

/** Each kind has keys of its own, as the limiter gives them. */
const keyOf = (kind: string, index: number) => `ratelimit:${'abc'[index]}.${kind}`;
const KEYS_OF_KINDS = [...'gfsblc'].flatMap((kind) => KEYS.map((_, index) => keyOf(kind, index)));

const toCommand = (one: Check, index = 0): Command => [
  'EVAL',
  chargeScript.lua,
  one.rules.length,
  ...one.rules.map(({ kind }, at) => keyOf(kind, at)),
  timeOf(one, index),
  one.mode,
  one.cost,
  one.cost * one.times,
  one.id,
  ...one.rules.map(({ kind, hours, capacity, refill, want, owed }) =>
    [kind, hours * HOUR_US, capacity, refill, kind === 'g' ? want : 0, owed].join(':'),
  ),
];

const stateOf = async (store: Store) => {
  const types = await store.execute(KEYS_OF_KINDS.map((key): Command => ['TYPE', key]));
  return store.execute(
    KEYS_OF_KINDS.map(
      (key, index): Command => (types[index] === 'zset' ? ['ZRANGE', key, 0, -1, 'WITHSCORES'] : ['GET', key]),
    ),
  );
};

describe('the charge script', () => {
  const redis = realRedis();

  it('answers and writes in Lua on a real Redis what its twin answers and writes, whatever is asked in whatever order', async () => {
    const checks = fc.array(check.filter(isSteady), { minLength: 1, maxLength: 25 });
    await fc.assert(
      fc.asyncProperty(checks, async (sequence) => {
        await redis.store.execute([['FLUSHALL']]);
        const memory = memoryStore();
        for (const [index, one] of sequence.entries()) {
          const command = toCommand(one, index);
          expect(await redis.store.execute([command])).toEqual(await memory.execute([command]));
          expect(await stateOf(redis.store)).toEqual(await stateOf(memory));
        }
        for (const { ttlMs } of (await contentsOf(redis.store)).values()) expect(ttlMs).toBeGreaterThan(0);
      }),
      { numRuns: 120 },
    );
  });

  it('takes a damaged value for none, in both', async () => {
    await fc.assert(
      fc.asyncProperty(damaged, check.filter(isSteady), async (value, one) => {
        await redis.store.execute([['FLUSHALL']]);
        const fresh = memoryStore();
        const memory = memoryStore();
        for (const key of KEYS_OF_KINDS.filter((name) => !/[lc]$/.test(name))) {
          for (const store of [redis.store, memory]) await store.execute([['SET', key, value]]);
        }
        const [reply] = await fresh.execute([toCommand(one)]);
        expect(await redis.store.execute([toCommand(one)])).toEqual([reply]);
        expect(await memory.execute([toCommand(one)])).toEqual([reply]);
      }),
      { numRuns: 60 },
    );
  });

  it('leaves a key of another type alone and fails as a whole, in both', async () => {
    const command: Command = [
      'EVAL',
      chargeScript.lua,
      2,
      'ratelimit:a',
      'ratelimit:b',
      NOW_US,
      'take',
      1,
      1,
      '',
      'g:1000000000:5:5:0:0',
      'g:1000000000:5:5:0:0',
    ];
    for (const store of [redis.store, memoryStore()]) {
      await store.execute([['RPUSH', 'ratelimit:b', 'x']]);
      expect(await store.execute([command])).toEqual([{ error: expect.stringContaining('WRONGTYPE') }]);
      expect(
        await store.execute([
          ['EXISTS', 'ratelimit:a'],
          ['LLEN', 'ratelimit:b'],
        ]),
      ).toEqual([0, 1]);
    }
  });

  it("reads the server's clock where it is given none", async () => {
    const command: Command = ['EVAL', chargeScript.lua, 1, 'ratelimit:a', '', 'take', 1, 1, '', `g:${HOUR_US}:5:5:0:0`];
    for (const store of [redis.store, memoryStore()]) {
      expect(await store.execute([command])).toEqual([[1, 1, 4, HOUR_US, 0]]);
    }
  });
});
