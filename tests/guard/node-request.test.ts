import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createApiKey, verifyIdentity } from '../../lib/auth.ts';
import { IDENTITY_HEADER } from '../../lib/guard/identity.ts';
import { requestOf } from '../../lib/guard/node-request.ts';
import { createNodeGuard, type ServerGuardOptions } from '../../lib/server.ts';
import { useDefaultEnvironment } from '../support/default-environment.ts';

const OPTIONS: ServerGuardOptions = { policies: [], protect: [{ path: '/api/*' }] };

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A server behind the guard; `send` puts a request of these lines on the wire, and answers with what comes back. */
async function guarded(
  handle: (incoming: IncomingMessage, outgoing: ServerResponse) => unknown = ({ url }, outgoing) => outgoing.end(url),
  options: Partial<ServerGuardOptions> = {},
) {
  const guard = createNodeGuard({ ...OPTIONS, ...options });
  const server = createServer(async (incoming, outgoing) => {
    if (await guard(incoming, outgoing)) await handle(incoming, outgoing);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  closing.push(() => server.close());
  const send = (line: string, ...headers: string[]) =>
    new Promise<{ status: number; text: string }>((resolve, reject) => {
      const socket = connect(port, '127.0.0.1').setEncoding('latin1');
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk;
      });
      socket.on('error', reject);
      socket.on('close', () => resolve({ status: Number(text.split(' ')[1]), text }));
      socket.write(
        [`${line} HTTP/1.1`, 'Host: a.test', 'Connection: close', ...headers, '', ''].join('\r\n'),
        'latin1',
      );
    });
  return { send };
}

describe('a request of node:http', () => {
  useDefaultEnvironment({ BREAKWATER_IDENTITY_SECRET: 'an identity secret of more than 32 characters' });

  it.each([
    '/api/x',
    '/%61pi/x',
    '//api//x',
    '/open/../api/x',
    '/open/%2e%2e/api/x',
    '/open\\..\\api\\x',
    'http://elsewhere.test/api/x',
    'http://user:password@elsewhere.test//api/x',
    '/api/x?y=/open',
    '/api/%00',
  ])('cannot step around the routes by how its path is written: %s', async (target) => {
    const { send } = await guarded();
    expect((await send(`GET ${target}`)).status).toBe(401);
  });

  it.each([
    // Whoever reads the first name of the path as that of a host would take these for protected, or for open ones.
    ['//elsewhere.test/api/x', '//elsewhere.test/api/x'],
    ['/api/../open', '/open'],
    ['/api/x/%2E%2e/../open?q=1', '/open?q=1'],
    ['http://elsewhere.test/open?q=1', '/open?q=1'],
    ['*', '/*'],
    ['/open', '/open'],
  ])('shows whoever handles it the path that was looked at: %s is %s', async (target, seen) => {
    const { send } = await guarded();
    const { status, text } = await send(`OPTIONS ${target}`);
    expect([status, text.slice(text.indexOf('\r\n\r\n'))]).toEqual([200, expect.stringContaining(seen)]);
    expect(text).not.toContain('/api/..');
  });

  it('has the identity that was verified, wherever it is read, and none of its sender', async () => {
    const { key, record } = await createApiKey({ owner: 'acme' });
    const seen: unknown[] = [];
    const { send } = await guarded(async (incoming, outgoing) => {
      const { headers, rawHeaders, url } = incoming;
      const names = rawHeaders.filter((name, at) => at % 2 === 0 && name.toLowerCase() === IDENTITY_HEADER);
      const claimed = headers[IDENTITY_HEADER];
      const init = { headers: { [IDENTITY_HEADER]: String(claimed) } };
      seen.push([names.length, typeof claimed, await verifyIdentity(new Request(`http://x${url}`, init))]);
      outgoing.end();
    });
    const forged = [`X-Breakwater-Identity: forged`, `x-breakwater-identity: forged again`];
    await send('GET /api/x', ...forged, `x-api-key: ${key}`);
    await send('GET /open', ...forged);
    expect(seen).toEqual([
      [1, 'string', { ok: true, identity: { id: record.id, owner: 'acme', scopes: [] } }],
      [0, 'undefined', { ok: false, reason: 'altered' }],
    ]);
  });

  it('is counted by where it came from, whatever it says of that', async () => {
    const log = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const { send } = await guarded(undefined, {
      policies: [{ name: 'ip', limit: 1, windowMs: 3_600_000 }],
      protect: [{ path: '/*', auth: 'none', limits: { ip: 'ip' } }],
    });
    const first = await send('GET /', 'x-forwarded-for: 192.0.2.1');
    expect(first.text).toMatch(/ratelimit-policy: "ip";q=1;w=3600/i);
    const second = await send('GET /', 'x-forwarded-for: 192.0.2.2');
    expect(second.text).toMatch(/^HTTP\/1\.1 429 [\s\S]*"code":"quota-exceeded"/);
    // No address would be one account as well.
    expect(log).not.toHaveBeenCalledWith(expect.stringContaining('No trustworthy client address'));
  });

  it('is answered where no fetch-style server has its method', async () => {
    const handle = vi.fn();
    const { send } = await guarded(handle);
    expect((await send('TRACE /open')).text).toMatch(/^HTTP\/1\.1 501 [\s\S]*"code":"method-not-implemented"/);
    expect(handle).not.toHaveBeenCalled();
  });

  it('hands on what stands in its headers, several of a name included, and no line of HTTP/2', () => {
    const headers = { ':path': '/api', 'set-cookie': ['a', 'b'], accept: 'é', absent: undefined };
    const request = requestOf({ method: 'GET', url: '/x', headers, rawHeaders: [], socket: {} });
    expect([...(request?.headers ?? [])]).toEqual([
      ['accept', 'é'],
      ['set-cookie', 'a'],
      ['set-cookie', 'b'],
    ]);
  });

  it.each(['', '?q', 'http://', 'http://a:99999/x', 'ftp://a/x', 'a b', '%zz'])('can have any target: %j', (url) => {
    const request = requestOf({ url, headers: {}, rawHeaders: [], socket: {} });
    expect(request?.url).toMatch(/^http:\/\/localhost\//);
  });
});
