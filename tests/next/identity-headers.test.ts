import { NextRequest } from 'next/server';
import { describe, expect, it, vi } from 'vitest';
import { createApiKey, identityProblem, requireScopes, verifyIdentity } from '../../lib/auth.ts';
import { getDefaults } from '../../lib/default-client.ts';
import { IDENTITY_HEADER } from '../../lib/guard/identity.ts';
import { createEdgeMiddleware } from '../../lib/next/edge-middleware.ts';
import { CIRCUIT_HEADER } from '../../lib/next/forward.ts';
import { useDefaultEnvironment } from '../support/default-environment.ts';
import { handedBy } from '../support/handed-by-next.ts';

const SECRET = 'an identity secret of more than 32 characters';
const FORGED = { [IDENTITY_HEADER]: 'e30.forged', [CIRCUIT_HEADER]: '{"state":"OPEN"}' };
const PREFLIGHT = { origin: 'https://a.test', 'access-control-request-method': 'POST' };

const newMiddleware = () =>
  createEdgeMiddleware({
    policies: [{ name: 'ip', limit: 1_000, windowMs: 3_600_000 }],
    protect: [
      { path: '/api/open/*', auth: 'none' },
      { path: '/api/limited/*', auth: 'none', limits: { ip: 'ip' } },
      { path: '/api/keys/*', scopes: ['admin'], limits: { ip: 'ip' } },
      { path: '/api/*', limits: { ip: 'ip' } },
    ],
  });

const request = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
  new Request(`https://example.test${path}`, { method, headers: { 'x-real-ip': '192.0.2.1', ...headers } });

useDefaultEnvironment({ CLIENT_IP_SOURCE: 'vercel', BREAKWATER_IDENTITY_SECRET: SECRET });

describe('identity headers that a client sends', () => {
  it.each<[string, string, string, Record<string, string>]>([
    ['on a path of no route', 'GET', '/elsewhere', {}],
    ['on a route that is open', 'GET', '/api/open/x', {}],
    ['on a route that is open, beside a credential', 'GET', '/api/open/x', { authorization: 'Bearer x' }],
    ['on a route with limits alone', 'POST', '/api/limited/x', {}],
    ['on a preflight to a protected route', 'OPTIONS', '/api/echo', PREFLIGHT],
    ['on a preflight to a route with scopes', 'OPTIONS', '/api/keys', PREFLIGHT],
    ['beside nothing at all', 'GET', '/elsewhere', { 'x-real-ip': '' }],
  ])('are deleted %s', async (_what, method, path, headers) => {
    const incoming = request(path, { ...headers, ...FORGED }, method);
    const inner = handedBy(await newMiddleware()(incoming), incoming);
    expect([inner.headers.has(IDENTITY_HEADER), inner.headers.has(CIRCUIT_HEADER)]).toEqual([false, false]);
    expect(await verifyIdentity(inner)).toEqual({ ok: false, reason: 'missing' });
  });

  it('are emptied where they are all that has come', async () => {
    const incoming = new Request('https://example.test/elsewhere', { headers: FORGED });
    const inner = handedBy(await newMiddleware()(incoming), incoming);
    expect([...inner.headers]).toEqual([[IDENTITY_HEADER, '']]);
    expect(await verifyIdentity(inner)).toEqual({ ok: false, reason: 'missing' });
  });

  it('are deleted when they were sealed for another: a seal is good once it has come through the guard only', async () => {
    const { seal } = getDefaults();
    const stolen = await seal?.seal({ id: 'key_root', owner: 'root', scopes: ['*'] }, request('/api/open/x'));
    const incoming = request('/api/open/x', { [IDENTITY_HEADER]: stolen ?? '' });
    expect((await verifyIdentity(incoming)).ok).toBe(true);
    expect(await verifyIdentity(handedBy(await newMiddleware()(incoming), incoming))).toEqual({
      ok: false,
      reason: 'missing',
    });
  });

  it.each(['', '\u00ff', 'x'.repeat(100_000), 'a, b', 'null'])(
    'are replaced by the identity of the key, whatever they hold: %s',
    async (value) => {
      const { key, record } = await createApiKey({ owner: 'acme' });
      const incoming = request('/api/echo', { 'x-api-key': key, [IDENTITY_HEADER]: value });
      incoming.headers.append(IDENTITY_HEADER, 'e30.another');
      expect(await verifyIdentity(handedBy(await newMiddleware()(incoming), incoming))).toMatchObject({
        ok: true,
        identity: { id: record.id },
      });
    },
  );

  it('are replaced by the identity of the key while Redis is away', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const middleware = newMiddleware();
    const { key, record } = await createApiKey({ owner: 'acme', scopes: ['admin'] });
    expect((await middleware(request('/api/keys', { 'x-api-key': key }))).status).toBe(200);
    const { kv } = getDefaults();
    kv.circuit.force('FORCED_OPEN');
    const incoming = request('/api/keys', { 'x-api-key': key, ...FORGED });
    const answer = await middleware(incoming);
    expect(answer.headers.get('x-breakwater-degraded')).toBe('keys, limit');
    expect(await requireScopes(handedBy(answer, incoming), 'admin')).toMatchObject({
      ok: true,
      identity: { id: record.id },
    });
    const open = request('/api/open/x', FORGED);
    expect(handedBy(await middleware(open), open).headers.has(IDENTITY_HEADER)).toBe(false);
  });
});

describe('the identity that a handler is handed', () => {
  it('is good although the handler is shown another form of the path', async () => {
    const { key } = await createApiKey({ owner: 'acme' });
    const incoming = request('/api/%65cho/?q=1', { 'x-api-key': key });
    const { headers } = handedBy(await newMiddleware()(incoming), incoming);
    expect((await verifyIdentity(new Request('https://inside.test/api/echo', { headers }))).ok).toBe(true);
  });

  it('is good under a base path, which Next does not show to handlers', async () => {
    const { key } = await createApiKey({ owner: 'acme' });
    const nextConfig = { basePath: '/base' };
    const incoming = new NextRequest(request('/base/api/echo', { 'x-api-key': key }), { nextConfig });
    const { headers } = handedBy(await newMiddleware()(incoming), incoming);
    for (const [path, ok] of [
      ['/api/echo', true],
      ['/base/api/echo', true],
      ['/echo', false],
    ] as const) {
      expect((await verifyIdentity(new Request(`https://example.test${path}`, { headers }))).ok).toBe(ok);
    }
  });

  it('is good for a key with the largest record that there can be', async () => {
    const scopes = Array.from({ length: 64 }, (_, index) => String(index).padStart(64, 's'));
    const { key } = await createApiKey({ owner: '\u0001'.repeat(256), scopes });
    const incoming = request('/api/echo', { 'x-api-key': key });
    expect((await verifyIdentity(handedBy(await newMiddleware()(incoming), incoming))).ok).toBe(true);
  });

  it('is none that would be refused: a source with larger ones is a 503, and a line in the log', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    const { kv, keys } = getDefaults();
    const { key, record } = await createApiKey({ owner: 'a' });
    const { kid, digest } = await keys.digest(key);
    const entry = JSON.stringify({ v: 1, status: 'active', ...record, owner: 'x'.repeat(20_000), generation: 2 });
    await kv.command(['SET', `auth:1:${kid}:${digest}`, entry]);
    const answer = await newMiddleware()(request('/api/echo', { 'x-api-key': key }));
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ code: 'misconfigured' });
    expect(log).toHaveBeenCalledWith('[Breakwater] Not configured: identity is too large to be handed on to handlers');
  });
});

describe('a handler that asks for scopes', () => {
  const handed = async (...scopes: string[]) => {
    const { key } = await createApiKey({ owner: 'acme', scopes });
    const incoming = request('/api/echo', { 'x-api-key': key });
    return handedBy(await newMiddleware()(incoming), incoming);
  };

  it('is told who has them', async () => {
    expect(await requireScopes(await handed('keys:*', 'admin'), 'keys:read', 'admin')).toMatchObject({ ok: true });
    expect(await requireScopes(await handed())).toMatchObject({ ok: true });
  });

  it('refuses with 403 who has not, with 401 who has not come through the guard', async () => {
    const lacking = await requireScopes(await handed('keys:read'), 'keys:read', 'admin');
    expect(lacking).toEqual({ ok: false, reason: 'scope', scopes: ['keys:read', 'admin'] });
    expect(lacking.ok || identityProblem(lacking).status).toBe(403);
    for (const headers of [{}, FORGED]) {
      const skipped = await requireScopes(request('/api/echo', headers), 'admin');
      expect(skipped.ok || identityProblem(skipped).status).toBe(401);
    }
  });

  it.each([[''], ['a b'], ['admin', 'x"'], Array.from({ length: 65 }, () => 'a')])(
    'is refused names that no scope can have, before anything else',
    async (...names) => {
      await expect(requireScopes(request('/api/echo'), ...names)).rejects.toMatchObject({
        code: 'CONFIG',
        setting: 'scopes',
      });
    },
  );
});
