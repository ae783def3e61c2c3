import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NextServer } from '../../cli/next-server.ts';
import { ask as askServer, newAddress, type Stack, startStack } from '../support/next-app.ts';

let stack: Stack;
let server: NextServer;
let admin: string;

beforeAll(async () => {
  stack = await startStack();
  server = await stack.start();
  admin = (await newKey('admin')).key;
}, 120_000);

afterAll(() => stack.stop());

interface Issued {
  readonly key: string;
  readonly record: { readonly id: string; readonly generation: number };
}

/** With a limit that no test reaches. */
const newKey = (...scopes: string[]) =>
  stack.keys.create({ owner: 'acme', scopes, limits: { key: { limit: 1_000_000, windowMs: 3_600_000 } } });

/** As the administrator, unless told otherwise. */
function ask(
  method: string,
  path: string,
  { body, ...more }: { body?: object; key?: string | undefined; ip?: string; headers?: Record<string, string> } = {},
) {
  const json = body && { body: JSON.stringify(body) };
  const headers = { ...(body && { 'content-type': 'application/json' }), ...more.headers };
  return askServer(server, { key: admin, ...more, path, method, headers, ...json });
}

const whoami = async (key: string) => (await ask('GET', '/api/whoami', { key })).status;

const ENDPOINTS: readonly (readonly [string, string, object | undefined])[] = [
  ['POST', '/api/keys', { owner: 'intruder' }],
  ['GET', '/api/keys', undefined],
  ['GET', '/api/keys/key_0000000000000000', undefined],
  ['POST', '/api/keys/key_0000000000000000/rotate', {}],
  ['DELETE', '/api/keys/key_0000000000000000', undefined],
];

describe('the life of a key', () => {
  it('goes from its creation through its use and rotation with grace to its end', async () => {
    const created = await ask('POST', '/api/keys', {
      body: { owner: 'globex', scopes: ['read'], expiresInSeconds: 3_600 },
    });
    expect([created.status, created.headers.get('cache-control')]).toEqual([201, 'no-store']);
    const first = (await created.json()) as Issued;
    const path = `/api/keys/${first.record.id}`;
    expect(created.headers.get('location')).toBe(path);
    expect(await (await ask('GET', '/api/whoami', { key: first.key })).json()).toEqual({
      id: first.record.id,
      owner: 'globex',
      scopes: ['read'],
    });

    const rotated = await ask('POST', `${path}/rotate`, { body: { graceSeconds: 3_600 } });
    expect(rotated.status).toBe(200);
    const second = (await rotated.json()) as Issued;
    expect(second.record).toMatchObject({ id: first.record.id, generation: 2 });
    expect(await Promise.all([first.key, second.key].map(whoami))).toEqual([200, 200]);

    const listed = (await (await ask('GET', '/api/keys?limit=1000')).json()) as { keys: { id: string }[] };
    expect(listed.keys.map(({ id }) => id)).toContain(first.record.id);

    const revoked = await ask('DELETE', path);
    expect([revoked.status, await revoked.json()]).toEqual([200, { revoked: true, propagated: true }]);
    // The middleware lives in another memory than the handler that has revoked: it hears of it from Redis.
    expect(await Promise.all([first.key, second.key].map(whoami))).toEqual([401, 401]);
    expect(await (await ask('GET', path)).json()).toMatchObject({ status: 'revoked', generation: 3 });
  });

  it('ends for the key that ends itself', async () => {
    const { key, record } = await newKey('*');
    expect((await ask('DELETE', `/api/keys/${record.id}`, { key })).status).toBe(200);
    expect((await ask('GET', '/api/keys', { key })).status).toBe(401);
  });

  it('begins with the largest record that there can be, which is handed on whole', async () => {
    const scopes = Array.from({ length: 64 }, (_, index) => String(index).padStart(64, 's'));
    const created = await ask('POST', '/api/keys', { body: { owner: '\u0001'.repeat(256), scopes } });
    const { key } = (await created.json()) as Issued;
    const shown = await ask('GET', '/api/whoami', { key });
    expect(shown.status).toBe(200);
    expect(await shown.json()).toMatchObject({ scopes });
  });
});

describe.each(ENDPOINTS)('%s %s', (method, path, body) => {
  const send = (more: Parameters<typeof ask>[2]) => ask(method, path, { ...(body && { body }), ...more });

  it('is refused without the scope, in whatever form the path comes', async () => {
    const { key } = await newKey('keys:*', 'admin:read');
    const response = await send({ key });
    expect(response.status).toBe(403);
    expect(response.headers.get('www-authenticate')).toBe(
      'Bearer realm="api", error="insufficient_scope", scope="admin"',
    );
    expect(response.headers.get('ratelimit')).toContain('"key";r=');
    expect(await response.json()).toMatchObject({ code: 'scope-missing' });
    for (const form of [
      path.replace('keys', 'ke%79s'),
      path.replace('/keys', '//keys'),
      path.replace('/keys', '/./keys'),
    ]) {
      expect((await ask(method, form, { key, ...(body && { body }) })).status).toBe(403);
    }
    // Not under the rule for keys, and no path of theirs either.
    expect([404, 405]).toContain(
      (await ask(method, path.replace('/keys/', '/keys%2f').replace(/keys$/, 'keys%2f'), { key })).status,
    );
  });

  it('is refused without a key, whatever identity a client claims', async () => {
    const forged = {
      'x-breakwater-identity': 'eyJzY29wZXMiOlsiKiJdfQ.forged',
      'x-middleware-subrequest': 'middleware',
    };
    for (const headers of [{}, forged]) expect((await send({ key: undefined, headers })).status).toBe(401);
    const { key } = await newKey();
    expect((await send({ key, headers: forged })).status).toBe(403);
  });
});

describe('what leaves the server', () => {
  it('holds neither the seal of an identity nor anything of how it got to the handler', async () => {
    const response = await ask('GET', '/api/keys?limit=1');
    const names = [...response.headers.keys()].filter((name) => /middleware|identity/.test(name));
    expect([response.status, names]).toEqual([200, []]);
  });
});

describe('while Redis is away', () => {
  it('management is a 503 that says when to come back, and no change is made', async () => {
    expect(await whoami(admin)).toBe(200);
    const before = await stack.keys.list();
    await stack.redis.kill('SIGKILL');
    for (const [index, [method, path, body]] of ENDPOINTS.entries()) {
      const response = await ask(method, path, { ip: newAddress(index), ...(body && { body }) });
      expect(response.status).toBe(503);
      expect(Number(response.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
      expect(await response.json()).toMatchObject({ code: 'key-store-unavailable' });
    }
    await stack.redis.restart();
    expect((await stack.keys.list()).map(({ id }) => id)).toEqual(before.map(({ id }) => id));
  }, 60_000);

  it('leaves no key in the log', () => {
    expect(server.output()).not.toMatch(/bw_live_/);
    expect(server.output()).not.toMatch(/\[Breakwater\] Failed to answer/);
  });
});
