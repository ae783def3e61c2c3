import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NextServer } from '../../cli/next-server.ts';
import { ask, type Stack, startStack } from '../support/next-app.ts';

let stack: Stack;
let server: NextServer;
let key: string;

beforeAll(async () => {
  stack = await startStack();
  server = await stack.start();
  ({ key } = await stack.keys.create({ owner: 'acme' }));
}, 120_000);

afterAll(() => stack.stop());

/** The first line of what the server answers to bytes that no client library would send. */
function raw(request: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1', () => socket.write(request));
    let answer = '';
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      answer += chunk;
    });
    // A server that has seen enough may cut the connection before its answer is read.
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(answer.split('\r\n', 1)[0] || 'cut off'));
  });
}

const request = (path: string, ...headers: readonly string[]) =>
  `${[`GET ${path} HTTP/1.1`, 'Host: localhost', 'Connection: close', ...headers].join('\r\n')}\r\n\r\n`;

describe('hostile input', () => {
  it.each([
    ['a header of 12 KB', request('/api/whoami', `x-api-key: ${'k'.repeat(12_000)}`)],
    ['a NUL in a header', request('/api/whoami', 'x-api-key: a\0b')],
    ['bytes that are not UTF-8', request('/api/whoami', 'x-api-key: \xff\xfe\xfd')],
    ['an empty bearer token', request('/api/whoami', 'Authorization: Bearer ')],
    ['another scheme', request('/api/whoami', 'Authorization: Basic dXNlcjpwYXNz')],
    ['a key with Redis in it', request('/api/whoami', 'x-api-key: *\\r\\nFLUSHALL\\r\\n{}:')],
    ['2,000 hops', request('/api/whoami', `x-forwarded-for: ${Array(2_000).fill('1.1.1.1').join(',')}`)],
    ['hops that are no addresses', request('/api/whoami', 'x-forwarded-for: ,,unknown,"[::1]:x",%00')],
    ['a path that is no UTF-8', request('/api/%ff%fe')],
    ['a path with dots', request('/api/health/../whoami')],
    ['an encoded path with dots', request('/api/health/..%2fwhoami')],
    ['a public path that hides another', request('/api/health/redis%2f..%2f..%2fwhoami')],
    ['double slashes', request('//api//whoami')],
    ['capitals', request('/API/WHOAMI')],
    ['an absolute target', request('http://localhost/api/whoami')],
    ['a header that skipped the middleware of old', request('/api/whoami', 'x-middleware-subrequest: middleware')],
    [
      'a forged result of the middleware',
      request('/api/whoami', 'x-middleware-next: 1', 'x-breakwater-identity: e30.x'),
    ],
  ])('gets a 3xx or 4xx: %s', async (_, bytes) => {
    expect(await raw(bytes)).toMatch(/^HTTP\/1\.1 [34]\d\d /);
  });

  it.each(['/api/%ff', '/api/%', '/api/keys/%c3/usage', '/api/health/%ED%A0%80', '/api/whoami/%zz'])(
    'gets a 400 for the path %s, with a key too, and not what the framework makes of it',
    async (path) => {
      const answer = await raw(request(path, `x-api-key: ${key}`));
      expect(answer).toBe('HTTP/1.1 400 Bad Request');
    },
  );

  it('is cut off at a header of 64 KB', async () => {
    const answer = await raw(request('/api/whoami', `x-api-key: ${'k'.repeat(65_536)}`));
    expect(['cut off', 'HTTP/1.1 431 Request Header Fields Too Large']).toContain(answer);
  });

  it('leaves the front door standing', async () => {
    expect((await ask(server, { key })).status).toBe(200);
    expect(server.output()).not.toMatch(/Error/);
  });

  it('answers HEAD as GET, without a body', async () => {
    const response = await ask(server, { key, method: 'HEAD' });
    expect([response.status, await response.text()]).toEqual([200, '']);
  });

  it('puts clients without a trustworthy address into one account, and never lets them off', async () => {
    const statuses: number[] = [];
    const client = async () => {
      for (let turn = 0; turn < 50; turn += 1) {
        statuses.push((await ask(server, { key: stack.keys.format.generate(), ip: 'unknown' })).status);
      }
    };
    await Promise.all(Array.from({ length: 8 }, client));
    // Five permits a second come back while the burst is under way.
    expect(statuses.filter((status) => status === 401).length).toBeGreaterThanOrEqual(300);
    expect(statuses).toContain(429);
  });
});
