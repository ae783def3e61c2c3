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

const rule = fc.record({
  kind: fc.constantFrom('g', 'f'),
  periodUs: fc.integer({ min: HOUR_US, max: 400 * HOUR_US }),
  capacity: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 1_000 })),
});

const check = fc.record({
  cost: fc.oneof(fc.integer({ min: -5, max: 8 }), fc.integer({ min: 0, max: 1_200 })),
  atUs: fc.oneof(fc.integer({ min: 0, max: 1_000 }), fc.integer({ min: -500 * HOUR_US, max: 5_000 * HOUR_US })),
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

/** Far enough from the end of every window that is counted. */
const isSteady = ({ rules, atUs }: Check) =>
  rules.every(({ kind, periodUs }) => kind === 'g' || periodUs - ((NOW_US + atUs) % periodUs) > SLACK_US);

const toCommand = ({ cost, atUs, rules }: Check): Command => [
  'EVAL',
  chargeScript.lua,
  rules.length,
  ...KEYS.slice(0, rules.length),
  NOW_US + atUs,
  cost,
  ...rules.flatMap(({ kind, periodUs, capacity }) => [kind, periodUs, capacity]),
];

const stateOf = (store: Store) => store.execute([['MGET', ...KEYS]]);

describe('the charge script', () => {
  const redis = realRedis();

  it('answers and writes in Lua on a real Redis what its twin answers and writes, whatever is asked in whatever order', async () => {
    const checks = fc.array(check.filter(isSteady), { minLength: 1, maxLength: 25 });
    await fc.assert(
      fc.asyncProperty(checks, async (sequence) => {
        await redis.store.execute([['FLUSHALL']]);
        const memory = memoryStore();
        for (const one of sequence) {
          const command = toCommand(one);
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
        for (const key of KEYS) {
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
      1,
      'g',
      1e9,
      5,
      'g',
      1e9,
      5,
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
    const command: Command = ['EVAL', chargeScript.lua, 1, 'ratelimit:a', '', 1, 'g', HOUR_US, 5];
    for (const store of [redis.store, memoryStore()]) {
      expect(await store.execute([command])).toEqual([[1, 4, HOUR_US, 0]]);
    }
  });
});
