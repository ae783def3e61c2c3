import { describe, expect, it } from 'vitest';
import { allow, deny, type RefusalCode, refusalBy, withLimits } from '../../lib/guard/decision.ts';
import { decisionHeaders, toResponse } from '../../lib/guard/respond.ts';
import { type Basis, summarise } from '../../lib/limit/result.ts';

const policy = {
  policy: 'ip',
  algorithm: 'gcra',
  allowed: false,
  limit: 5,
  windowMs: 60_000,
  remaining: 0,
  resetAfterMs: 60_000,
  retryAfterMs: 12_000,
} as const;
const granted = { ...policy, policy: 'key', allowed: true, remaining: 3, retryAfterMs: undefined };
const limits = summarise([policy, granted], 'store', 0);

const EXACT = { retryJitter: 0 };

describe('a refusal', () => {
  it('over quota is a 429 that names the policies violated and the seconds to wait', async () => {
    const response = toResponse(deny(429, 'quota-exceeded', { limits, retryAfterMs: limits.retryAfterMs }), EXACT);
    expect(response.status).toBe(429);
    expect(Object.fromEntries(response.headers)).toEqual({
      'cache-control': 'no-store',
      'content-type': 'application/problem+json',
      ratelimit: '"ip";r=0;t=12',
      'ratelimit-policy': '"ip";q=5;w=60, "key";q=5;w=60',
      'retry-after': '12',
    });
    expect(await response.json()).toEqual({
      type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
      title: 'Too Many Requests',
      status: 429,
      detail: 'The quota is used up.',
      code: 'quota-exceeded',
      'violated-policies': ['ip'],
    });
  });

  it.each<[RefusalCode, string]>([
    ['api-key-missing', 'Bearer realm="api"'],
    ['api-key-malformed', 'Bearer realm="api", error="invalid_token"'],
    ['api-key-invalid', 'Bearer realm="api", error="invalid_token"'],
  ])('for %s is a 401 with a challenge', async (code, challenge) => {
    const response = toResponse(deny(401, code));
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toBe(challenge);
    expect(response.headers.has('retry-after')).toBe(false);
    expect(await response.json()).toMatchObject({ status: 401, code, type: 'about:blank' });
  });

  it('for a path that nobody can decode is a 400 that does not repeat it', async () => {
    const response = toResponse(deny(400, 'path-malformed'));
    expect([response.status, response.headers.has('www-authenticate')]).toEqual([400, false]);
    expect(await response.json()).toEqual({
      ...{ type: 'about:blank', title: 'Bad Request', status: 400, code: 'path-malformed' },
      detail: 'The path is not UTF-8 in percent-encoding.',
    });
  });

  it.each<[string, readonly string[] | undefined, string]>([
    ['one scope', ['admin'], ', scope="admin"'],
    ['several', ['keys:read', 'a.b-c_d:*'], ', scope="keys:read a.b-c_d:*"'],
    ['what would end the quoted string, or the header', ['a"b\\c', 'd\r\ne', 'é f'], ', scope="a_b_c d__e __f"'],
    ['none', [], ''],
    ['none that are known', undefined, ''],
  ])('for a missing scope is a 403 whose challenge names %s', async (_what, scopes, attribute) => {
    const response = toResponse(deny(403, 'scope-missing', { scopes }));
    expect(response.status).toBe(403);
    expect(response.headers.get('www-authenticate')).toBe(`Bearer realm="api", error="insufficient_scope"${attribute}`);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(await response.json()).toMatchObject({ status: 403, code: 'scope-missing', title: 'Forbidden' });
  });

  it.each<[RefusalCode]>([['address-denied'], ['key-denied']])('for %s is a 403 without a challenge', async (code) => {
    const response = toResponse(deny(403, code));
    expect(response.status).toBe(403);
    expect([response.headers.has('www-authenticate'), response.headers.has('retry-after')]).toEqual([false, false]);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(await response.json()).toMatchObject({ status: 403, code, title: 'Forbidden' });
  });

  it.each<[RefusalCode, number | undefined, string]>([
    ['key-store-unavailable', 4_001, '5'],
    ['limits-unavailable', undefined, '1'],
    ['misconfigured', 0, '1'],
  ])('for %s is a 503 that says when to come back', (code, retryAfterMs, seconds) => {
    const response = toResponse(deny(503, code, { retryAfterMs }), EXACT);
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe(seconds);
    expect(response.headers.has('www-authenticate')).toBe(false);
    expect(response.headers.get('cache-control')).toBe('no-store');
  });

  it('is told in the headers asked for, with a wait that is never shorter', () => {
    const response = toResponse(refusalBy(limits) ?? deny(401, 'api-key-invalid'), {
      headers: ['legacy'],
      random: () => 0.999,
    });
    const { headers } = response;
    expect([headers.get('ratelimit'), headers.get('x-ratelimit-limit'), headers.get('retry-after')]).toEqual([
      null,
      '5',
      '14',
    ]);
    const unavailable = toResponse(deny(503, 'limits-unavailable', { retryAfterMs: 60_000 }), { random: () => 0.999 });
    expect(unavailable.headers.get('retry-after')).toBe('66');
  });

  it.each<[Basis, number, RefusalCode, readonly string[]]>([
    ['store', 429, 'quota-exceeded', []],
    ['local', 429, 'quota-exceeded', ['limit']],
    ['policy', 503, 'limits-unavailable', ['limit']],
  ])('that rests on %s is a %d %s', (basis, status, code, degraded) => {
    const refused = summarise([policy, granted], basis, 0);
    expect(refusalBy(refused)).toEqual({
      outcome: 'deny',
      status,
      code,
      retryAfterMs: 12_000,
      limits: refused,
      degraded,
    });
    expect(refusalBy(summarise([granted], basis, 0))).toBeUndefined();
  });

  it('that rests on a permit which the store granted before is none of degraded limits', () => {
    const lease: Basis = JSON.parse('"lease"');
    expect(refusalBy(summarise([policy], lease, 0))).toMatchObject({ status: 429, degraded: [] });
    expect(withLimits(['keys'], summarise([granted], lease, 0))).toEqual(['keys']);
  });

  it('names what could not rest on Redis', () => {
    expect(decisionHeaders(deny(401, 'api-key-invalid', { degraded: ['keys', 'limit'] }))).toEqual([
      ['x-breakwater-degraded', 'keys, limit'],
    ]);
    expect(decisionHeaders(allow())).toEqual([]);
  });
});
