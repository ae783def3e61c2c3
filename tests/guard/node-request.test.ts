import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createApiKey, verifyIdentity } from '../../lib/auth.ts';
import { IDENTITY_HEADER } from '../../lib/guard/identity.ts';
import { requestOf } from '../../lib/guard/node-request.ts';
import { createNodeGuard, type ServerGuardOptions } from '../../lib/server.ts';
import { useDefaultEnvironment } from '../support/default-environment.ts';
import { eventually } from '../support/eventually.ts';

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
  const settled: unknown[] = [];
  const server = createServer(async (incoming, outgoing) => {
    const passage = await guard(incoming, outgoing);
    settled.push(passage);
    if (passage) await handle(incoming, outgoing);
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
  return { port, send, settled };
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

  it.each(['/API/x', '/Api', '/%41PI/x'])(
    'is protected however large it is written, unless it is told apart: %s',
    async (target) => {
      const { send } = await guarded();
      expect((await send(`GET ${target}`)).status).toBe(401);
      const apart = await guarded(undefined, { caseSensitive: true });
      expect((await apart.send(`GET ${target}`)).status).toBe(200);
    },
  );

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

  it.each<[string, Record<string, string>, Partial<ServerGuardOptions>]>([
    ['who is on a list', {}, { lists: { deny: ['127.0.0.1'] } }],
    ['who writes an address of its own', { TRUSTED_PROXIES: '10.0.0.0/8' }, { lists: { deny: ['192.0.2.1'] } }],
  ])('is not handled where its connection was reset, so that nobody knows %s', async (_whom, env, options) => {
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
    const handle = vi.fn();
    const protect = [{ path: '/*', auth: 'none' }] as const;
    const { port, settled } = await guarded(handle, { protect, ...options });
    const socket = connect(port, '127.0.0.1').on('error', () => undefined);
    await once(socket, 'connect');
    socket.write('POST /open HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: 198.51.100.7\r\nContent-Length: 0\r\n\r\n');
    socket.resetAndDestroy();
    await eventually(() => settled.length === 1);
    expect([settled, handle.mock.calls]).toEqual([[undefined], []]);
  });

  it('is not handled where its client of HTTP/2 has gone before the guard is called', async () => {
    const guard = createNodeGuard({ policies: [], protect: [{ path: '/*', auth: 'none' }] });
    const passages: unknown[] = [];
    const server = createHttp2Server(async (incoming, outgoing) => {
      client.destroy();
      await eventually(() => incoming.stream.destroyed);
      passages.push(await guard(incoming, outgoing).catch((error: unknown) => error));
    }).listen(0, '127.0.0.1');
    closing.push(() => server.close());
    await once(server, 'listening');
    const client = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    client.request({ ':path': '/' }).on('error', () => undefined);
    await eventually(() => passages.length === 1);
    expect(passages).toEqual([undefined]);
  });

  it('is handled where it has come by a Unix socket, which has no address', async () => {
    const guard = createNodeGuard({ policies: [], protect: [{ path: '/*', auth: 'none' }] });
    const folder = await mkdtemp(join(tmpdir(), 'guard-'));
    const server = createServer(async (incoming, outgoing) => {
      if (await guard(incoming, outgoing)) outgoing.end('handled');
    }).listen(join(folder, 'socket'));
    closing.push(() => server.close(() => void rm(folder, { recursive: true })));
    await once(server, 'listening');
    const socket = connect(join(folder, 'socket')).setEncoding('utf8');
    socket.write('GET / HTTP/1.0\r\n\r\n');
    expect((await socket.toArray()).join('')).toMatch(/^HTTP\/1\.1 200 [\s\S]*handled/);
  });

  it.each(['/api/x', '/open'])(
    'is left alone where somebody has answered while its key was looked up: %s',
    async (at) => {
      const protect = [{ path: '/api/*' }, { path: '/*', auth: 'none', limits: { ip: 'ip' } }] as const;
      const guard = createNodeGuard({ policies: [{ name: 'ip', limit: 5, windowMs: 60_000 }], protect });
      const asked: Promise<unknown>[] = [];
      const server = createServer((incoming, outgoing) => {
        asked.push(guard(incoming, outgoing));
        outgoing.writeHead(504).end();
      }).listen(0, '127.0.0.1');
      closing.push(() => server.close());
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      expect((await fetch(`http://127.0.0.1:${port}${at}`)).status).toBe(504);
      expect(await Promise.all(asked)).toEqual([undefined]);
    },
  );

  it('is refused with the headers of the refusal alone, and counted by two guards with a header for one', async () => {
    const of = (limit: number) =>
      createNodeGuard({
        policies: [{ name: `of-${limit}`, limit, windowMs: 3_600_000 }],
        protect: [{ path: '/open', auth: 'none', limits: { [`of-${limit}`]: 'ip' } }, { path: '/*' }],
        headers: ['draft-11', 'legacy'],
      });
    const guards = [of(5), of(7)];
    const server = createServer(async (incoming, outgoing) => {
      outgoing.setHeader('content-type', 'text/html').setHeader('cache-control', 'public');
      for (const guard of guards) if (!(await guard(incoming, outgoing))) return;
      outgoing.end();
    }).listen(0, '127.0.0.1');
    closing.push(() => server.close());
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const { headers } = await fetch(`http://127.0.0.1:${port}/closed`);
    expect([headers.get('content-type'), headers.get('cache-control')]).toEqual([
      'application/problem+json',
      'no-store',
    ]);
    const open = await fetch(`http://127.0.0.1:${port}/open`);
    expect(open.headers.get('ratelimit-policy')).toBe('"of-5";q=5;w=3600, "of-7";q=7;w=3600');
    expect(open.headers.get('x-ratelimit-limit')).toBe('5');
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
