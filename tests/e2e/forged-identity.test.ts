import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NextServer } from '../../cli/next-server.ts';
import { createIdentitySeal, IDENTITY_HEADER } from '../../lib/guard/identity.ts';
import type { IssuedKey } from '../../lib/keys/registry.ts';
import { type BareApp, copyWithoutMiddleware } from '../support/bare-app.ts';
import { ask, environmentOf, freePort, IDENTITY_SECRET, type Stack, startStack } from '../support/next-app.ts';

let stack: Stack;
let copy: BareApp;
/** The application as it is. */
let guarded: NextServer;
/** The same build, with the middleware stepped around. */
let bare: NextServer;
let user: IssuedKey<unknown>;

beforeAll(async () => {
  stack = await startStack();
  copy = await copyWithoutMiddleware();
  guarded = await stack.start();
  bare = await copy.start({ port: await freePort(), env: environmentOf(stack.endpoint) });
  user = await stack.keys.create({ owner: 'acme', scopes: ['read'] });
}, 120_000);

afterAll(async () => {
  await bare?.stop();
  await copy?.remove();
  await stack?.stop();
});

const ROOT = { id: 'key_rootrootrootroot', owner: 'root', scopes: ['admin', '*'] };

interface Sealing {
  readonly path?: string;
  readonly method?: string;
  readonly secret?: string;
  readonly ageMs?: number;
  readonly scopes?: readonly string[];
}

/** An identity as the guard seals it, for another request perhaps. */
function sealed({ path = '/api/whoami', method = 'GET', secret = IDENTITY_SECRET, ageMs = 0, scopes }: Sealing = {}) {
  const now = () => Date.now() - ageMs;
  const clock = { now, monotonic: () => performance.now(), after: () => () => undefined };
  const request = new Request(`http://localhost${path}`, { method });
  return createIdentitySeal({ secret, clock }).seal({ ...ROOT, scopes: scopes ?? ROOT.scopes }, request);
}

const FORGERIES: readonly (readonly [string, () => string | Promise<string>])[] = [
  ['nonsense', () => 'eyJpZCI6ImtleV9yb290In0.forged'],
  ['a payload without a signature', async () => (await sealed()).split('.', 1)[0] ?? ''],
  ['the signature of another payload', async () => `e30.${(await sealed()).split('.')[1]}`],
  ['one under another secret', () => sealed({ secret: 'some-other-secret-of-at-least-32-characters' })],
  ['one of another path', () => sealed({ path: '/api/echo' })],
  ['one of another method', () => sealed({ method: 'POST' })],
  ['one of a minute ago', () => sealed({ ageMs: 60_000 })],
  ['one of a time to come', () => sealed({ ageMs: -120_000 })],
  ['two of them', async () => `${await sealed()}, ${await sealed()}`],
  ['12 KB', () => 'x'.repeat(12_000)],
];

/** What has led around a middleware before, or tells Next what a middleware would tell it. */
const AROUND: Readonly<Record<string, string>> = {
  'x-middleware-subrequest': 'middleware:middleware:middleware:middleware:middleware',
  'x-middleware-subrequest-id': 'x',
  'x-middleware-next': '1',
  'x-middleware-rewrite': '/api/health',
  'x-middleware-override-headers': IDENTITY_HEADER,
  'x-middleware-invoke': '1',
  'x-invoke-path': '/api/whoami',
  'x-nextjs-data': '1',
  'x-matched-path': '/api/health',
};

describe('fault 39 spoofed identity or limit headers; middleware skipped', () => {
  it.each([...FORGERIES, ['one that is good in every way', () => sealed()] as const])(
    'fault 39 spoofed identity or limit headers: an identity that a client sends is deleted, %s',
    async (_, forge) => {
      const forged = await forge();
      const headers = {
        [IDENTITY_HEADER]: forged,
        [`x-middleware-request-${IDENTITY_HEADER}`]: forged.slice(0, 2_000),
      };
      for (const more of [{}, AROUND]) {
        const nobody = await ask(guarded, { headers: { ...headers, ...more } });
        expect([nobody.status, await nobody.json()]).toEqual([
          401,
          expect.objectContaining({ code: 'api-key-missing' }),
        ]);
        const somebody = await ask(guarded, { key: user.key, headers: { ...headers, ...more } });
        expect(somebody.status).toBe(200);
        expect(await somebody.json()).toEqual({ id: user.record.id, owner: 'acme', scopes: ['read'] });
        const lacking = await ask(guarded, { key: user.key, path: '/api/keys', headers: { ...headers, ...more } });
        expect([lacking.status, await lacking.json()]).toEqual([
          403,
          expect.objectContaining({ code: 'scope-missing' }),
        ]);
      }
    },
  );

  it('fault 39 spoofed identity or limit headers: what a client says of limits, addresses and circuits is not heard', async () => {
    const { key } = await stack.keys.create({ owner: 'acme', limits: { key: { limit: 1, windowMs: 3_600_000 } } });
    const headers = {
      ratelimit: '"key";r=999;t=1',
      'ratelimit-policy': '"key";q=999;w=1',
      'x-ratelimit-remaining': '999',
      'x-breakwater-degraded': 'limit',
      'x-breakwater-circuit': '{"state":"OPEN"}',
    };
    const [granted, refused] = [await ask(guarded, { key, headers }), await ask(guarded, { key, headers })];
    expect([granted.status, refused.status]).toEqual([200, 429]);
    expect(granted.headers.get('ratelimit')).toMatch(/"key";r=0;t=\d+$/);
    expect(granted.headers.get('x-breakwater-degraded')).toBeNull();
    const health = await ask(guarded, { path: '/api/health', headers });
    expect(await health.json()).toMatchObject({ status: 'ok', middleware: { state: 'CLOSED' } });
  });

  it.each(FORGERIES)(
    'fault 39 middleware skipped: the handler takes no identity but the seal, %s',
    async (_, forge) => {
      for (const headers of [{ [IDENTITY_HEADER]: await forge() }, { [IDENTITY_HEADER]: await forge(), ...AROUND }]) {
        const response = await ask(bare, { key: user.key, headers });
        expect([response.status, response.headers.get('www-authenticate')]).toEqual([401, 'Bearer realm="api"']);
        expect(await response.json()).toMatchObject({ code: 'identity-unverified' });
      }
    },
  );

  it.each([
    ['GET', '/api/whoami'],
    ['POST', '/api/echo'],
    ['GET', '/api/keys'],
    ['POST', '/api/keys'],
    ['GET', '/api/keys/key_0000000000000000'],
    ['DELETE', '/api/keys/key_0000000000000000'],
    ['POST', '/api/keys/key_0000000000000000/rotate'],
  ])('fault 39 middleware skipped: %s %s serves nobody, with a valid key or without', async (method, path) => {
    for (const key of [undefined, user.key]) {
      const response = await ask(bare, { key, method, path, headers: AROUND });
      expect([response.status, await response.json()]).toEqual([
        401,
        expect.objectContaining({ code: 'identity-unverified' }),
      ]);
    }
  });

  it('fault 39 middleware skipped: only a seal that is good in every way opens, and only what its scopes open', async () => {
    const opened = await ask(bare, { headers: { [IDENTITY_HEADER]: await sealed() } });
    expect([opened.status, await opened.json()]).toEqual([200, ROOT]);
    const scopes = ['read', 'admin:read', 'admi'];
    const lacking = await ask(bare, {
      path: '/api/keys',
      headers: { [IDENTITY_HEADER]: await sealed({ path: '/api/keys', scopes }) },
    });
    expect([lacking.status, await lacking.json()]).toEqual([403, expect.objectContaining({ code: 'scope-missing' })]);
    expect(await stack.keys.list()).toHaveLength(2);
  });
});
