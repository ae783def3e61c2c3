import { describe, expect, it } from 'vitest';
import { rateHeaders, seconds } from '../../lib/guard/rate-headers.ts';
import type { LimitResult, PolicyResult } from '../../lib/limit/result.ts';
import { summarise } from '../../lib/limit/result.ts';

const policy = (fields: Partial<PolicyResult> = {}): PolicyResult => ({
  policy: 'ip',
  allowed: true,
  limit: 100,
  windowMs: 60_000,
  remaining: 99,
  resetAfterMs: 600,
  retryAfterMs: undefined,
  ...fields,
});
const headersOf = (...policies: PolicyResult[]) =>
  Object.fromEntries(rateHeaders(summarise(policies, 'store', 0) as LimitResult));

describe('the rate headers', () => {
  it('say what is offered and what is left, in whole seconds rounded up', () => {
    expect(headersOf(policy())).toEqual({ 'ratelimit-policy': '"ip";q=100;w=60', ratelimit: '"ip";r=99;t=1' });
  });

  it('name every policy', () => {
    const key = policy({ policy: 'key', limit: 5, windowMs: 1_500, remaining: 2, resetAfterMs: 1_001 });
    expect(headersOf(policy(), key)).toEqual({
      'ratelimit-policy': '"ip";q=100;w=60, "key";q=5;w=2',
      ratelimit: '"ip";r=99;t=1, "key";r=2;t=2',
    });
  });

  it('say on refusal when to come back, and never a second too early', () => {
    const refused = policy({ allowed: false, remaining: 0, resetAfterMs: 60_000, retryAfterMs: 20_001 });
    expect(headersOf(refused)).toMatchObject({ ratelimit: '"ip";r=0;t=21', 'retry-after': '21' });
  });

  it('name no time for what can never be granted', () => {
    expect(headersOf(policy({ allowed: false }))).not.toHaveProperty('retry-after');
  });

  it('say nothing of what is not known', () => {
    expect(headersOf(policy({ remaining: undefined, resetAfterMs: undefined }))).toEqual({
      'ratelimit-policy': '"ip";q=100;w=60',
    });
  });

  it.each([
    [0, 0],
    [1, 1],
    [999, 1],
    [1_000, 1],
    [1_001, 2],
  ])('count %d ms as %d s', (ms, expected) => {
    expect(seconds(ms)).toBe(expected);
  });
});
