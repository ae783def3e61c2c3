import { describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import { createGuard } from '../../lib/guard/guard.ts';
import type { Route } from '../../lib/guard/routes.ts';
import { type ApiKeysOptions, createApiKeys } from '../../lib/keys/api-keys.ts';
import { createLimiter } from '../../lib/limit/limiter.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import { watchedStore } from '../support/watched-store.ts';

const YEAR_MS = 366 * 86_400_000;
const ROUTES: readonly Route[] = [
  { path: '/free', scopes: ['free'] },
  { path: '/keys/*', scopes: ['keys:read', 'audit'], limits: { ip: 'ip', key: 'key' } },
  { path: '/*', limits: { ip: 'ip', key: 'key' } },
];

function guarded(options: Partial<ApiKeysOptions> = {}) {
  const store = watchedStore(memoryStore());
  const kv = createKv({ store });
  const keys = createApiKeys({ kv, ...options });
  const policies = [
    { name: 'ip', limit: 100, windowMs: YEAR_MS },
    { name: 'key', limit: 3, windowMs: YEAR_MS },
  ];
  const limiter = createLimiter({ kv, policies });
  const guard = createGuard({ kv, keys, limiter, routes: ROUTES, clientIp: () => '192.0.2.1' });
  const ask = (key: string | undefined, path = '/keys/1', init: RequestInit = {}) =>
    guard.check(
      new Request(`https://example.test${path}`, { ...init, headers: { ...init.headers, 'x-api-key': key ?? '' } }),
    );
  const keyWith = async (...scopes: string[]) => (await keys.create({ owner: 'a', scopes })).key;
  return { store, keys, limiter, ask, keyWith };
}

const MISSING = { outcome: 'deny', status: 403, code: 'scope-missing', scopes: ['keys:read', 'audit'] };

describe('a route with scopes', () => {
  it('lets in who has all of them, by themselves or under a wider one', async () => {
    const { ask, keyWith } = guarded();
    for (const scopes of [['audit', 'keys:read'], ['keys:*', 'audit', 'x'], ['*']]) {
      expect(await ask(await keyWith(...scopes))).toMatchObject({ outcome: 'allow', identity: { scopes } });
    }
  });

  it('refuses a valid key that has not, and lets it in elsewhere', async () => {
    const { ask, keyWith } = guarded();
    for (const scopes of [[], ['keys:read'], ['audit', 'keys'], ['keys:read:all', 'audit']]) {
      const key = await keyWith(...scopes);
      expect(await ask(key)).toMatchObject(MISSING);
      expect(await ask(key, '/other')).toMatchObject({ outcome: 'allow' });
    }
  });

  it('asks for them without limits as well', async () => {
    const { ask, keyWith } = guarded();
    expect(await ask(await keyWith('free'), '/free')).toMatchObject({ outcome: 'allow' });
    expect(await ask(await keyWith('x'), '/free')).toMatchObject({ code: 'scope-missing', limits: undefined });
  });

  it('asks for them whatever form the path has, and of HEAD too', async () => {
    const { ask, keyWith } = guarded();
    const key = await keyWith();
    for (const path of ['/ke%79s/1', '//keys//1/', '/keys']) expect(await ask(key, path)).toMatchObject(MISSING);
    expect(await ask(await keyWith(), '/keys/1', { method: 'HEAD' })).toMatchObject(MISSING);
  });

  it('counts whom it refuses, in one request, and answers 429 once the limit is reached', async () => {
    const { ask, keyWith, store, limiter } = guarded();
    const key = await keyWith('read');
    await ask(await keyWith('free'), '/free');
    const before = store.requests.length;
    expect(await ask(key)).toMatchObject({ ...MISSING, limits: { allowed: true, basis: 'store' }, degraded: [] });
    expect(store.requests.length - before).toBe(1);
    for (let used = 1; used < 3; used += 1) expect(await ask(key)).toMatchObject(MISSING);
    expect(await ask(key)).toMatchObject({ status: 429, code: 'quota-exceeded' });
    expect((await limiter.peek({ ip: '192.0.2.1' })).remaining).toBe(97);
  });

  it('counts what it refuses for them as uses of the key, unless a limit refuses before', async () => {
    const { ask, keys } = guarded();
    const { key, record } = await keys.create({ owner: 'a', scopes: ['read'] });
    for (let turn = 0; turn < 5; turn += 1) await ask(key);
    expect(await keys.usage(record.id, { days: 1 })).toMatchObject([{ count: 3 }]);
  });

  it('says nothing of scopes to a key that is not valid', async () => {
    const { ask, keys, keyWith } = guarded();
    const revoked = await keyWith('read');
    await keys.revoke(revoked);
    expect(await ask(revoked)).toMatchObject({ status: 401, code: 'api-key-invalid' });
    expect(await ask(keys.format.generate())).toMatchObject({ status: 401, code: 'api-key-invalid' });
    expect(await ask('nonsense')).toMatchObject({ status: 401, code: 'api-key-malformed' });
    expect(await ask(undefined)).toMatchObject({ status: 401, code: 'api-key-missing' });
  });

  it('says nothing of scopes to a key that nobody can verify', async () => {
    const { ask, keys, keyWith, store } = guarded();
    await ask(await keyWith('read'));
    store.takeAway();
    for (let count = 0; count < 10; count += 1) {
      expect(await ask(keys.format.generate())).toMatchObject({ status: 503, code: 'key-store-unavailable' });
    }
  });

  it('goes by what was known last of a key while Redis is away', async () => {
    const { ask, keyWith, store } = guarded({ freshMs: 0 });
    const [without, owner] = [await keyWith('read'), await keyWith('*')];
    for (const key of [without, owner]) await ask(key, '/free');
    store.takeAway();
    expect(await ask(without)).toMatchObject({ ...MISSING, degraded: ['keys', 'limit'] });
    expect(await ask(owner)).toMatchObject({ outcome: 'allow', degraded: ['keys', 'limit'] });
  });

  it('lets a preflight through, which carries no key', async () => {
    const headers = { origin: 'https://a.test', 'access-control-request-method': 'POST' };
    expect(await guarded().ask(undefined, '/keys/1', { method: 'OPTIONS', headers })).toMatchObject({
      outcome: 'allow',
      identity: undefined,
    });
  });
});
