import { describe, expect, it } from 'vitest';
import { revocationBound, tabulateKeys } from '../../../cli/keys/output.ts';

describe('what is said of a revocation', () => {
  const bounds = { entryTtlMs: 300_000, freshMs: 10_000 };

  it.each([
    [true, 'Other processes refuse it as soon as they ask Redis, within 10 s'],
    [false, 'Redis could not be told: other processes may let it pass on what is cached, for at most 310 s'],
  ])('is its bound, whether it was propagated (%s) or not', (propagated, said) => {
    expect(revocationBound({ revoked: true, propagated }, bounds)).toBe(said);
  });
});

describe('a table of keys', () => {
  it('has a line for each, also of more than a call takes arguments', () => {
    const record = {
      scopes: [],
      limits: {},
      config: null,
      dailyQuota: null,
      generation: 1,
      createdAt: 0,
      expiresAt: null,
    };
    const key = { ...record, id: 'key_AbCdEf0123456789', owner: 'acme', display: 'bw_live_…Zk1Y' };
    expect(tabulateKeys(Array.from({ length: 150_000 }, () => key))).toHaveLength(150_001);
  });
});
