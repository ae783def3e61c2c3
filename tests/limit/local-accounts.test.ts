import { describe, expect, it } from 'vitest';
import { createLocalAccounts } from '../../lib/limit/local-accounts.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';

/** Two permits, one a second. */
const GCRA = ['g', '1000000', '2'];
const MINUTE = ['f', '60000000', '2'];

const granted = ([first]: readonly number[]) => first === 1;

describe('accounts in this process', () => {
  it('count as the script in Redis does', () => {
    const clock = manualClock();
    const accounts = createLocalAccounts(clock, 10);
    expect(accounts.charge(['a'], 1, GCRA)).toEqual([1, 1, 1_000_000, 0]);
    expect(accounts.charge(['a'], 1, GCRA)).toEqual([1, 0, 2_000_000, 0]);
    expect(accounts.charge(['a'], 1, GCRA)).toEqual([0, 0, 2_000_000, 1_000_000]);
    clock.advance(1_000);
    expect(accounts.charge(['a'], 1, GCRA)).toEqual([1, 0, 2_000_000, 0]);
  });

  it('charge several keys or none', () => {
    const accounts = createLocalAccounts(manualClock(), 10);
    accounts.charge(['full'], 2, GCRA);
    expect(granted(accounts.charge(['fresh', 'full'], 1, [...GCRA, ...GCRA]))).toBe(false);
    expect(accounts.charge(['fresh'], -1, GCRA)).toEqual([1, 2, 0, 0]);
  });

  it('do not hold anybody up when the wall clock is set back', () => {
    const clock = manualClock();
    const accounts = createLocalAccounts(clock, 10);
    accounts.charge(['a'], 2, GCRA);
    clock.jumpWall(-86_400_000);
    clock.advance(2_000);
    expect(granted(accounts.charge(['a'], 2, GCRA))).toBe(true);
  });

  it('give nothing away when the wall clock is set forward', () => {
    const clock = manualClock();
    const accounts = createLocalAccounts(clock, 10);
    for (const rule of [GCRA, MINUTE]) accounts.charge([rule[0] ?? ''], 2, rule);
    clock.jumpWall(86_400_000);
    for (const rule of [GCRA, MINUTE]) expect(granted(accounts.charge([rule[0] ?? ''], 1, rule))).toBe(false);
  });

  it('are bounded: what was unused for longest is forgotten, what is in use is not', () => {
    const accounts = createLocalAccounts(manualClock(), 3);
    accounts.charge(['busy'], 2, MINUTE);
    accounts.charge(['idle'], 2, MINUTE);
    for (let index = 0; index < 100; index += 1) {
      accounts.charge([`stranger${index}`], 1, MINUTE);
      expect(granted(accounts.charge(['busy'], 1, MINUTE))).toBe(false);
    }
    expect(granted(accounts.charge(['idle'], 2, MINUTE))).toBe(true);
  });

  it('are forgotten one by one or together', () => {
    const accounts = createLocalAccounts(manualClock(), 10);
    for (const key of ['a', 'b', 'c']) accounts.charge([key], 2, GCRA);
    accounts.forget('a');
    expect(['a', 'b'].map((key) => granted(accounts.charge([key], 1, GCRA)))).toEqual([true, false]);
    accounts.clear();
    expect(['b', 'c'].map((key) => granted(accounts.charge([key], 1, GCRA)))).toEqual([true, true]);
  });
});
