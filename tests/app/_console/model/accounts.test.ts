import { describe, expect, it } from 'vitest';
import { type AccountRow, MAX_ROWS, passingKeys, rowsAfter } from '../../../../app/_console/model/accounts.ts';
import { account, STARTED_AT } from '../../../support/looks.ts';

const AT = STARTED_AT;
const labels = (rows: readonly (AccountRow | null)[]) => rows.map((row) => row?.account.label ?? null);
const accounts = (...names: string[]) => names.map((name) => account(name));

describe('the rows of the table', () => {
  it('stay where they are, whoever is the busiest by now', () => {
    const rows = rowsAfter([], accounts('a', 'b', 'c'), AT);
    expect(labels(rowsAfter(rows, accounts('c', 'a', 'b'), AT))).toEqual(['a', 'b', 'c']);
  });

  it('make room when somebody goes, and the next who comes takes it', () => {
    const rows = rowsAfter([], accounts('a', 'b', 'c'), AT);
    const without = rowsAfter(rows, accounts('c', 'a'), AT);
    expect(labels(without)).toEqual(['a', null, 'c']);
    expect(labels(rowsAfter(without, accounts('d', 'e', 'c', 'a'), AT))).toEqual(['a', 'd', 'c', 'e']);
  });

  it('end with a row that holds somebody', () => {
    const rows = rowsAfter([], accounts('a', 'b', 'c'), AT);
    expect(labels(rowsAfter(rows, accounts('a'), AT))).toEqual(['a']);
  });

  it('are the busiest, and no more than fit', () => {
    const many = Array.from({ length: MAX_ROWS + 3 }, (_, at) => account(`key_${at}`));
    const rows = rowsAfter([], many, AT);
    expect(labels(rows)).toEqual(many.slice(0, MAX_ROWS).map(({ label }) => label));
    const other = Array.from({ length: MAX_ROWS }, (_, at) => account(`key_x${at}`));
    expect(rowsAfter(rows, other, AT)).toHaveLength(MAX_ROWS);
  });

  it('are one for each policy of a key', () => {
    const both = [account('a', { policy: 'minute' }), account('a', { policy: 'day' })];
    expect(rowsAfter([], both, AT)).toHaveLength(2);
  });

  it('forget who has not asked for two minutes', () => {
    expect(rowsAfter([], accounts('a'), AT + 119_999)).toHaveLength(1);
    expect(rowsAfter([], accounts('a'), AT + 120_000)).toHaveLength(0);
  });

  it('count the time to wait down from when it was told', () => {
    const limited = account('a', { retryAfterMs: 5_000 });
    expect(rowsAfter([], [limited], AT + 4_000)[0]?.retryInMs).toBe(1_000);
    expect(rowsAfter([], [limited], AT + 5_000)[0]?.retryInMs).toBeNull();
    expect(rowsAfter([], accounts('a'), AT)[0]?.retryInMs).toBeNull();
  });
});

describe('how many known keys pass', () => {
  const passing = (...busiest: ReturnType<typeof account>[]) => passingKeys(rowsAfter([], busiest, AT), AT);

  it('counts keys, not addresses, and only since it is asked for', () => {
    expect(passing(account('key_a'), account('key_b'), account('203.0.113.x'))).toEqual({ passing: 2, of: 2 });
    expect(passing(account('key_a', { at: AT - 1 }))).toBeNull();
  });

  it('counts a key once, and as limited when one of its policies is used up', () => {
    const limited = account('key_a', { policy: 'day', retryAfterMs: 1_000 });
    expect(passing(account('key_a'), limited, account('key_b'))).toEqual({ passing: 1, of: 2 });
  });

  it('is unknown where no key has asked', () => {
    expect(passing(account('203.0.113.x'))).toBeNull();
  });
});
