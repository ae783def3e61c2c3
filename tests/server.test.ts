import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { describe, expect, it, vi } from 'vitest';
import { createApiKey, verifyIdentity } from '../lib/auth.ts';
import { IDENTITY_HEADER } from '../lib/guard/identity.ts';
import { rateLimitByIp } from '../lib/rate-limit.ts';
import {
  createRequestGuard,
  type Passage,
  type RequestGuard,
  type ServerGuardOptions,
  withGuard,
} from '../lib/server.ts';
import { forgetDefaults, useDefaultEnvironment } from './support/default-environment.ts';

const SECRET = 'an identity secret of more than 32 characters';
const OPTIONS: ServerGuardOptions = {
  policies: [
    { name: 'ip', limit: 5, windowMs: 3_600_000 },
    { name: 'key', limit: 2, windowMs: 3_600_000 },
  ],
  protect: [
    { path: '/open', auth: 'none', limits: { ip: 'ip' } },
    { path: '/api/*', limits: { key: 'key' } },
  ],
};

const request = (path = '/api/x', init: RequestInit = {}) => new Request(`https://example.test${path}`, init);
const passed = async (asked: ReturnType<RequestGuard>): Promise<Passage> => {
  const passage = await asked;
  if (passage.response) throw new Error(`Answered with ${passage.response.status}`);
  return passage;
};
const whoami = async (handed: Request) => Response.json(await verifyIdentity(handed));

describe('the guard of a fetch-style server', () => {
  useDefaultEnvironment({ BREAKWATER_IDENTITY_SECRET: SECRET });

  it('hands a request on with an identity that its handler can verify, and with its body', async () => {
    const { key, record } = await createApiKey({ owner: 'acme' });
    const handled = withGuard(async (handed) => {
      const identity = await verifyIdentity(handed);
      return Response.json({ identity, body: await handed.text() });
    }, OPTIONS);
    const headers = { 'x-api-key': key, [IDENTITY_HEADER]: 'forged' };
    const answer = await handled(request('/api/x', { method: 'POST', body: 'hello', headers }));
    expect(await answer.json()).toEqual({
      identity: { ok: true, identity: { id: record.id, owner: 'acme', scopes: [] } },
      body: 'hello',
    });
    expect(answer.headers.get('ratelimit')).toBe('"key";r=1;t=1800');
  });

  it('answers who may not pass itself, and the handler hears nothing of it', async () => {
    const handler = vi.fn(() => new Response('never'));
    const handled = withGuard(handler, OPTIONS);
    const { key } = await createApiKey({ owner: 'a', limits: { key: { limit: 1, windowMs: 3_600_000 } } });
    const { decision } = await createRequestGuard(OPTIONS)(request('/api/x', { headers: { 'x-api-key': key } }));
    expect(decision).toMatchObject({ outcome: 'allow', identity: { owner: 'a' } });
    const refused = await handled(request('/api/x', { headers: { 'x-api-key': key } }));
    expect([refused.status, refused.headers.has('retry-after')]).toEqual([429, true]);
    expect((await handled(request())).status).toBe(401);
    expect(handler).not.toHaveBeenCalled();
  });

  it('takes away an identity that a client has sent, on every path, and makes no copy of a request for nothing', async () => {
    const guardRequest = createRequestGuard(OPTIONS);
    for (const path of ['/elsewhere', '/open']) {
      const forged = request(path, { headers: { [IDENTITY_HEADER]: 'forged', accept: '*/*' } });
      const { headers } = (await passed(guardRequest(forged))).request;
      expect([headers.has(IDENTITY_HEADER), headers.get('accept')]).toEqual([false, '*/*']);
      const plain = request(path);
      expect((await passed(guardRequest(plain))).request).toBe(plain);
    }
  });

  it('takes it away also where the body has been read already, or is being read', async () => {
    const guardRequest = createRequestGuard(OPTIONS);
    const posted = () => request('/open', { method: 'POST', body: 'x', headers: { [IDENTITY_HEADER]: 'forged' } });
    const [read, held] = [posted(), posted()];
    await read.text();
    held.body?.getReader();
    for (const one of [read, held]) {
      const handed = (await passed(guardRequest(one))).request;
      expect([handed.method, handed.headers.has(IDENTITY_HEADER), await handed.text()]).toEqual(['POST', false, '']);
    }
  });

  it('hands on a request of @hono/node-server that is no Request of the platform', async () => {
    const { key } = await createApiKey({ owner: 'acme' });
    const handler = async (handed: Request) =>
      Response.json({ body: await handed.text(), ...(await verifyIdentity(handed)) });
    const server = serve({ fetch: withGuard(handler, OPTIONS), port: 0, overrideGlobalObjects: false });
    try {
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const init = { method: 'POST', body: 'hello', headers: { 'x-api-key': key, [IDENTITY_HEADER]: 'forged' } };
      const answer = await fetch(`http://127.0.0.1:${port}/api/x`, init);
      expect(await answer.json()).toMatchObject({ body: 'hello', ok: true, identity: { owner: 'acme' } });
    } finally {
      server.close();
    }
  });

  it('continues what a response says of limits, and leaves one alone of which nothing is to be said', async () => {
    const guardRequest = createRequestGuard(OPTIONS);
    const limited = await passed(guardRequest(request('/open'), { address: '192.0.2.1' }));
    const redirect = limited.finish(Response.redirect('https://example.test/'));
    expect([redirect.status, redirect.headers.get('ratelimit-policy')]).toEqual([302, '"ip";q=5;w=3600']);
    const answer = new Response('as it was');
    expect((await passed(guardRequest(request('/elsewhere')))).finish(answer)).toBe(answer);
  });

  it.each<[string, readonly unknown[], boolean]>([
    ['Workers', [{ SOME: 'binding' }, { waitUntil: true }], true],
    ['Bun', [{ requestIP: () => null }], false],
    ['nothing', [undefined, null, 'text', 7], false],
  ])('keeps the platform awake where it can: what %s call the handler with', async (_name, rest, expected) => {
    const works: Promise<unknown>[] = [];
    const context = {
      works,
      // Workers want to be called as the method that it is.
      waitUntil(this: { works: Promise<unknown>[] }, work: Promise<unknown>) {
        this.works.push(work);
      },
    };
    const given = rest.map((one) => (expected && one === rest.at(-1) ? context : one));
    const seen: unknown[][] = [];
    const handled = withGuard(
      (_request: Request, ...more: unknown[]) => {
        seen.push(more);
        return new Response('ok');
      },
      {
        ...OPTIONS,
        prefetch: true,
        policies: ['ip', 'key'].map((name) => ({ name, limit: 3_600, windowMs: 3_600_000, maxOverAdmission: 0.1 })),
      },
    );
    const { key } = await createApiKey({ owner: 'acme' });
    for (let time = 0; time < 100; time += 1) {
      await handled(request('/api/x', { headers: { 'x-api-key': key } }), ...given);
      await Promise.all(works);
    }
    expect(seen[99]).toEqual(given);
    expect(works.length > 0).toBe(expected);
  });

  it('throws what a handler throws, and nothing of its own', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => undefined);
    const failing = withGuard(() => Promise.reject(new Error('of the handler')), OPTIONS);
    await expect(failing(request('/elsewhere'))).rejects.toThrow('of the handler');
    forgetDefaults();
    vi.stubEnv('KV_STORE', 'typo');
    const passage = await createRequestGuard(OPTIONS)(request());
    expect(passage.response?.status).toBe(503);
    expect(passage.decision).toMatchObject({ code: 'misconfigured' });
  });

  it('refuses nobody where it only reports, and says whom it would have refused', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const passage = await passed(createRequestGuard({ ...OPTIONS, mode: 'report' })(request()));
    expect(passage.decision).toMatchObject({ reported: { code: 'api-key-missing' } });
    expect(await (await whoami(passage.request)).json()).toEqual({ ok: false, reason: 'missing' });
  });
});

describe('where a connection came from', () => {
  useDefaultEnvironment();

  const statuses = async (connections: readonly (string | undefined)[], headers: Record<string, string> = {}) => {
    const handled = withGuard((_request, _address: string | undefined) => new Response('ok'), {
      policies: [{ name: 'ip', limit: 1, windowMs: 3_600_000 }],
      protect: [{ path: '/*', auth: 'none', limits: { ip: 'ip' } }],
      address: (_request, address) => address,
    });
    const seen: number[] = [];
    for (const address of connections) seen.push((await handled(request('/', { headers }), address)).status);
    return seen;
  };

  it('is who the client is, where the environment names nobody who knows better', async () => {
    const forged = { 'x-forwarded-for': '198.51.100.1', 'x-real-ip': '198.51.100.2' };
    expect(await statuses(['192.0.2.1', '192.0.2.2', '::ffff:192.0.2.1', '192.0.2.2'], forged)).toEqual([
      200, 200, 429, 429,
    ]);
  });

  it('is one account of all where the server does not tell', async () => {
    const log = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    expect(await statuses([undefined, undefined], { 'x-forwarded-for': '198.51.100.1' })).toEqual([200, 429]);
    expect(log).toHaveBeenCalledWith(expect.stringContaining('CLIENT_IP_SOURCE'));
  });

  it('is the nearest proxy where proxies are named, and else a client who writes what it likes', async () => {
    vi.stubEnv('TRUSTED_PROXIES', '10.0.0.0/8');
    expect(await statuses(['10.0.0.1', '10.0.0.2'], { 'x-forwarded-for': '192.0.2.1' })).toEqual([200, 429]);
    expect(await statuses(['192.0.2.7', '192.0.2.8'], { 'x-forwarded-for': '192.0.2.1' })).toEqual([200, 200]);
  });

  it('is nobody where a server does not know it any more, whatever the headers say', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    vi.stubEnv('TRUSTED_PROXIES', '10.0.0.0/8');
    expect(await statuses([undefined, undefined], { 'x-forwarded-for': '192.0.2.1' })).toEqual([200, 429]);
    expect(await statuses(['10.0.0.1'], { 'x-forwarded-for': '192.0.2.1' })).toEqual([200]);
  });

  it('is known to handlers too', async () => {
    const guardRequest = createRequestGuard({ policies: [], protect: [{ path: '/*', auth: 'none' }] });
    const remaining = async (address: string, headers = {}) => {
      const passage = await passed(guardRequest(request('/', { headers }), { address }));
      return (await rateLimitByIp(passage.request, 10, 3_600_000)).remaining;
    };
    const seen = [await remaining('192.0.2.1'), await remaining('192.0.2.2')];
    // Of which a copy is made.
    seen.push(await remaining('192.0.2.1', { [IDENTITY_HEADER]: 'forged' }));
    expect(seen).toEqual([9, 9, 8]);
  });
});

describe('a Hono application behind the guard', () => {
  useDefaultEnvironment({ BREAKWATER_IDENTITY_SECRET: SECRET });

  it('is guarded whole, its own middleware and routes included', async () => {
    const app = new Hono().basePath('/api');
    app.get('/whoami', (c) => whoami(c.req.raw));
    app.post('/echo', async (c) => c.json({ echo: await c.req.json(), ...(await verifyIdentity(c.req.raw)) }));
    const handled = withGuard(app.fetch, OPTIONS);
    expect((await handled(request('/api/whoami'))).status).toBe(401);
    const { key } = await createApiKey({ owner: 'acme' });
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    expect(await (await handled(request('/api/whoami', { headers }))).json()).toMatchObject({ ok: true });
    const echo = await handled(request('/api/echo', { method: 'POST', headers, body: '{"a":1}' }));
    expect(await echo.json()).toMatchObject({ echo: { a: 1 }, ok: true, identity: { owner: 'acme' } });
    expect((await handled(request('/nowhere'))).status).toBe(404);
  });
});
