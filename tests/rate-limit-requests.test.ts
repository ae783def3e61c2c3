import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { getDefaults } from '../lib/default-client.ts';
import {
  checkRateLimit,
  clearAllRateLimits,
  createLimiter,
  defineLimits,
  getRateLimitStatus,
  RateLimitError,
  rateLimit,
  rateLimitByApiKey,
  rateLimitByIp,
  rateLimitCombined,
  resetRateLimit,
} from '../lib/rate-limit.ts';
import { useDefaultEnvironment } from './support/default-environment.ts';
import { limitRig } from './support/limit-rig.ts';

const HOUR_MS = 3_600_000;

useDefaultEnvironment({ CLIENT_IP_SOURCE: 'vercel' });

const request = new Request('https://example.test/', { headers: { 'x-real-ip': '192.0.2.1', 'x-api-key': 'k' } });

describe('what a call costs', () => {
  beforeEach(() => rateLimit('known', 5, HOUR_MS));
  afterEach(() => vi.restoreAllMocks());

  it.each<[string, () => Promise<unknown>]>([
    ['checkRateLimit', () => checkRateLimit('u', 5, HOUR_MS)],
    ['checkRateLimit of an operation', () => checkRateLimit('u', 'send')],
    ['rateLimit', () => rateLimit('u', 5, HOUR_MS)],
    ['rateLimit by token', () => rateLimit(5, { interval: HOUR_MS }).check('t')],
    ['getRateLimitStatus', () => getRateLimitStatus('u', 5, HOUR_MS)],
    ['rateLimitByIp', () => rateLimitByIp(request)],
    ['rateLimitByApiKey', () => rateLimitByApiKey(request)],
    ['rateLimitCombined', () => rateLimitCombined(request)],
    ['resetRateLimit', () => resetRateLimit('u')],
    ['clearAllRateLimits', clearAllRateLimits],
  ])('is one request to Redis: %s', async (_, call) => {
    defineLimits({ send: { max: 5, windowMs: HOUR_MS } });
    const { kv } = getDefaults();
    const asked = [vi.spyOn(kv, 'execute'), vi.spyOn(kv, 'command')];
    await call();
    expect(asked.reduce((sum, { mock }) => sum + mock.calls.length, 0)).toBe(1);
  });

  it('is one request for a look, a refund, a reset, a clear and a release', async () => {
    const { limiter, store, take, peek, refund, reset } = limitRig({ limit: 5, windowMs: HOUR_MS });
    const slots = limitRig({ algorithm: 'concurrency', limit: 5, windowMs: HOUR_MS });
    await take();
    const { release } = await slots.take();
    for (const [work, of] of [
      [() => peek(), store],
      [() => refund(), store],
      [reset, store],
      [limiter.clear, store],
      [release, slots.store],
    ] as const) {
      const before = of.requests.length;
      await work?.();
      expect(of.requests.length - before).toBe(1);
    }
  });
});

describe('a table of operations', () => {
  const USER = ['companyResearch', 'resume', 'job', 'interview', 'chat', 'upload', 'export'];
  const ADMIN = ['admin:users', 'admin:stats', 'admin:logs', 'admin:jobs', 'admin:flags'];

  it('gives each user its own count of each of a dozen, and an hour is sixty minutes to wait', async () => {
    const named = [...USER, ...ADMIN].map((operation, index) => [operation, { max: index + 1, windowMs: HOUR_MS }]);
    defineLimits(Object.fromEntries(named));
    for (const user of ['ann', 'bob']) {
      for (const [index, operation] of [...USER, ...ADMIN].entries()) {
        for (let call = 0; call <= index; call += 1) await checkRateLimit(user, operation);
        const refusal = await checkRateLimit(user, operation).catch((error: unknown) => error);
        expect(refusal).toBeInstanceOf(RateLimitError);
        const minutes = Math.ceil(60 / (index + 1));
        expect(String(refusal)).toContain(`of ${index + 1} requests exceeded. Try again in ${minutes} minute`);
      }
    }
  });
});

describe('an account', () => {
  it('is that of one key, whatever limit a call names, and whichever of the functions it is', async () => {
    expect(await checkRateLimit('u', 10, HOUR_MS)).toBe(true);
    expect(await rateLimit('u', 10, HOUR_MS)).toMatchObject({ remaining: 8 });
    expect(await rateLimit(10, { interval: HOUR_MS }).check('u')).toMatchObject({ currentUsage: 3, remaining: 7 });
    expect(await getRateLimitStatus('u', 5, HOUR_MS)).toMatchObject({ limit: 5, remaining: 2 });
    expect(await checkRateLimit('u', 3, HOUR_MS)).toBe(false);
    await resetRateLimit('u');
    expect(await getRateLimitStatus('u', 5, HOUR_MS)).toMatchObject({ remaining: 5 });
  });
});

describe('the prefix of limits', () => {
  it('is ratelimit: for every key that a limiter writes', async () => {
    const { kv } = getDefaults();
    await createLimiter({ kv, policies: [{ name: 'own', limit: 5, windowMs: HOUR_MS }] }).check({ own: 'u' });
    await rateLimitCombined(request);
    await checkRateLimit('u', 5, HOUR_MS);
    const names = await kv.command(['KEYS', '*']);
    expect(Array.isArray(names) && names.length).toBe(4);
    for (const name of Array.isArray(names) ? names : []) expect(name).toMatch(/^ratelimit:/);
  });
});
