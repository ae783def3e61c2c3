import { NextRequest } from 'next/server';
import { describe, expect, it, vi } from 'vitest';
import { createApiKey, revokeApiKey, verifyIdentity } from '../../lib/auth.ts';
import type { AccessListOptions } from '../../lib/guard/access-lists.ts';
import { IDENTITY_HEADER } from '../../lib/guard/identity.ts';
import { METRICS_HEADER } from '../../lib/guard/metrics/sealed-snapshot.ts';
import type { Policy } from '../../lib/limit/policy.ts';
import { getMetrics, getMiddlewareMetrics } from '../../lib/metrics.ts';
import {
  createEdgeMiddleware,
  type EdgeMiddleware,
  type EdgeMiddlewareOptions,
} from '../../lib/next/edge-middleware.ts';
import { CIRCUIT_HEADER } from '../../lib/next/forward.ts';
import { clearAllRateLimits } from '../../lib/rate-limit.ts';
import { useDefaultEnvironment } from '../support/default-environment.ts';
import { handedBy } from '../support/handed-by-next.ts';

const SECRET = 'an identity secret of more than 32 characters';

const OPTIONS: EdgeMiddlewareOptions = {
  policies: [
    { name: 'ip', limit: 5, windowMs: 3_600_000 },
    { name: 'key', limit: 3, windowMs: 3_600_000 },
  ],
  protect: [
    { path: '/api/health/*', auth: 'none' },
    { path: '/api/*', limits: { ip: 'ip', key: 'key' } },
  ],
};

const request = (path = '/api/echo', headers: Record<string, string> = {}) =>
  new Request(`https://example.test${path}`, { headers: { 'x-real-ip': '192.0.2.1', ...headers } });

describe('the middleware', () => {
  useDefaultEnvironment({ CLIENT_IP_SOURCE: 'vercel', BREAKWATER_IDENTITY_SECRET: SECRET });

  it('hands the identity on to the handler, who can verify it', async () => {
    const middleware = createEdgeMiddleware(OPTIONS);
    const { key, record } = await createApiKey({ owner: 'acme', scopes: ['read'] });
    const incoming = request('/api/echo', { authorization: `Bearer ${key}` });
    const answer = await middleware(incoming);
    expect(await verifyIdentity(handedBy(answer, incoming))).toEqual({
      ok: true,
      identity: { id: record.id, owner: 'acme', scopes: ['read'] },
    });
    expect(answer.headers.get('ratelimit')).toBe('"ip";r=4;t=2880, "key";r=2;t=2400');
    expect(await verifyIdentity(incoming)).toEqual({ ok: false, reason: 'missing' });
  });

  it('hands work that goes on behind an answer to waitUntil', async () => {
    const policies = OPTIONS.policies.map((policy) => ({ ...policy, limit: 3_600, maxOverAdmission: 0.1 })) as Policy[];
    const middleware = createEdgeMiddleware({ ...OPTIONS, policies, prefetch: true });
    const { key } = await createApiKey({ owner: 'acme' });
    const works: Promise<unknown>[] = [];
    const event = { waitUntil: (work: Promise<unknown>) => works.push(work) };
    for (let time = 0; time < 100; time += 1) {
      const answer = await middleware(request('/api/echo', { authorization: `Bearer ${key}` }), event);
      expect(answer.headers.get('x-middleware-next')).toBe('1');
      await Promise.all(works);
    }
    expect(works.length).toBeGreaterThan(0);
  });

  it('answers all the same where the platform takes no work behind it', async () => {
    const policies = OPTIONS.policies.map((policy) => ({ ...policy, limit: 3_600, maxOverAdmission: 0.1 })) as Policy[];
    const middleware = createEdgeMiddleware({ ...OPTIONS, policies, prefetch: true });
    const { key } = await createApiKey({ owner: 'acme' });
    let refused = 0;
    const waitUntil = () => {
      refused += 1;
      throw new Error('outside a request');
    };
    for (let time = 0; time < 100; time += 1) {
      const answer = await middleware(request('/api/echo', { authorization: `Bearer ${key}` }), { waitUntil });
      expect(answer.headers.get('x-middleware-next')).toBe('1');
    }
    expect(refused).toBeGreaterThan(0);
  });

  it('lets health routes through without a key and uncounted, and nothing else that begins like them', async () => {
    const middleware = createEdgeMiddleware({
      ...OPTIONS,
      protect: [{ path: '/api/*', limits: { ip: 'ip', key: 'key' } }],
    });
    for (const path of ['/api/health', '/api/health/live', '/api/health/ready', '/api/health/redis']) {
      const answer = await middleware(request(path));
      expect([answer.status, answer.headers.has('ratelimit-policy')]).toEqual([200, false]);
    }
    expect((await middleware(request('/api/health/records'))).status).toBe(401);
    const strict = createEdgeMiddleware({ ...OPTIONS, protect: [{ path: '/api/*' }], exempt: [] });
    expect((await strict(request('/api/health'))).status).toBe(401);
    const own = createEdgeMiddleware({ ...OPTIONS, protect: [{ path: '/api/*' }, { path: '/api/health/redis' }] });
    expect([(await own(request('/api/health/redis'))).status, (await own(request('/api/health'))).status]).toEqual([
      401, 200,
    ]);
  });

  it('works on the client of the process: a key issued beside it is known, and a clear is seen', async () => {
    const middleware = createEdgeMiddleware(OPTIONS);
    const { key } = await createApiKey({ owner: 'a' });
    const ask = () => middleware(request('/api/echo', { 'x-api-key': key }));
    for (let used = 0; used < 3; used += 1) expect((await ask()).status).toBe(200);
    const refused = await ask();
    expect(refused.status).toBe(429);
    expect(await refused.json()).toMatchObject({ code: 'quota-exceeded', 'violated-policies': ['key'] });
    await clearAllRateLimits();
    const another = createEdgeMiddleware(OPTIONS);
    expect((await another(request('/api/echo', { 'x-api-key': key }))).status).toBe(200);
  });

  it('lets no forged identity and no forged state through, protected path or not', async () => {
    const middleware = createEdgeMiddleware(OPTIONS);
    for (const path of ['/api/health/live', '/elsewhere']) {
      const incoming = request(path, { [IDENTITY_HEADER]: 'forged', [CIRCUIT_HEADER]: 'forged', accept: '*/*' });
      const { headers } = handedBy(await middleware(incoming), incoming);
      expect([headers.has(IDENTITY_HEADER), headers.has(CIRCUIT_HEADER), headers.get('accept')]).toEqual([
        false,
        false,
        '*/*',
      ]);
    }
  });

  it('passes the state of its circuit on to the paths that show it, and to no other', async () => {
    const middleware = createEdgeMiddleware({ ...OPTIONS, protect: [], statusPaths: ['/status'] });
    const incoming = request('/status', { [CIRCUIT_HEADER]: 'forged' });
    const state = handedBy(await middleware(incoming), incoming).headers.get(CIRCUIT_HEADER);
    expect(JSON.parse(state ?? '')).toMatchObject({ state: 'CLOSED' });
    const other = request('/api/health');
    expect(handedBy(await middleware(other), other).headers.has(CIRCUIT_HEADER)).toBe(false);
  });

  it('passes on what it has counted to the paths that ask for it, signed, and to no other', async () => {
    const toldTo = async (path: string, options: Partial<EdgeMiddlewareOptions> = {}) => {
      const middleware = createEdgeMiddleware({ ...OPTIONS, protect: [], ...options });
      const incoming = request(path, { [METRICS_HEADER]: 'forged' });
      return handedBy(await middleware(incoming), incoming).headers.get(METRICS_HEADER);
    };
    for (const path of ['/api/metrics', '/api/console/snapshot', '/api/console/stream']) {
      expect(await toldTo(path)).toMatch(/^[\w-]{43}\.\{"id":/);
    }
    for (const path of ['/api/health', '/api/metrics/more', '/api']) expect(await toldTo(path)).toBeNull();
    expect(await toldTo('/counted', { metricsPaths: ['/counted'] })).toMatch(/\{"id":/);
    expect(await toldTo('/api/metrics', { metricsPaths: [] })).toBeNull();
  });

  it.each([
    ['/base/api/echo', '/base', 401],
    ['/base/api/health/live', '/base', 200],
    ['/base', '/base', 200],
    ['/api/echo', '', 401],
    ['/basement/api/echo', '/base', 200],
    ['/base/api/echo', '', 200],
  ])('takes its routes for those under the base path: %s under "%s" is a %d', async (path, basePath, status) => {
    const incoming = new NextRequest(request(path), { nextConfig: { basePath } });
    expect((await createEdgeMiddleware(OPTIONS)(incoming)).status).toBe(status);
  });

  it.each(['/admin/x', '/en/admin/x', '/fr/admin/x', '/FR/admin//x', '/base/fr/admin/x', '/fr/%61dmin/x'])(
    'cannot be stepped around by a locale, which Next takes off before it looks for a page: %s',
    async (path) => {
      const middleware = createEdgeMiddleware({ policies: [], protect: [{ path: '/admin/*' }] });
      const nextConfig = { basePath: '/base', i18n: { locales: ['en', 'fr'], defaultLocale: 'en' } };
      expect((await middleware(new NextRequest(request(path), { nextConfig }))).status).toBe(401);
      // Without `i18n` it is a path like any other.
      if (path.startsWith('/fr')) expect((await middleware(new NextRequest(request(path)))).status).toBe(200);
    },
  );

  it('answers a refusal as problem details', async () => {
    const answer = await createEdgeMiddleware(OPTIONS)(request());
    expect(answer.status).toBe(401);
    expect(answer.headers.get('x-middleware-next')).toBeNull();
    expect(await answer.json()).toMatchObject({ code: 'api-key-missing' });
  });

  it('never throws for what a client sends', async () => {
    const middleware = createEdgeMiddleware(OPTIONS);
    const hostile = [
      '',
      '\u00ff\u0080',
      '%00',
      'x'.repeat(50_000),
      '*',
      ','.repeat(5_000),
      '[::ffff:1.2.3.4]:99999',
      '__proto__',
    ];
    for (const name of ['x-real-ip', 'x-forwarded-for', 'authorization', 'x-api-key', 'origin', IDENTITY_HEADER]) {
      for (const value of hostile) {
        const answer = await middleware(
          request('/api/%25zz/..%2f', { [name]: name === 'authorization' ? `Bearer ${value}` : value }),
        );
        expect(answer.status).toBe(401);
      }
    }
  });
});

describe('the middleware with policies of its routes', () => {
  useDefaultEnvironment({ CLIENT_IP_SOURCE: 'vercel' });

  const middleware = () =>
    createEdgeMiddleware({
      policies: [
        { name: 'read', limit: 3, windowMs: 3_600_000 },
        { name: 'write', limit: 1, windowMs: 3_600_000 },
        { name: 'key', limit: 2, windowMs: 3_600_000 },
      ],
      protect: [
        { path: '/api/items/:id', methods: ['GET'], auth: 'none', limits: { read: 'ip' } },
        { path: '/api/items/*', methods: ['POST', 'PUT'], auth: 'none', limits: { read: 'ip', write: 'ip' } },
        { path: '/api/free', auth: 'none' },
        { path: '/api/*', limits: { write: 'ip', key: 'key' } },
      ],
    });
  const policiesOf = (answer: Response) =>
    [...(answer.headers.get('ratelimit-policy') ?? '').matchAll(/"([^"]+)"/g)].map(([, name]) => name);
  const send = (path: string, method: string, headers: Record<string, string> = {}) =>
    new Request(`https://example.test${path}`, { method, headers: { 'x-real-ip': '192.0.2.1', ...headers } });

  it('charges those that the path and the method name, and one account wherever a policy is named', async () => {
    const ask = middleware();
    const seen: unknown[] = [];
    for (const [path, method] of [
      ['/api/items/7', 'GET'],
      ['/api/items/7', 'POST'],
      ['/api/items/8', 'PUT'],
      ['/api/items/8', 'HEAD'],
      ['/api/items/8', 'GET'],
      ['/api/free', 'GET'],
      ['/elsewhere', 'GET'],
    ] as const) {
      const answer = await ask(send(path, method));
      seen.push([answer.status, policiesOf(answer)]);
    }
    expect(seen).toEqual([
      [200, ['read']],
      [200, ['read', 'write']],
      // Refused by `write`, so nothing of `read` is taken.
      [429, ['read', 'write']],
      [200, ['read']],
      [429, ['read']],
      [200, []],
      [200, []],
    ]);
  });

  it("reads a key's own numbers for the policy of the route that it is used on", async () => {
    const ask = middleware();
    const { key } = await createApiKey({ owner: 'a', limits: { key: { limit: 9, windowMs: 60_000 } } });
    const answer = await ask(send('/api/other', 'GET', { 'x-api-key': key }));
    expect(answer.headers.get('ratelimit-policy')).toBe('"write";q=1;w=3600, "key";q=9;w=60');
  });
});

describe('whom the middleware takes a client for', () => {
  useDefaultEnvironment();

  const open = () =>
    createEdgeMiddleware({
      policies: [{ name: 'ip', limit: 1, windowMs: 3_600_000 }],
      protect: [{ path: '/api/*', auth: 'none', limits: { ip: 'ip' } }],
    });
  const statuses = async (name: string, ...values: string[]) => {
    const middleware = open();
    const seen: number[] = [];
    for (const value of values) {
      const spoofed = { 'x-forwarded-for': `198.51.100.${seen.length}`, 'x-client-ip': `198.51.100.${seen.length}` };
      const headers = { ...spoofed, [name]: value };
      seen.push((await middleware(new Request('https://example.test/api/x', { headers }))).status);
    }
    return seen;
  };

  it.each([
    ['VERCEL', 'x-real-ip'],
    ['CF_PAGES', 'cf-connecting-ip'],
  ])('is, where %s is set, what stands in %s', async (variable, name) => {
    vi.stubEnv(variable, '1');
    expect(await statuses(name, '192.0.2.1', '192.0.2.2', '192.0.2.1:4711', '::ffff:192.0.2.2')).toEqual([
      200, 200, 429, 429,
    ]);
  });

  it('is its /64 of IPv6', async () => {
    vi.stubEnv('VERCEL', '1');
    expect(await statuses('x-real-ip', '2001:db8:1:2::1', '2001:db8:1:2:ffff::9', '2001:db8:1:3::1')).toEqual([
      200, 429, 200,
    ]);
  });

  it('is behind proxies what the last of ours was asked by, whatever the client says', async () => {
    vi.stubEnv('TRUSTED_PROXIES', '10.0.0.0/8');
    const hops = ['192.0.2.1, 10.0.0.1', '198.51.100.1, 192.0.2.1, 10.0.0.2', '192.0.2.1, 192.0.2.2, 10.0.0.1'];
    expect(await statuses('x-forwarded-for', ...hops)).toEqual([200, 429, 200]);
  });

  it('is where nobody vouches one of all those that are not known, never exempt', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    expect(await statuses('x-real-ip', '192.0.2.1', '192.0.2.2')).toEqual([200, 429]);
  });
});

describe('the middleware with lists', () => {
  useDefaultEnvironment({ CLIENT_IP_SOURCE: 'vercel', BREAKWATER_DENY: '192.0.2.66', BREAKWATER_ALLOW: '192.0.2.1' });

  const open = (lists?: AccessListOptions) =>
    createEdgeMiddleware({
      policies: [{ name: 'ip', limit: 1, windowMs: 3_600_000 }],
      protect: [{ path: '/api/*', auth: 'none', limits: { ip: 'ip' } }],
      lists,
    });
  const statusOf = async (middleware: EdgeMiddleware, ip: string) =>
    (await middleware(request('/api/x', { 'x-real-ip': ip }))).status;

  it('takes those of the environment, and those that it is given beside them', async () => {
    const middleware = open({ deny: ['192.0.2.67'] });
    for (const [ip, status] of [
      ['192.0.2.66', 403],
      ['192.0.2.67', 403],
      ['192.0.2.1', 200],
      ['192.0.2.1', 200],
      ['192.0.2.2', 200],
      ['192.0.2.2', 429],
    ] as const) {
      expect(await statusOf(middleware, ip)).toBe(status);
    }
    expect(await statusOf(open(), '192.0.2.67')).toBe(200);
  });

  it('says in the log when no client has an address to be found in them', async () => {
    const log = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    vi.stubEnv('CLIENT_IP_SOURCE', undefined);
    expect(await statusOf(open(), '192.0.2.66')).toBe(200);
    expect(log).toHaveBeenCalledWith(expect.stringContaining('CLIENT_IP_SOURCE'));
  });
});

describe('the middleware with Redis switched off for limits', () => {
  useDefaultEnvironment({ CLIENT_IP_SOURCE: 'vercel', ENABLE_REDIS_CACHE: 'false' });

  it('counts by itself, and goes on asking for keys', async () => {
    const open = () =>
      createEdgeMiddleware({
        policies: [{ name: 'key', limit: 1, windowMs: 3_600_000 }],
        protect: [{ path: '/api/*', limits: { key: 'key' } }],
      });
    const { key } = await createApiKey({ owner: 'a' });
    const [one, two] = [open(), open()];
    const ask = async (middleware: EdgeMiddleware, given = key) =>
      (await middleware(request('/api/x', { 'x-api-key': given }))).status;
    // Both are on one store, and would share an account there.
    expect([await ask(one), await ask(two), await ask(one)]).toEqual([200, 200, 429]);
    expect(await ask(open(), `${key.slice(0, -1)}x`)).toBe(401);
    await revokeApiKey(key);
    expect(await ask(open())).toBe(401);
  });
});

describe('what the middleware says of limits', () => {
  useDefaultEnvironment({ CLIENT_IP_SOURCE: 'vercel' });

  const open = (options: Partial<EdgeMiddlewareOptions>) =>
    createEdgeMiddleware({
      policies: [
        { name: 'ip', limit: 2, windowMs: 3_600_000 },
        { name: 'day', limit: 50, windowMs: 86_400_000, algorithm: 'fixedWindow' },
      ],
      protect: [
        { path: '/api/day', auth: 'none', limits: { day: 'ip' } },
        { path: '/api/*', auth: 'none', limits: { ip: 'ip' } },
      ],
      ...options,
    });

  it('is in the headers that it is told to send, on what passes and on what is refused', async () => {
    const middleware = open({ headers: ['legacy'], retryJitter: 0 });
    const passed = await middleware(request());
    await middleware(request());
    const refused = await middleware(request());
    expect([passed.status, refused.status]).toEqual([200, 429]);
    for (const { headers } of [passed, refused]) {
      expect([headers.get('ratelimit'), headers.get('x-ratelimit-limit')]).toEqual([null, '2']);
    }
    expect(refused.headers.get('retry-after')).toBe('1800');
  });

  it('tells a calendar window by what is left of it', async () => {
    const { headers } = await open({})(request('/api/day'));
    // 49 of 50 are told to last 49/50 of a day at least, and never longer than the day.
    const [, t] = /^"day";r=49;t=(\d+)$/.exec(headers.get('ratelimit') ?? '') ?? [];
    expect(Number(t)).toBeGreaterThanOrEqual(84_672);
    expect(Number(t)).toBeLessThanOrEqual(86_400);
  });

  it('is a 503 where nothing can be counted and it is told to refuse then', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    vi.stubEnv('KV_STORE', undefined);
    vi.stubEnv('KV_REST_API_URL', 'http://127.0.0.1:9');
    vi.stubEnv('KV_REST_API_TOKEN', 'token');
    const answer = await open({ onUnavailable: 'deny' })(request());
    expect([answer.status, answer.headers.get('x-breakwater-degraded')]).toEqual([503, 'limit']);
    expect(await answer.json()).toMatchObject({ code: 'limits-unavailable' });
    expect((await open({ onUnavailable: 'allow' })(request())).headers.get('x-middleware-next')).toBe('1');
  });
});

describe('the middleware without an identity secret', () => {
  useDefaultEnvironment({ CLIENT_IP_SOURCE: 'vercel' });

  it('passes nothing on of what it has counted: nobody could believe it', async () => {
    const middleware = createEdgeMiddleware({ ...OPTIONS, protect: [] });
    const incoming = request('/api/metrics', { [METRICS_HEADER]: 'forged' });
    expect(handedBy(await middleware(incoming), incoming).headers.has(METRICS_HEADER)).toBe(false);
    const forged = new Request(incoming, { headers: { [METRICS_HEADER]: JSON.stringify(getMetrics()) } });
    expect(await getMiddlewareMetrics(forged)).toBeNull();
  });

  it('hands no identity on, and none is accepted: handlers that ask can say nothing of a valid key', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => undefined);
    const { key } = await createApiKey({ owner: 'a' });
    const incoming = request('/api/echo', { 'x-api-key': key, [IDENTITY_HEADER]: 'forged' });
    const inner = handedBy(await createEdgeMiddleware(OPTIONS)(incoming), incoming);
    expect(inner.headers.has(IDENTITY_HEADER)).toBe(false);
    expect(await verifyIdentity(inner)).toEqual({ ok: false, reason: 'unconfigured' });
  });
});

describe('the middleware that only reports', () => {
  useDefaultEnvironment({ CLIENT_IP_SOURCE: 'vercel', BREAKWATER_IDENTITY_SECRET: SECRET });
  const reporting = (options: Partial<EdgeMiddlewareOptions> = {}) =>
    createEdgeMiddleware({ ...OPTIONS, mode: 'report', ...options });

  it('lets through whom it would refuse, unauthenticated: no forged identity, and none of an unknown key', async () => {
    const log = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const middleware = reporting();
    const { key, record } = await createApiKey({ owner: 'acme' });
    const own = request('/api/echo', { 'x-api-key': key });
    const sealed = handedBy(await middleware(own), own).headers.get(IDENTITY_HEADER) ?? '';
    for (const headers of [
      {},
      { [IDENTITY_HEADER]: 'forged' },
      // Sealed for somebody else, and for this very path.
      { [IDENTITY_HEADER]: sealed },
      { [IDENTITY_HEADER]: sealed, 'x-api-key': `${key.slice(0, -1)}x` },
    ]) {
      const incoming = request('/api/echo', headers);
      const answer = await middleware(incoming);
      expect(answer.headers.get('x-middleware-next')).toBe('1');
      const inner = handedBy(answer, incoming);
      expect(inner.headers.get(IDENTITY_HEADER) ?? '').toBe('');
      expect(await verifyIdentity(inner)).toEqual({ ok: false, reason: 'missing' });
    }
    for (let time = 0; time < 5; time += 1) {
      const incoming = request('/api/echo', { 'x-api-key': key });
      const answer = await middleware(incoming);
      for (const name of ['ratelimit', 'ratelimit-policy', 'retry-after']) expect(answer.headers.has(name)).toBe(false);
      expect(await verifyIdentity(handedBy(answer, incoming))).toMatchObject({ ok: true, identity: { id: record.id } });
    }
    const lines = log.mock.calls.map(([line]) => String(line)).filter((line) => line.startsWith('[Guard] Report mode'));
    expect(lines).toEqual([
      expect.stringContaining('401 api-key-missing'),
      expect.stringContaining('401 api-key-malformed'),
      expect.stringContaining('429 quota-exceeded'),
    ]);
  });

  it('takes nobody down: what is not configured is in the log, and every request passes without an identity', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    vi.stubEnv('KV_STORE', 'upstash');
    const incoming = request('/api/echo', { [IDENTITY_HEADER]: 'forged', accept: '*/*' });
    const inner = handedBy(await reporting()(incoming), incoming);
    expect([inner.headers.has(IDENTITY_HEADER), inner.headers.get('accept')]).toEqual([false, '*/*']);
    expect(log).toHaveBeenCalledWith(expect.stringContaining('KV_REST_API_URL'));
  });

  it('is not to be had by accident: a mode that is none, and a route of a guard that is not configured, are a 503', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => undefined);
    const one = reporting({ mode: undefined, protect: [{ path: '/api/*', mode: 'report' }] });
    vi.stubEnv('KV_STORE', 'upstash');
    expect((await one(request())).status).toBe(503);
    vi.stubEnv('KV_STORE', 'memory');
    expect((await one(request())).status).toBe(200);
    expect((await reporting({ mode: 'Report' as 'report' })(request())).status).toBe(503);
  });
});

describe('the middleware of a deployment that is not configured', () => {
  useDefaultEnvironment({ KV_STORE: 'upstash' });

  it('answers 503, says in the log what to set, and works as soon as it is set', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    const middleware = createEdgeMiddleware(OPTIONS);
    const answer = await middleware(request());
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ code: 'misconfigured' });
    expect(log).toHaveBeenCalledWith(expect.stringContaining('KV_REST_API_URL'));
    vi.stubEnv('KV_STORE', 'memory');
    expect((await middleware(request())).status).toBe(401);
  });

  it('answers 503 for routes and policies that do not fit together', async () => {
    vi.stubEnv('KV_STORE', 'memory');
    const log = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    const wrong: EdgeMiddlewareOptions[] = [
      { policies: [], protect: [{ path: '/api/*', limits: { ip: 'ip' } }] },
      { policies: [{ name: 'ip', limit: 0, windowMs: 1 }], protect: [] },
      { policies: [], protect: [{ path: 'api' }] },
      // The handlers' own: both would share accounts.
      { policies: [{ name: 'handler-key', limit: 1, windowMs: 1_000 }], protect: [] },
      { policies: [], protect: [], retryJitter: 2 },
      { policies: [], protect: [], lists: { deny: ['nobody'] } },
    ];
    for (const options of wrong) expect((await createEdgeMiddleware(options)(request())).status).toBe(503);
    expect(log).toHaveBeenCalledTimes(6);
  });
});
