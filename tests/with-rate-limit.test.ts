import { describe, expect, expectTypeOf, it, vi } from 'vitest';
import { createApiKey } from '../lib/auth.ts';
import { getDefaults } from '../lib/default-client.ts';
import { createEdgeMiddleware } from '../lib/next/edge-middleware.ts';
import { type HandlerPolicy, rateLimitByIp, withRateLimit } from '../lib/rate-limit.ts';
import { forgetDefaults, useDefaultEnvironment } from './support/default-environment.ts';
import { eventually } from './support/eventually.ts';

const HOUR_MS = 3_600_000;

useDefaultEnvironment({ CLIENT_IP_SOURCE: 'vercel' });

const request = (headers: Record<string, string> = {}) =>
  new Request('https://example.test/api/x', { headers: { 'x-real-ip': '192.0.2.1', ...headers } });
const answer = () => new Response('ok');
const statuses = async (handler: (request: Request) => Promise<Response>, requests: readonly Request[]) => {
  const seen: number[] = [];
  for (const one of requests) seen.push((await handler(one)).status);
  return seen;
};

describe('withRateLimit', () => {
  it('lets as many through as its policy says, by address, and tells of it under its name', async () => {
    const handler = withRateLimit(answer, { name: 'echo', limit: 2, windowMs: HOUR_MS, retryJitter: 0 });
    const passed = await handler(request());
    expect(passed.headers.get('ratelimit-policy')).toBe('"echo";q=2;w=3600');
    expect(passed.headers.get('ratelimit')).toBe('"echo";r=1;t=1800');
    await handler(request());
    const refused = await handler(request());
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1800']);
    expect(refused.headers.get('cache-control')).toBe('no-store');
    expect(await refused.json()).toMatchObject({ code: 'quota-exceeded', 'violated-policies': ['echo'] });
    expect((await handler(request({ 'x-real-ip': '192.0.2.2' }))).status).toBe(200);
  });

  it('counts by key, however it is sent, and without one in one account; the key itself goes nowhere', async () => {
    const handler = withRateLimit(answer, { by: 'key', limit: 1, windowMs: HOUR_MS });
    const secret = 'bw_live_secret';
    const requests = [
      request({ 'x-api-key': secret }),
      request({ authorization: `Bearer ${secret}`, 'x-real-ip': '192.0.2.2' }),
      request(),
      request({ 'x-real-ip': '192.0.2.2' }),
    ];
    expect(await statuses(handler, requests)).toEqual([200, 429, 200, 429]);
    expect(JSON.stringify(await getDefaults().kv.command(['KEYS', '*']))).not.toContain('secret');
  });

  it('counts by what a function says', async () => {
    const by = async (one: Request) => one.headers.get('x-tenant') ?? 'nobody';
    const handler = withRateLimit(answer, { by, limit: 1, windowMs: HOUR_MS });
    const tenants = ['a', 'b', 'a', 'a:b', '*', 'x'.repeat(10_000), 'x'.repeat(10_001)];
    const requests = tenants.map((tenant) => request({ 'x-tenant': tenant }));
    expect(await statuses(handler, requests)).toEqual([200, 200, 429, 200, 200, 200, 200]);
  });

  it('keeps accounts apart by name and by whose they are, and shares them under one name', async () => {
    const policy = { limit: 1, windowMs: HOUR_MS };
    const same = () => '192.0.2.1';
    const handlers = [
      withRateLimit(answer, policy),
      withRateLimit(answer, { ...policy, by: same }),
      withRateLimit(answer, { ...policy, name: 'other' }),
      withRateLimit(answer, { ...policy, name: 'handler' }),
    ];
    const seen = await Promise.all(handlers.map(async (handler) => (await handler(request())).status));
    expect(seen).toEqual([200, 200, 200, 429]);
  });

  it("charges none of the middleware's accounts and none of rateLimitByIp, whatever it is called", async () => {
    const middleware = createEdgeMiddleware({
      policies: [{ name: 'ip', limit: 3, windowMs: HOUR_MS }],
      protect: [{ path: '/api/*', auth: 'none', limits: { ip: 'ip' } }],
    });
    const handler = withRateLimit(answer, { name: 'ip', limit: 5, windowMs: HOUR_MS });
    for (const left of [2, 1, 0]) {
      expect((await middleware(request())).headers.get('ratelimit')).toContain(`r=${left};`);
      expect((await handler(request())).headers.get('ratelimit')).toContain(`r=${left + 2};`);
    }
    await expect(rateLimitByIp(request(), 1, HOUR_MS)).resolves.toMatchObject({ allowed: true });
  });

  it('takes the cost of a request, and keeps true what is left when it refuses one', async () => {
    const handler = withRateLimit(answer, {
      limit: 5,
      windowMs: HOUR_MS,
      cost: 3,
      name: 'heavy',
      headers: ['draft-11'],
    });
    expect((await handler(request())).headers.get('ratelimit')).toMatch(/^"heavy";r=2;/);
    const refused = await handler(request());
    expect(refused.status).toBe(429);
    expect(refused.headers.get('ratelimit')).toBe('"heavy";r=2;t=720');
  });

  it('may be stacked: both are told', async () => {
    const inner = withRateLimit(answer, { name: 'minute', limit: 5, windowMs: 60_000 });
    const both = withRateLimit(inner, { name: 'hour', limit: 50, windowMs: HOUR_MS });
    expect((await both(request())).headers.get('ratelimit-policy')).toBe('"minute";q=5;w=60, "hour";q=50;w=3600');
  });

  it('hands on everything that a handler is called with, and keeps its type', async () => {
    interface Context {
      readonly params: Promise<{ id: string }>;
    }
    class OwnRequest extends Request {}
    const handler = async (one: OwnRequest, context: Context) =>
      new Response(`${one.url} ${(await context.params).id}`);
    const limited = withRateLimit(handler, { limit: 1, windowMs: HOUR_MS });
    expectTypeOf(limited).toEqualTypeOf<(request: OwnRequest, context: Context) => Promise<Response>>();
    expectTypeOf(withRateLimit(answer, { limit: 1, windowMs: HOUR_MS })).toEqualTypeOf<
      (request: Request) => Promise<Response>
    >();
    const own = new OwnRequest('https://example.test/', { headers: { 'x-real-ip': '192.0.2.1' } });
    const response = await limited(own, { params: Promise.resolve({ id: '7' }) });
    expect(await response.text()).toBe('https://example.test/ 7');
  });

  it('costs one request to Redis', async () => {
    const handler = withRateLimit(answer, { limit: 100, windowMs: HOUR_MS });
    await handler(request());
    const { kv } = getDefaults();
    const asked = vi.spyOn(kv, 'execute');
    await handler(request());
    expect(asked).toHaveBeenCalledTimes(1);
  });

  it.each<[string, Partial<HandlerPolicy>]>([
    ['windowMs', { windowMs: 60 }],
    ['policy handler: limit', { limit: 0 }],
    ['policy x: burst', { burst: 0.5, name: 'x' }],
    ['policy.name', { name: 'a b' }],
    ['by', { by: 'user' as 'ip' }],
    ['cost', { cost: -1 }],
    ['cost', { cost: 11 }],
    ['headers', { headers: ['draft-0' as 'draft-11'] }],
    ['retryJitter', { retryJitter: 7 }],
  ])('is refused at once with a word about %s: %j', (setting, wrong) => {
    const policy = { limit: 10, windowMs: 60_000, ...wrong };
    expect(() => withRateLimit(answer, policy)).toThrow(expect.objectContaining({ code: 'CONFIG', setting }));
  });

  it('reads no environment before the first request', async () => {
    vi.stubEnv('KV_STORE', 'nonsense');
    forgetDefaults();
    const handler = withRateLimit(answer, { limit: 1, windowMs: 60, subSecond: true });
    await expect(handler(request())).rejects.toMatchObject({ code: 'CONFIG', setting: 'KV_STORE' });
  });

  it('counts in this process while Redis is away, and says so', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    vi.stubEnv('KV_STORE', undefined);
    vi.stubEnv('KV_REST_API_URL', 'http://127.0.0.1:9');
    vi.stubEnv('KV_REST_API_TOKEN', 'token');
    forgetDefaults();
    const handler = withRateLimit(answer, { limit: 1, windowMs: HOUR_MS });
    const answers = [await handler(request()), await handler(request())];
    expect(answers.map(({ status }) => status)).toEqual([200, 429]);
    for (const { headers } of answers) expect(headers.get('x-breakwater-degraded')).toBe('limit');
  });

  it('counts beside the guard the key that the guard has let in', async () => {
    const { key } = await createApiKey({ owner: 'a' });
    const handler = withRateLimit(answer, { by: 'key', limit: 1, windowMs: HOUR_MS });
    expect(await statuses(handler, [request({ 'x-api-key': key }), request({ 'x-api-key': key })])).toEqual([200, 429]);
  });
});

describe('the Redis health of the demo', () => {
  it('answers everybody, and nobody more than once a second for long', async () => {
    const { GET } = await import('../api/health/redis.ts');
    const first = await GET(request());
    expect([first.status, first.headers.get('ratelimit-policy')]).toEqual([200, '"health-redis";q=60;w=60']);
    expect(await first.json()).toMatchObject({ status: 'ok' });
    const later = await statuses(
      GET,
      Array.from({ length: 120 }, () => request()),
    );
    expect(later).toContain(429);
  });

  it('holds a slot for as long as its handler works, whatever comes of that', async () => {
    const ends: { resolve: (response: Response) => void; reject: (error: Error) => void }[] = [];
    const work = () => new Promise<Response>((resolve, reject) => ends.push({ resolve, reject }));
    const handler = withRateLimit(work, { algorithm: 'concurrency', limit: 2, windowMs: HOUR_MS });
    const [first, second] = [handler(request()), handler(request())];
    await eventually(() => ends.length === 2);
    expect((await handler(request())).status).toBe(429);
    ends[0]?.resolve(new Response('done'));
    expect((await first).status).toBe(200);
    const third = handler(request());
    await eventually(() => ends.length === 3);
    expect((await handler(request())).status).toBe(429);
    ends[1]?.reject(new Error('broken'));
    await expect(second).rejects.toThrow('broken');
    ends[2]?.resolve(new Response());
    await third;
    for (const _ of [1, 2]) {
      const next = handler(request());
      await eventually(() => ends.length === 4);
      ends.pop()?.resolve(new Response());
      expect((await next).status).toBe(200);
    }
  });

  it('limits by any algorithm, exactly or with permits taken in advance', async () => {
    const statusesUnder = async (policy: Partial<HandlerPolicy>) => {
      const handler = withRateLimit(answer, {
        limit: 2,
        windowMs: HOUR_MS,
        name: policy.algorithm ?? 'gcra',
        ...policy,
      });
      const all = [];
      for (let time = 0; time < 4; time += 1) all.push((await handler(request())).status);
      return all;
    };
    for (const algorithm of ['gcra', 'fixedWindow', 'slidingWindow', 'slidingLog', 'tokenBucket'] as const) {
      expect(await statusesUnder({ algorithm })).toEqual([200, 200, 429, 429]);
    }
    expect(await statusesUnder({ name: 'leased', maxOverAdmission: 0.5 })).toEqual([200, 200, 429, 429]);
  });
});
