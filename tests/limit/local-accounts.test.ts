import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ChargeMode, chargeScript, readRule } from '../../lib/limit/charge.ts';
import { createLocalAccounts } from '../../lib/limit/local-accounts.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';

/** Two permits, one a second. */
const GCRA = readRule('g:1000000:2:2:0:0');
const MINUTE = readRule('f:60000000:2:2:0:0');

const call = (cost: number, mode: ChargeMode = 'take') => ({ mode, cost, need: cost, id: '' });
const granted = ([first]: readonly number[]) => first === 1;

/** Few in one run, or nothing would be asked twice of one account while it lasts. */
const kinds = fc.array(fc.constantFrom('g', 'f', 's', 'b', 'l', 'c'), { minLength: 1, maxLength: 2 });
const rule = fc.record({
  periodMs: fc.integer({ min: 1, max: 50 }),
  capacity: fc.integer({ min: 1, max: 12 }),
  refill: fc.integer({ min: 1, max: 5 }),
});
const step = fc.record({
  gap: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 120 })),
  mode: fc.constantFrom<ChargeMode>('take', 'take', 'take', 'peek', 'give'),
  cost: fc.integer({ min: 0, max: 8 }),
  times: fc.integer({ min: 0, max: 3 }),
  /** Which of the last grants is given back. */
  ago: fc.integer({ min: 0, max: 2 }),
  rules: fc.tuple(rule, rule),
});

const twice = <T>(value: T): [T, T] => [value, value];

/** A slot that is over under the plan it was taken under, and not yet under another, in the last millisecond of its key. */
const slots = (gap: number, periodMs: number, times: number) => ({
  ...{ gap, mode: 'take' as const, cost: times, times, ago: 0 },
  rules: twice({ periodMs, capacity: 1, refill: 1 }),
});
const lastMillisecond = [slots(0, 2, 1), slots(2, 3, 0)];

describe('accounts in this process', () => {
  it('answer what the script answers on a store of its own, whatever is asked in whatever order', async () => {
    await fc.assert(
      fc.asyncProperty(kinds, fc.array(step, { minLength: 1, maxLength: 40 }), async (kinds, steps) => {
        const clock = manualClock();
        const accounts = createLocalAccounts(clock, 100);
        const store = memoryStore({ clock });
        const grants: string[] = [];
        for (const [index, { gap, mode, cost, times, ago, rules }] of steps.entries()) {
          clock.advance(gap);
          // Slots are given back under the id under which they were granted.
          if (mode === 'take') grants.push(`grant-${index}`);
          const id = grants.at(mode === 'take' ? -1 : -1 - ago) ?? '';
          const call = { mode, cost, need: cost * times, id };
          const texts = kinds.map((kind, at) => {
            const { periodMs, capacity, refill } = rules[at % 2] ?? rules[0];
            return `${kind}:${periodMs * 1_000}:${capacity}:${refill}:0:0`;
          });
          const keys = kinds.map((kind, at) => `${kind}${at}`);
          const [reply] = await store.execute([
            [
              'EVAL',
              chargeScript.lua,
              keys.length,
              ...keys,
              Math.floor(clock.monotonic() * 1_000),
              ...[mode, cost, call.need, call.id],
              ...texts,
            ],
          ]);
          expect(accounts.charge(call, keys, texts.map(readRule))).toEqual(reply);
        }
      }),
      { numRuns: 120, examples: [[['c'], lastMillisecond]] },
    );
  });

  it('count as the script in Redis does', () => {
    const clock = manualClock();
    const accounts = createLocalAccounts(clock, 10);
    expect(accounts.charge(call(1), ['a'], [GCRA])).toEqual([1, 1, 1, 1_000_000, 0]);
    expect(accounts.charge(call(1), ['a'], [GCRA])).toEqual([1, 1, 0, 2_000_000, 0]);
    expect(accounts.charge(call(1), ['a'], [GCRA])).toEqual([0, 0, 0, 2_000_000, 1_000_000]);
    clock.advance(1_000);
    expect(accounts.charge(call(1), ['a'], [GCRA])).toEqual([1, 1, 0, 2_000_000, 0]);
  });

  it('charge several keys or none', () => {
    const accounts = createLocalAccounts(manualClock(), 10);
    accounts.charge(call(2), ['full'], [GCRA]);
    expect(granted(accounts.charge(call(1), ['fresh', 'full'], [GCRA, GCRA]))).toBe(false);
    expect(accounts.charge(call(1, 'peek'), ['fresh'], [GCRA])).toEqual([1, 0, 2, 0, 0]);
  });

  it('do not hold anybody up when the wall clock is set back', () => {
    const clock = manualClock();
    const accounts = createLocalAccounts(clock, 10);
    accounts.charge(call(2), ['a'], [GCRA]);
    clock.jumpWall(-86_400_000);
    clock.advance(2_000);
    expect(granted(accounts.charge(call(2), ['a'], [GCRA]))).toBe(true);
  });

  it('give nothing away when the wall clock is set forward', () => {
    const clock = manualClock();
    const accounts = createLocalAccounts(clock, 10);
    for (const rule of [GCRA, MINUTE]) accounts.charge(call(2), [rule.kind], [rule]);
    clock.jumpWall(86_400_000);
    for (const rule of [GCRA, MINUTE]) expect(granted(accounts.charge(call(1), [rule.kind], [rule]))).toBe(false);
  });

  it('are bounded: what was unused for longest is forgotten, what is in use is not', () => {
    const accounts = createLocalAccounts(manualClock(), 3);
    accounts.charge(call(2), ['busy'], [MINUTE]);
    accounts.charge(call(2), ['idle'], [MINUTE]);
    for (let index = 0; index < 100; index += 1) {
      accounts.charge(call(1), [`stranger${index}`], [MINUTE]);
      expect(granted(accounts.charge(call(1), ['busy'], [MINUTE]))).toBe(false);
    }
    expect(granted(accounts.charge(call(2), ['idle'], [MINUTE]))).toBe(true);
  });

  it('are forgotten one by one or together', () => {
    const accounts = createLocalAccounts(manualClock(), 10);
    for (const key of ['a', 'b', 'c']) accounts.charge(call(2), [key], [GCRA]);
    accounts.forget('a');
    expect(['a', 'b'].map((key) => granted(accounts.charge(call(1), [key], [GCRA])))).toEqual([true, false]);
    accounts.clear();
    expect(['b', 'c'].map((key) => granted(accounts.charge(call(1), [key], [GCRA])))).toEqual([true, true]);
  });

  it('count what they have granted by the rule of the last grant, not of a look or a refusal since', () => {
    const accounts = createLocalAccounts(manualClock(90_500), 10);
    const SECOND = readRule('f:1000000:1:1:0:0');
    accounts.charge(call(2), ['a'], [MINUTE]);
    expect(accounts.taken('a')).toBe(2);
    accounts.charge(call(1, 'peek'), ['a'], [SECOND]);
    expect(accounts.taken('a')).toBe(2);
    expect(granted(accounts.charge(call(2), ['a'], [SECOND]))).toBe(false);
    expect(accounts.taken('a')).toBe(2);
  });

  it('give back what they have granted, but for slots, which end by themselves', () => {
    const accounts = createLocalAccounts(manualClock(), 10);
    const SLOTS = readRule('c:60000000:2:2:0:0');
    for (const [key, rule] of [['f', MINUTE] as const, ['c', SLOTS] as const]) {
      accounts.charge({ ...call(2), id: 'one' }, [key], [rule]);
      accounts.giveBack(key, 1);
    }
    expect([accounts.taken('f'), accounts.taken('c')]).toEqual([1, 0]);
    expect(granted(accounts.charge(call(1), ['f'], [MINUTE]))).toBe(true);
    expect(granted(accounts.charge({ ...call(1), id: 'other' }, ['c'], [SLOTS]))).toBe(false);
    accounts.giveBack('f', 3);
    expect([accounts.taken('f'), accounts.size]).toEqual([0, 1]);
  });
});
