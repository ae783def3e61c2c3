import fc from 'fast-check';
import { type BareItem, isInnerList, parseList } from 'structured-headers';
import { describe, expect, it } from 'vitest';
import {
  checkRateHeaderOptions,
  type RateHeaderOptions,
  rateHeaders,
  retryAfter,
  seconds,
} from '../../lib/guard/rate-headers.ts';
import type { Algorithm } from '../../lib/limit/policy.ts';
import { type Basis, type PolicyResult, summarise } from '../../lib/limit/result.ts';

const policy = (fields: Partial<PolicyResult> = {}): PolicyResult => ({
  policy: 'ip',
  algorithm: 'gcra',
  allowed: true,
  limit: 100,
  windowMs: 60_000,
  remaining: 99,
  resetAfterMs: 600,
  retryAfterMs: undefined,
  ...fields,
});
const fieldsOf = (policies: readonly PolicyResult[], options: RateHeaderOptions = {}) =>
  Object.fromEntries(rateHeaders(summarise(policies, 'store', 0), { random: () => 0, ...options }));
const headersOf = (...policies: PolicyResult[]) => fieldsOf(policies);

/** What an independent parser of RFC 9651 makes of a field: its items with their parameters. */
function items(field: string | undefined): readonly (readonly [BareItem, Readonly<Record<string, BareItem>>])[] {
  return parseList(field ?? '').map((member) => {
    if (isInnerList(member)) throw new Error('an inner list');
    return [member[0], Object.fromEntries(member[1])];
  });
}

/** The parameters as one text, whatever spaces stand between the items of a field. */
const told = (field: string | undefined) => JSON.stringify(items(field));

describe('the rate headers', () => {
  it('say what is offered and what is left, in whole seconds rounded up', () => {
    expect(headersOf(policy())).toEqual({ 'ratelimit-policy': '"ip";q=100;w=60', ratelimit: '"ip";r=99;t=60' });
  });

  it('name every policy', () => {
    const key = policy({ policy: 'key', limit: 5, windowMs: 1_500, remaining: 2, resetAfterMs: 900 });
    expect(headersOf(policy(), key)).toEqual({
      'ratelimit-policy': '"ip";q=100;w=60, "key";q=5;w=2',
      ratelimit: '"ip";r=99;t=60, "key";r=2;t=1',
    });
  });

  it.each([
    [99, 60],
    [50, 30],
    [2, 2],
    [1, 1],
    [0, 1],
  ])('never invite a pace above that of the refills: %d left are told to last %d s', (remaining, t) => {
    expect(headersOf(policy({ remaining })).ratelimit).toBe(`"ip";r=${remaining};t=${t}`);
  });

  it.each([
    ['fixedWindow', 10, 50_000, 50],
    ['fixedWindow', 0, 50_000, 50],
    // Fifty in the last five seconds of a window are no promise of ten a second.
    ['fixedWindow', 50, 5_000, 30],
    ['gcra', 10, 50_000, 6],
  ] as const)('of a policy by %s with %d left and %d ms until all are back say t=%d', (algorithm, remaining, ms, t) => {
    const { ratelimit } = fieldsOf([policy({ algorithm, remaining, resetAfterMs: ms })]);
    expect(ratelimit).toBe(`"ip";r=${remaining};t=${t}`);
  });

  it('say on refusal when to come back, and never a second too early', () => {
    const refused = policy({ allowed: false, remaining: 0, resetAfterMs: 60_000, retryAfterMs: 20_001 });
    expect(headersOf(refused)).toMatchObject({ ratelimit: '"ip";r=0;t=21', 'retry-after': '21' });
  });

  it('keep what is left of a policy that refused a cost above it', () => {
    const refused = policy({ allowed: false, remaining: 3, retryAfterMs: 1_200 });
    expect(headersOf(refused)).toMatchObject({ ratelimit: '"ip";r=3;t=2', 'retry-after': '2' });
  });

  it('tell on refusal of the policies that refused alone, so that no window told ends after Retry-After', () => {
    const refused = policy({ policy: 'key', allowed: false, remaining: 0, retryAfterMs: 2_000 });
    expect(headersOf(policy(), refused)).toEqual({
      'ratelimit-policy': '"ip";q=100;w=60, "key";q=100;w=60',
      ratelimit: '"key";r=0;t=2',
      'retry-after': '2',
    });
  });

  it('name no time to come back for what can never be granted', () => {
    expect(headersOf(policy({ allowed: false, remaining: 1 }))).toEqual({
      'ratelimit-policy': '"ip";q=100;w=60',
      ratelimit: '"ip";r=1;t=1',
    });
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

describe('the structured fields', () => {
  const name = fc.oneof(
    fc.constantFrom('ip', 'per-minute', 'a"b\\c', '"', '\\', 'é', ' ', '\r\n', '\u0000', '\ud800'),
    fc.string(),
  );
  const ms = fc.integer({ min: 0, max: 36_525 * 86_400_000 });
  const left = fc.record({
    policy: name,
    algorithm: fc.constantFrom<Algorithm>('gcra', 'fixedWindow', 'slidingLog'),
    allowed: fc.boolean(),
    limit: fc.integer({ min: 1, max: 1_000_000_000 }),
    windowMs: fc.integer({ min: 1, max: 366 * 86_400_000 }),
    remaining: fc.option(fc.nat(1_000_000_000), { nil: undefined }),
    resetAfterMs: fc.option(ms, { nil: undefined }),
    retryAfterMs: fc.option(ms, { nil: undefined }),
  });
  const results = fc
    .tuple(fc.array(left, { minLength: 1, maxLength: 5 }), fc.constantFrom<Basis>('store', 'local', 'policy'))
    .map(([policies, basis]) => {
      const granted = policies.every(({ allowed }) => allowed);
      const whole = policies.map((one) => ({ ...one, retryAfterMs: one.allowed ? undefined : one.retryAfterMs }));
      return { granted, result: summarise(whole, basis, 1_800_000_000_000) };
    });

  it('are Lists of Strings with integers, for every result', () => {
    fc.assert(
      fc.property(results, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (made, draw) => {
        const { granted, result } = made;
        const fields = new Map(rateHeaders(result, { headers: ['draft-11', 'legacy'], random: () => draw }));
        const offered = items(fields.get('ratelimit-policy'));
        expect(offered).toHaveLength(result.policies.length);
        for (const [value, { q, w, ...more }] of offered) {
          expect([typeof value, Number.isSafeInteger(q), Number.isSafeInteger(w), more]).toEqual([
            'string',
            true,
            true,
            {},
          ]);
          expect(w).toBeGreaterThan(0);
        }
        const names = offered.map(([value]) => value);
        for (const [value, { r, t, ...more }] of items(fields.get('ratelimit'))) {
          expect(names).toContain(value);
          expect([Number.isSafeInteger(r), Number.isSafeInteger(t), more]).toEqual([true, true, {}]);
          expect(Math.min(Number(r), Number(t))).toBeGreaterThanOrEqual(0);
          const wait = fields.get('retry-after');
          if (!granted && wait !== undefined) expect(Number(wait)).toBeGreaterThanOrEqual(waitOf(result.policies));
        }
        for (const [field, value] of fields) if (/^x-|^retry/.test(field)) expect(value).toMatch(/^\d+$/);
        // None of them can end a header and begin another.
        expect(() => new Headers([...fields])).not.toThrow();
      }),
      { numRuns: 500 },
    );
  });

  /** Of those that will fit at all; seconds that a client has to wait at least. */
  const waitOf = (policies: readonly PolicyResult[]) =>
    Math.max(
      ...policies.map(({ allowed, retryAfterMs }) => (allowed || retryAfterMs === undefined ? 0 : retryAfterMs)),
    ) / 1_000;

  it('carry a printable name as it is, escaped as a String wants it', () => {
    for (const text of ['ip', 'a"b', 'a\\b', '"\\"', '~ !']) {
      expect(items(headersOf(policy({ policy: text })).ratelimit)[0]?.[0]).toBe(text);
    }
    expect(headersOf(policy({ policy: 'a"b' })).ratelimit).toBe('"a\\"b";r=99;t=60');
  });

  it.each<[string, string, Partial<PolicyResult>]>([
    // Sections 3.2 and 4.2.
    ['"default";q=100;w=60', '"default";r=50;t=30', { policy: 'default', remaining: 50 }],
    // Appendix B.1.3: a window, of which 58 s are left; B.1.2: one of a day, of which 10 h are left.
    ['"basic";q=100;w=60', '"basic";r=60;t=58', { policy: 'basic', remaining: 60, resetAfterMs: 58_000 }],
    [
      '"dayLimit";q=5000;w=86400',
      '"dayLimit";r=100;t=36000',
      { policy: 'dayLimit', limit: 5_000, windowMs: 86_400_000, remaining: 100, resetAfterMs: 36_000_000 },
    ],
    // Appendix B.2.3: refused, for 20 s.
    [
      '"dynamic";q=15;w=20',
      '"dynamic";r=0;t=20',
      { policy: 'dynamic', allowed: false, limit: 15, windowMs: 20_000, remaining: 0, retryAfterMs: 20_000 },
    ],
  ])('write what the draft writes: %s and %s', (offered, available, one) => {
    const algorithm = one.policy === 'dynamic' ? 'gcra' : 'fixedWindow';
    expect(fieldsOf([policy({ ...one, algorithm })])).toMatchObject({
      'ratelimit-policy': offered,
      ratelimit: available,
    });
  });

  it('write several policies as the draft does', () => {
    const minute = policy({ policy: 'permin', limit: 50 });
    const hour = policy({ policy: 'perhr', limit: 1_000, windowMs: 3_600_000 });
    expect(told(headersOf(minute, hour)['ratelimit-policy'])).toBe(told('"permin";q=50;w=60,"perhr";q=1000;w=3600'));
  });
});

describe('the legacy headers', () => {
  it('are those of the policy that binds most, with the reset in Unix seconds', () => {
    const key = policy({ policy: 'key', limit: 5, remaining: 2, resetAfterMs: 1_001 });
    const fields = rateHeaders(summarise([policy(), key], 'store', 1_800_000_000_000), { headers: ['legacy'] });
    expect(Object.fromEntries(fields)).toEqual({
      'x-ratelimit-limit': '5',
      'x-ratelimit-remaining': '2',
      'x-ratelimit-reset': '1800000002',
    });
  });

  it('come beside the structured fields, or nothing comes but Retry-After', () => {
    expect(Object.keys(fieldsOf([policy()], { headers: ['draft-11', 'legacy'] }))).toEqual([
      'ratelimit-policy',
      'ratelimit',
      'x-ratelimit-limit',
      'x-ratelimit-remaining',
      'x-ratelimit-reset',
    ]);
    expect(fieldsOf([policy()], { headers: [] })).toEqual({});
    const refused = policy({ allowed: false, remaining: 0, retryAfterMs: 5_000 });
    expect(fieldsOf([refused], { headers: [] })).toEqual({ 'retry-after': '5' });
  });

  it('say nothing of what is not known', () => {
    expect(fieldsOf([policy({ remaining: undefined, resetAfterMs: undefined })], { headers: ['legacy'] })).toEqual({
      'x-ratelimit-limit': '100',
    });
  });
});

describe('Retry-After', () => {
  it.each([
    [0, 0, '1'],
    [1, 0, '1'],
    [1_000, 0, '1'],
    [1_001, 0, '2'],
    [1_000, 0.5, '1'],
    [1_000, 0.999, '2'],
    [10_000, 0.5, '11'],
    [10_000, 0.999, '11'],
    [60_000, 0.999, '66'],
    [3_600_000, 0.5, '3630'],
    [86_400_000, 0.999, '86460'],
  ])('for %d ms and the draw %d is %s: a tenth longer at most, and a minute', (ms, draw, expected) => {
    expect(retryAfter(ms, { random: () => draw })).toBe(expected);
  });

  it('is exact without jitter', () => {
    expect(retryAfter(60_000, { retryJitter: 0, random: () => 0.999 })).toBe('60');
  });

  it('is never shorter than the true wait, whatever is drawn', () => {
    fc.assert(
      fc.property(fc.nat(10_000_000_000), fc.double({ min: 0, max: 1, noNaN: true }), (ms, retryJitter) => {
        const wait = Number(retryAfter(ms, { retryJitter }));
        expect(wait * 1_000).toBeGreaterThanOrEqual(ms);
        expect(wait).toBeLessThanOrEqual(seconds(ms) + 61);
      }),
    );
  });
});

describe('the options of the headers', () => {
  it.each([
    ['headers', { headers: ['draft-12'] }],
    ['headers', { headers: ['constructor'] }],
    ['headers', { headers: 'draft-11' }],
    ['retryJitter', { retryJitter: -0.1 }],
    ['retryJitter', { retryJitter: 1.1 }],
    ['retryJitter', { retryJitter: Number.NaN }],
  ])('are refused with a word about %s: %j', (setting, options) => {
    expect(() => checkRateHeaderOptions(options as RateHeaderOptions)).toThrow(
      expect.objectContaining({ code: 'CONFIG', setting }),
    );
  });

  it('are taken as documented', () => {
    const good: readonly RateHeaderOptions[] = [
      {},
      { headers: ['draft-11', 'legacy'], retryJitter: 1 },
      { headers: [] },
    ];
    for (const options of good) expect(() => checkRateHeaderOptions(options)).not.toThrow();
  });
});
