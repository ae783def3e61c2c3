import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NextServer } from '../../cli/next-server.ts';
import { type Ask, ask, newAddress, type Stack, startStack } from '../support/next-app.ts';

let stack: Stack;
let first: NextServer;
let second: NextServer;
let admin: string;

const plenty = { key: { limit: 1_000_000, windowMs: 3_600_000 } };

beforeAll(async () => {
  stack = await startStack();
  [first, second] = await Promise.all([stack.start(), stack.start()]);
  admin = (await newKey('admin')).key;
}, 120_000);

afterAll(() => stack.stop());

const newKey = (...scopes: string[]) => stack.keys.create({ owner: 'acme', scopes, limits: plenty });

const clients = { next: 1 << 16 };

/** As the administrator, from an address of its own, unless told otherwise. */
function send(server: NextServer, method: string, path: string, call: Ask = {}) {
  clients.next += 1;
  const headers = { 'content-type': 'application/json', ...call.headers };
  return ask(server, { key: admin, ip: newAddress(clients.next), ...call, method, path, headers });
}

const statusOf = async (response: Promise<Response>) => (await response).status;
const whoami = (server: NextServer, key: string) => statusOf(send(server, 'GET', '/api/whoami', { key }));

/** The whole answer to bytes that no client library would send. */
function raw(...lines: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    const request = ['GET /api/whoami HTTP/1.1', 'Host: localhost', 'Connection: close', ...lines, '', ''].join('\r\n');
    const socket = connect(Number(new URL(first.url).port), '127.0.0.1', () => socket.write(request, 'latin1'));
    let answer = '';
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      answer += chunk;
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(answer));
  });
}

describe('a credential that is none', () => {
  const KEY = 'Authorization: Bearer KEY';

  it.each<[string, readonly string[], RegExp]>([
    ['with a NUL', [`${KEY}\0`], /^HTTP\/1\.1 400 /],
    ['with a line break in it', [`${KEY}\nx`], /^HTTP\/1\.1 400 /],
    ['with a carriage return in it', [`${KEY}\rx`], /^HTTP\/1\.1 400 /],
    ['over two lines', [KEY, ' x'], /^HTTP\/1\.1 400 /],
    ['with a byte that is not ASCII', [`${KEY}\xff`], /api-key-malformed/],
    ['with UTF-8', [`${KEY}\xc3\xa9`], /api-key-malformed/],
    ['behind a space that is none', ['Authorization: Bearer \xc2\xa0KEY'], /api-key-malformed/],
    ['behind a single byte that is a space elsewhere', ['Authorization: Bearer \xa0KEY'], /api-key-malformed/],
    ['before a single byte that is a space elsewhere', ['x-api-key: KEY\xa0'], /api-key-malformed/],
    ['in quotes', ['Authorization: Bearer "KEY"'], /api-key-malformed/],
    ['twice in one header', ['Authorization: Bearer KEY, Bearer KEY'], /api-key-malformed/],
    ['in two headers of one name', ['x-api-key: KEY', 'x-api-key: KEY'], /api-key-malformed/],
    ['under another scheme', ['Authorization: Basic KEY'], /api-key-missing/],
    ['without a scheme', ['Authorization: KEY'], /api-key-missing/],
    ['of 12 KB', [`Authorization: Bearer ${'KEY'.repeat(260)}`], /api-key-malformed/],
    ['of 64 KB', [`Authorization: Bearer ${'KEY'.repeat(1_400)}`], /^(HTTP\/1\.1 431 |$)/],
  ])('is refused: a valid key %s', async (_, lines, expected) => {
    expect(await raw(...lines.map((line) => line.replaceAll('KEY', admin)))).toMatch(expected);
  });

  it('is no more than the first of two headers', async () => {
    const { key, record } = await newKey();
    const answer = await raw(`Authorization: Bearer ${key}`, `Authorization: Bearer ${admin}`);
    expect(answer).toContain(record.id);
  });
});

describe('more than a thousand unknown keys', () => {
  const guess = (ip: string) => send(first, 'GET', '/api/whoami', { key: stack.keys.format.generate(), ip });

  it('lock out further ones of their address, and keep no valid key of it out before the limit of the address', async () => {
    const { key } = await newKey();
    const codes: string[] = [];
    for (let turn = 0; turn < 60; turn += 1) codes.push(((await (await guess('198.51.100.1')).json()) as Refused).code);
    expect(new Set(codes)).toEqual(new Set(['api-key-invalid', 'too-many-unknown-keys']));
    expect(await statusOf(send(first, 'GET', '/api/whoami', { key, ip: '198.51.100.1' }))).toBe(200);

    const statuses: number[] = [];
    const lane = async () => {
      for (let turn = 0; turn < 150; turn += 1) statuses.push(await statusOf(guess('198.51.100.1')));
    };
    await Promise.all(Array.from({ length: 8 }, lane));
    // A lockout ends now and then, and lets one guess through.
    expect(statuses.filter((status) => status !== 429 && status !== 401)).toEqual([]);
    expect(statuses.filter((status) => status === 401).length).toBeLessThan(10);
    const locked = await send(first, 'GET', '/api/whoami', { key, ip: '198.51.100.1' });
    // By the limit of its address: never a 401.
    expect([200, 429]).toContain(locked.status);
    for (const server of [first, second]) expect(await whoami(server, key)).toBe(200);
  });
});

interface Refused {
  readonly code: string;
}

describe('a body that is meant to hurt', () => {
  const nested = (open: string, close: string, depth: number) =>
    `{"owner":"a","config":${open.repeat(depth)}1${close.repeat(depth)}}`;

  it.each<[string, string, number]>([
    ['1 MB', JSON.stringify({ owner: 'x'.repeat(1_000_000) }), 413],
    ['12 MB', JSON.stringify({ owner: 'x'.repeat(12_000_000) }), 413],
    ['an owner of 60 KB', JSON.stringify({ owner: 'x'.repeat(60_000) }), 400],
    ['30,000 lists in each other', nested('[', ']', 30_000), 400],
    ['10,000 objects in each other', nested('{"a":', '}', 10_000), 400],
    ['60,000 lists that do not end', '['.repeat(60_000), 400],
    ['5,000 fields', JSON.stringify(Object.fromEntries(Array.from({ length: 5_000 }, (_, at) => [`f${at}`, 1]))), 400],
    ['5,000 scopes', JSON.stringify({ owner: 'a', scopes: Array(5_000).fill('x') }), 400],
    ['a prototype', '{"owner":"a","__proto__":{"scopes":["admin"]}}', 400],
    ['a prototype for limits', '{"owner":"a","limits":{"__proto__":{"limit":1,"windowMs":1}}}', 400],
  ])('is a problem of its client: %s', async (_, body, status) => {
    const response = await send(first, 'POST', '/api/keys', { body });
    expect([response.status, response.headers.get('content-type')]).toEqual([status, 'application/problem+json']);
    expect(await response.json()).toMatchObject({ status });
  });

  it.each<[string, string]>([
    [
      'constructors as payload',
      '{"owner":"a","config":{"__proto__":{"x":1},"constructor":{"prototype":{}},"toJSON":1}}',
    ],
    ['900 limits', JSON.stringify({ owner: 'a', limits: numbered(900, 'p', { limit: 1, windowMs: 1_000 }) })],
    ['60 KB of payload', JSON.stringify({ owner: 'a', config: 'é'.repeat(30_000) })],
    ['an owner of control characters', '{"owner":"\\u0000\\r\\n\\u007f"}'],
  ])('is stored as it is, and its key works: %s', async (_, body) => {
    const created = await send(first, 'POST', '/api/keys', { body });
    expect(created.status).toBe(201);
    const { key } = (await created.json()) as { key: string };
    for (const server of [first, second]) expect(await whoami(server, key)).toBe(200);
  });
});

function numbered(count: number, name: string, value: object): object {
  return Object.fromEntries(Array.from({ length: count }, (_, at) => [`${name}${at}`, value]));
}

describe('changes of one key at the same time, through two processes', () => {
  it('leave none of its keys working once it is revoked, and none but the last before', async () => {
    const { key, record } = await newKey();
    const rotate = (at: number) => send(at % 2 ? first : second, 'POST', `/api/keys/${record.id}/rotate`);
    const rotations = await Promise.all(Array.from({ length: 12 }, (_, at) => rotate(at)));
    // Whoever is overtaken again and again is told to come back.
    expect(rotations.filter(({ status }) => status !== 200 && status !== 503)).toEqual([]);
    const issued = await Promise.all(
      rotations
        .filter(({ ok }) => ok)
        .map(async (one) => (await one.json()) as { key: string; record: { generation: number } }),
    );
    expect(issued.length).toBeGreaterThanOrEqual(1);
    issued.sort((one, other) => one.record.generation - other.record.generation);
    const all = [key, ...issued.map((one) => one.key)];
    for (const server of [first, second]) {
      const statuses = await Promise.all(all.map((one) => whoami(server, one)));
      expect(statuses).toEqual([...all.slice(1).map(() => 401), 200]);
    }

    const revoke = (server: NextServer) => send(server, 'DELETE', `/api/keys/${record.id}`);
    const ends = await Promise.all([rotate(0), revoke(first), rotate(1), revoke(second), rotate(2)]);
    expect(ends.map(({ status }) => status).filter((status) => ![200, 404, 503].includes(status))).toEqual([]);
    expect(await statusOf(revoke(first))).toBe(200);
    for (const end of ends) {
      const { key: last } = (await end.json()) as { key?: string };
      if (last !== undefined) all.push(last);
    }
    for (const server of [first, second]) {
      expect(new Set(await Promise.all(all.map((one) => whoami(server, one))))).toEqual(new Set([401]));
    }
  });

  it('end an administrator that ends itself: what it was told has been done, and nothing after', async () => {
    const { key, record } = await newKey('admin');
    const owner = 'of an administrator on its way out';
    const create = (server: NextServer) => send(server, 'POST', '/api/keys', { key, body: JSON.stringify({ owner }) });
    const end = (server: NextServer) => send(server, 'DELETE', `/api/keys/${record.id}`, { key });
    const answers = await Promise.all(
      Array.from({ length: 24 }, (_, at) =>
        at === 8 ? end(first) : at === 9 ? end(second) : create(at % 2 ? first : second),
      ),
    );
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => ![200, 201, 401].includes(status))).toEqual([]);
    expect(statuses).toContain(200);
    for (const server of [first, second]) {
      for (const late of [create(server), end(server)]) expect(await statusOf(late)).toBe(401);
    }
    const made = (await stack.keys.list()).filter((one) => one.owner === owner);
    expect(made).toHaveLength(statuses.filter((status) => status === 201).length);
  });

  it('leave the handlers standing', () => {
    for (const server of [first, second]) expect(server.output()).not.toContain('[Breakwater] Failed to answer');
  });
});
