import { describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import type { Quota } from '../../lib/client/quota.ts';
import { ConfigError } from '../../lib/errors.ts';
import { createLimiter } from '../../lib/limit/limiter.ts';
import { compilePolicy, isQuota, type Policy, withQuota } from '../../lib/limit/policy.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';

const DAY_MS = 86_400_000;

describe('a policy', () => {
  it('becomes the interval of one permit under gcra, rounded up, and the window under fixedWindow', () => {
    expect(compilePolicy({ name: 'p', limit: 7, windowMs: 1_000 }).rule).toEqual({
      name: 'p',
      algorithm: 'gcra',
      kind: 'g',
      limit: 7,
      windowMs: 1_000,
      capacity: 7,
      periodUs: 142_858,
      maxOverAdmission: 0,
      leaseMs: 0,
    });
    expect(compilePolicy({ name: 'p', algorithm: 'fixedWindow', limit: 7, windowMs: 1_000 }).rule).toMatchObject({
      capacity: 7,
      periodUs: 1_000_000,
    });
  });

  it('has its burst as capacity under gcra, and its limit under fixedWindow', () => {
    expect(compilePolicy({ name: 'p', limit: 7, windowMs: 1_000, burst: 2 }).rule.capacity).toBe(2);
    expect(
      compilePolicy({ name: 'p', algorithm: 'fixedWindow', limit: 7, windowMs: 1_000, burst: 2 }).rule.capacity,
    ).toBe(7);
  });

  it('keeps its name and algorithm under the numbers of a plan', () => {
    const rule = compilePolicy({ name: 'p', algorithm: 'fixedWindow', limit: 7, windowMs: 1_000 }).rule;
    expect(withQuota(rule, { limit: 9, windowMs: 2_000 })).toMatchObject({
      name: 'p',
      algorithm: 'fixedWindow',
      limit: 9,
      windowMs: 2_000,
      capacity: 9,
      periodUs: 2_000_000,
    });
  });

  it.each<[string, Partial<Policy>]>([
    ['policy.name', { name: '' }],
    ['policy.name', { name: 'a:b' }],
    ['policy.name', { name: '1a' }],
    ['policy.name', { name: 'a"b' }],
    ['policy.name', { name: 'x'.repeat(33) }],
    ['policy p: algorithm', { algorithm: 'leaky' as 'gcra' }],
    ['policy p: maxOverAdmission', { maxOverAdmission: -0.1 }],
    ['policy p: maxOverAdmission', { maxOverAdmission: 1.1 }],
    ['policy p: maxOverAdmission', { maxOverAdmission: Number.NaN }],
    ['policy p: maxOverAdmission', { maxOverAdmission: 0.1, algorithm: 'slidingLog' }],
    ['policy p: limit', { limit: 100_001, algorithm: 'slidingLog' }],
    ['policy p: limit', { limit: 100_001, algorithm: 'concurrency' }],
    ['policy p: limit', { limit: 0 }],
    ['policy p: limit', { limit: 1.5 }],
    ['policy p: limit', { limit: Number.POSITIVE_INFINITY }],
    ['policy p: limit', { limit: 1_000_001, windowMs: 1_000 }],
    ['policy p: windowMs', { windowMs: 0 }],
    ['policy p: windowMs', { windowMs: Number.NaN }],
    ['policy p: windowMs', { windowMs: 366 * DAY_MS + 1 }],
    ['policy p: burst', { burst: 0 }],
    ['policy p: burst', { burst: 1_000_000_001 }],
    ['policy p: burst', { limit: 1, windowMs: 365.25 * DAY_MS, burst: 101 }],
  ])('is refused with the name of what is wrong: %s %j', (setting, wrong) => {
    const policy = { name: 'p', limit: 10, windowMs: 60_000, ...wrong } as Policy;
    expect(() => compilePolicy(policy)).toThrow(expect.objectContaining({ code: 'CONFIG', setting }));
    const isNumber = wrong.name === undefined && wrong.algorithm === undefined && wrong.maxOverAdmission === undefined;
    if (isNumber) expect(isQuota(policy, 'g')).toBe(false);
  });

  it('is accepted at each of its bounds', () => {
    for (const quota of [
      { limit: 1, windowMs: 1 },
      { limit: 1_000_000, windowMs: 1_000 },
      { limit: 1_000_000_000, windowMs: 366 * DAY_MS },
      { limit: 1, windowMs: 365.25 * DAY_MS, burst: 100 },
    ]) {
      expect(isQuota(quota, 'g')).toBe(true);
      expect(Number.isSafeInteger(compilePolicy({ name: 'p', ...quota }).rule.periodUs)).toBe(true);
    }
  });

  it('counts exactly at its outermost bounds too', async () => {
    const kv = createKv({ store: memoryStore() });
    const limiter = createLimiter({ kv, policies: [{ name: 'p', limit: 1, windowMs: 365.25 * DAY_MS, burst: 100 }] });
    expect(await limiter.check({ p: 'a' }, { cost: 100 })).toMatchObject({ allowed: true, remaining: 0 });
    const [text, ttlMs] = await kv.execute([
      ['GET', 'ratelimit:p:a'],
      ['PTTL', 'ratelimit:p:a'],
    ]);
    expect(text).toMatch(/^\d{16}:31557600000000:100$/);
    expect(ttlMs).toBeGreaterThan(99 * 365 * DAY_MS);
  });

  it.each([
    [null],
    ['x'],
    [5],
    [[]],
    [{}],
    [{ limit: 1 }],
    [{ limit: '1', windowMs: '1000' }],
    [{ limit: 1, windowMs: 1_000, burst: null }],
  ])('is not made of what is no plan: %j', (quota) => {
    expect(isQuota(quota as Quota, 'g')).toBe(false);
  });

  it('cannot stand twice under one name', () => {
    const kv = createKv({ store: memoryStore() });
    const policy = { name: 'p', limit: 1, windowMs: 1_000 };
    expect(() => createLimiter({ kv, policies: [policy, policy] })).toThrow(ConfigError);
  });
});
