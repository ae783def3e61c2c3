import { describe, expect, it, vi } from 'vitest';
import { getDefaults } from '../lib/default-client.ts';
import { type Basis, summarise } from '../lib/limit/result.ts';
import {
  checkRateLimit,
  clearAllRateLimits,
  defineLimits,
  getRateLimitStatus,
  getRateLimitStoreSize,
  RateLimitError,
  rateLimit,
  rateLimitByApiKey,
  rateLimitByIp,
  rateLimitCombined,
  resetRateLimit,
} from '../lib/rate-limit.ts';
import { forgetDefaults, useDefaultEnvironment } from './support/default-environment.ts';

const HOUR_MS = 3_600_000;

useDefaultEnvironment({ CLIENT_IP_SOURCE: 'vercel' });

const request = (headers: Record<string, string>) => new Request('https://example.test/', { headers });

async function errorOf(work: Promise<unknown>): Promise<RateLimitError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof RateLimitError)) throw new Error('no RateLimitError');
  return error;
}

describe('checkRateLimit', () => {
  it('is true while there is something left, and false after', async () => {
    expect(await checkRateLimit('u', 2, HOUR_MS)).toBe(true);
    expect(await checkRateLimit('u', 2, HOUR_MS)).toBe(true);
    expect(await checkRateLimit('u', 2, HOUR_MS)).toBe(false);
    expect(await checkRateLimit('v', 2, HOUR_MS)).toBe(true);
  });

  it('refuses a window under a second, which is one of seconds by mistake, unless that is meant', async () => {
    await expect(checkRateLimit('u', 2, 60)).rejects.toThrow(/milliseconds.*subSecond/);
    await expect(checkRateLimit('u', 2, 999)).rejects.toMatchObject({ code: 'CONFIG', setting: 'windowMs' });
    expect(await checkRateLimit('u', 2, 1_000)).toBe(true);
    expect(await checkRateLimit('w', 2, 60, { subSecond: true })).toBe(true);
  });

  it('takes an operation by name, and says the limit and the minutes to wait', async () => {
    defineLimits({ send: { max: 2, windowMs: HOUR_MS }, slow: { max: 1, windowMs: 30_000 } });
    await expect(checkRateLimit('u', 'send')).resolves.toBeUndefined();
    await checkRateLimit('u', 'send');
    const error = await errorOf(checkRateLimit('u', 'send'));
    expect(error.message).toBe('Rate limit of 2 requests exceeded. Try again in 30 minutes.');
    await expect(checkRateLimit('v', 'send')).resolves.toBeUndefined();
    await checkRateLimit('u', 'slow');
    expect((await errorOf(checkRateLimit('u', 'slow'))).message).toContain('Try again in 1 minute.');
  });

  it('keeps operations and users apart, whatever they are called', async () => {
    const max = { max: 1, windowMs: HOUR_MS };
    defineLimits({ a: max, 'a:b': max, 'a:': max, 'a%3Ab': max });
    for (const [user, operation] of [
      ['b:c', 'a'],
      ['c', 'a:b'],
      ['c', 'a%3Ab'],
      ['b%3Ac', 'a'],
      ['c', 'a'],
      ['c', 'a:'],
      [':c', 'a'],
    ] as const) {
      await expect(checkRateLimit(user, operation)).resolves.toBeUndefined();
    }
  });

  it('rejects an operation that nobody has named, and forgets those named before', async () => {
    defineLimits({ send: { max: 2, windowMs: HOUR_MS } });
    for (const operation of ['other', 'constructor', '__proto__']) {
      await expect(checkRateLimit('u', operation)).rejects.toMatchObject({ code: 'CONFIG', setting: 'operation' });
    }
    defineLimits({});
    await expect(checkRateLimit('u', 'send')).rejects.toMatchObject({ code: 'CONFIG' });
    expect(() => defineLimits({ send: { max: 2, windowMs: 60 } })).toThrow(/milliseconds/);
  });
});

describe('rateLimit', () => {
  it('answers what is left, and throws with everything a handler needs to refuse', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0);
    expect(await rateLimit('customer-7', 1, HOUR_MS)).toMatchObject({
      allowed: true,
      limit: 1,
      remaining: 0,
      basis: 'store',
    });
    const error = await errorOf(rateLimit('customer-7', 1, HOUR_MS));
    expect(error).toMatchObject({ name: 'RateLimitError', code: 'RATE_LIMITED', status: 429, limit: 1 });
    expect(error.headers).toEqual({
      'ratelimit-policy': '"handler";q=1;w=3600',
      ratelimit: '"handler";r=0;t=3600',
      'retry-after': '3600',
    });
    const response = error.toResponse();
    expect([response.status, response.headers.get('retry-after')]).toEqual([429, '3600']);
    expect(error.message + JSON.stringify(error)).not.toContain('customer-7');
  });

  it('rejects wrong numbers as it rejects a refusal, and does not throw beside its promise', async () => {
    const seconds: Promise<unknown> = rateLimit('u', 1, 60);
    await expect(seconds).rejects.toMatchObject({ code: 'CONFIG' });
    await expect(rateLimit('u', 0, HOUR_MS)).rejects.toMatchObject({ code: 'CONFIG' });
    await expect(rateLimit('u', 1.5, HOUR_MS)).rejects.toMatchObject({ code: 'CONFIG' });
    await expect(rateLimit('', 1, HOUR_MS)).rejects.toMatchObject({ code: 'CONFIG' });
  });

  it('makes a limiter by token', async () => {
    const limiter = rateLimit(2, { interval: HOUR_MS });
    expect(await limiter.check('t')).toEqual({
      isRateLimited: false,
      currentUsage: 1,
      limit: 2,
      remaining: 1,
      reset: expect.any(Number),
    });
    expect(await limiter.check('t')).toMatchObject({ isRateLimited: false, currentUsage: 2, remaining: 0 });
    expect(await limiter.check('t')).toMatchObject({ isRateLimited: true, currentUsage: 2, remaining: 0 });
    expect(await limiter.check('other')).toMatchObject({ isRateLimited: false });
    expect(() => rateLimit(2, { interval: 60 })).toThrow(/milliseconds/);
    expect(await rateLimit(2, { interval: 60, subSecond: true }).check('z')).toMatchObject({ isRateLimited: false });
  });
});

describe('getRateLimitStatus', () => {
  it('takes nothing, and tells what a check would be told', async () => {
    for (let look = 0; look < 5; look += 1) {
      expect(await getRateLimitStatus('u', 2, HOUR_MS)).toMatchObject({ allowed: true, remaining: 2 });
    }
    await checkRateLimit('u', 2, HOUR_MS);
    await checkRateLimit('u', 2, HOUR_MS);
    expect(await getRateLimitStatus('u', 2, HOUR_MS)).toMatchObject({
      allowed: false,
      remaining: 0,
      retryAfterMs: expect.any(Number),
    });
  });
});

describe('limits by address and key', () => {
  it('count each address, and all without one together', async () => {
    await rateLimitByIp(request({ 'x-real-ip': '192.0.2.1' }), 1, HOUR_MS);
    await errorOf(rateLimitByIp(request({ 'x-real-ip': '192.0.2.1' }), 1, HOUR_MS));
    await errorOf(rateLimitByIp(request({ 'x-real-ip': '::ffff:192.0.2.1' }), 1, HOUR_MS));
    await rateLimitByIp(request({ 'x-real-ip': '192.0.2.2' }), 1, HOUR_MS);
    await rateLimitByIp(request({}), 1, HOUR_MS);
    await errorOf(rateLimitByIp(request({ 'x-forwarded-for': '192.0.2.3' }), 1, HOUR_MS));
  });

  it('count a key the same however it is given, and all without one together', async () => {
    await rateLimitByApiKey('bw_live_x', 3, HOUR_MS);
    await rateLimitByApiKey(request({ 'x-api-key': 'bw_live_x' }), 3, HOUR_MS);
    await rateLimitByApiKey(request({ authorization: 'Bearer bw_live_x' }), 3, HOUR_MS);
    await errorOf(rateLimitByApiKey('bw_live_x', 3, HOUR_MS));
    await rateLimitByApiKey(request({}), 1, HOUR_MS);
    await errorOf(rateLimitByApiKey('', 1, HOUR_MS));
    const names = await getDefaults().kv.command(['KEYS', '*']);
    expect(JSON.stringify(names)).toContain('ratelimit:handler-key:');
    expect(JSON.stringify(names)).not.toContain('bw_live_x');
  });

  it('charge address and key together or neither', async () => {
    const one = request({ 'x-real-ip': '192.0.2.1', 'x-api-key': 'k' });
    const limits = { ip: { limit: 5, windowMs: HOUR_MS }, apiKey: { limit: 10, windowMs: HOUR_MS, burst: 2 } };
    await rateLimitCombined(one, limits);
    expect((await rateLimitCombined(one, limits)).policies).toMatchObject([{ remaining: 3 }, { remaining: 0 }]);
    const { result } = await errorOf(rateLimitCombined(one, limits));
    expect(result).toMatchObject({ policy: 'handler-key', policies: [{ remaining: 3 }, { remaining: 0 }] });
    await expect(rateLimitCombined(one)).resolves.toMatchObject({ allowed: true, limit: 100 });
  });
});

describe('a RateLimitError', () => {
  const result = (basis: Basis) =>
    summarise(
      [
        {
          policy: 'p',
          algorithm: 'gcra',
          allowed: false,
          limit: 5,
          windowMs: 1_000,
          remaining: 0,
          resetAfterMs: 9,
          retryAfterMs: 9,
        },
      ],
      basis,
      0,
    );

  it.each<[Basis, number, string | null]>([
    ['store', 429, null],
    ['local', 429, 'limit'],
    ['policy', 503, 'limit'],
  ])('that rests on %s answers %d', (basis, status, degraded) => {
    const error = new RateLimitError(result(basis));
    const response = error.toResponse();
    expect([error.status, response.status, response.headers.get('x-breakwater-degraded')]).toEqual([
      status,
      status,
      degraded,
    ]);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
  });

  it('says nothing of a quota where nothing was counted', async () => {
    const error = new RateLimitError(result('policy'));
    expect(error.message).toBe('Requests cannot be counted at the moment.');
    expect(await error.toResponse().json()).toMatchObject({ code: 'limits-unavailable', status: 503 });
  });
});

describe('resetting', () => {
  it('gives one key everything back, and takes a star for a name', async () => {
    for (const key of ['*', 'u', 'u2']) await checkRateLimit(key, 1, HOUR_MS);
    await resetRateLimit('*');
    expect(await checkRateLimit('u', 1, HOUR_MS)).toBe(false);
    await resetRateLimit('u');
    expect(await checkRateLimit('u', 1, HOUR_MS)).toBe(true);
    expect(await checkRateLimit('u2', 1, HOUR_MS)).toBe(false);
  });

  it('gives everybody everything back', async () => {
    for (const key of ['a', 'b']) await checkRateLimit(key, 1, HOUR_MS);
    await clearAllRateLimits();
    for (const key of ['a', 'b']) expect(await checkRateLimit(key, 1, HOUR_MS)).toBe(true);
  });

  it('counts accounts', async () => {
    expect(await getRateLimitStoreSize()).toBe(0);
    for (let user = 0; user < 30; user += 1) await checkRateLimit(`u${user}`, 1, HOUR_MS);
    expect(await getRateLimitStoreSize()).toBe(30);
  });
});

describe('with Redis switched off', () => {
  it('counts in this process and asks for nothing', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    vi.stubEnv('KV_STORE', undefined);
    vi.stubEnv('KV_REST_API_URL', 'http://127.0.0.1:9');
    vi.stubEnv('KV_REST_API_TOKEN', 'token');
    vi.stubEnv('ENABLE_REDIS_CACHE', 'false');
    forgetDefaults();
    expect([await checkRateLimit('u', 1, HOUR_MS), await checkRateLimit('u', 1, HOUR_MS)]).toEqual([true, false]);
    await resetRateLimit('u');
    expect(await checkRateLimit('u', 1, HOUR_MS)).toBe(true);
    await clearAllRateLimits();
    expect(await checkRateLimit('u', 1, HOUR_MS)).toBe(true);
  });
});

describe('with Redis away', () => {
  it('limits in this process, never refuses for the outage, and does not know the number of accounts', async () => {
    const warned = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    vi.stubEnv('KV_STORE', undefined);
    vi.stubEnv('KV_REST_API_URL', 'http://127.0.0.1:9');
    vi.stubEnv('KV_REST_API_TOKEN', 'token');
    forgetDefaults();
    expect(await rateLimit('secret-user', 1, HOUR_MS)).toMatchObject({ allowed: true, basis: 'local' });
    expect(await checkRateLimit('secret-user', 1, HOUR_MS)).toBe(false);
    expect(await getRateLimitStoreSize()).toBeUndefined();
    await expect(resetRateLimit('secret-user')).rejects.toMatchObject({
      code: expect.stringMatching(/STORE|CIRCUIT_OPEN/),
    });
    expect(JSON.stringify(warned.mock.calls)).toContain('[Rate Limit]');
    expect(JSON.stringify(warned.mock.calls)).not.toContain('secret-user');
  });
});
