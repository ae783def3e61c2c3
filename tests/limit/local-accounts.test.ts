import { describe, expect, it } from 'vitest';
import { type ChargeMode, readRule } from '../../lib/limit/charge.ts';
import { createLocalAccounts } from '../../lib/limit/local-accounts.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';

/** Two permits, one a second. */
const GCRA = readRule('g:1000000:2:2:0:0');
const MINUTE = readRule('f:60000000:2:2:0:0');

const call = (cost: number, mode: ChargeMode = 'take') => ({ mode, cost, need: cost, id: '' });
const granted = ([first]: readonly number[]) => first === 1;

describe('accounts in this process', () => {
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
});
