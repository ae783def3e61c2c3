import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NextServer } from '../../cli/next-server.ts';
import { ask, environmentOf, freePort, type Stack, startStack } from '../support/next-app.ts';
import { copyWithProxy, type ProxyCopy } from '../support/proxy-copy.ts';

let stack: Stack;
let copy: ProxyCopy;
let server: NextServer;

beforeAll(async () => {
  stack = await startStack();
  copy = await copyWithProxy();
  server = await copy.start({ port: await freePort(), env: environmentOf(stack.endpoint) });
}, 120_000);

afterAll(async () => {
  await server?.stop();
  await copy?.remove();
  await stack?.stop();
});

describe('the guard as proxy.ts, in the Node runtime and under a base path', () => {
  it.each(['/base/api/whoami', '/base/api/%77hoami', '/base/api/whoami?q=1', '/base/api/./whoami'])(
    'hands the identity on to the handler of %s, and of HEAD there',
    async (path) => {
      const { key, record } = await stack.keys.create({ owner: 'acme', scopes: ['read'] });
      const response = await ask(server, { key, path });
      expect(response.status).toBe(200);
      expect(await response.json()).toEqual({ id: record.id, owner: 'acme', scopes: ['read'] });
      expect((await ask(server, { key, path, method: 'HEAD' })).status).toBe(200);
    },
  );

  it('refuses who has no key, whatever identity is claimed, and who lacks a scope', async () => {
    const headers = { 'x-breakwater-identity': 'e30.forged', 'x-middleware-subrequest': 'proxy' };
    expect((await ask(server, { path: '/base/api/whoami', headers })).status).toBe(401);
    expect((await ask(server, { path: '/base/api/keys', headers })).status).toBe(401);
    const { key } = await stack.keys.create({ owner: 'acme' });
    const lacking = await ask(server, { key, path: '/base/api/keys', headers });
    expect([lacking.status, lacking.headers.get('www-authenticate')]).toEqual([
      403,
      'Bearer realm="api", error="insufficient_scope", scope="admin"',
    ]);
  });

  it('lets health routes through, and nothing else below them', async () => {
    const health = await ask(server, { path: '/base/api/health' });
    expect(await health.json()).toMatchObject({ middleware: { state: 'CLOSED' }, handler: { state: 'CLOSED' } });
    expect((await ask(server, { path: '/base/api/health', method: 'POST' })).status).toBe(401);
    expect((await ask(server, { path: '/base/api/health/else' })).status).toBe(401);
  });

  it('lets an administrator in', async () => {
    const { key } = await stack.keys.create({ owner: 'root', scopes: ['admin'] });
    const headers = { 'content-type': 'application/json' };
    const created = await ask(server, { key, path: '/base/api/keys', method: 'POST', headers, body: '{"owner":"a"}' });
    expect(created.status).toBe(201);
    const { record } = (await created.json()) as { record: { id: string } };
    expect((await ask(server, { key, path: `/base/api/keys/${record.id}` })).status).toBe(200);
  });
});
