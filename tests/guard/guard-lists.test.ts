import { describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import type { AccessListOptions } from '../../lib/guard/access-lists.ts';
import { createClientIp } from '../../lib/guard/client-ip.ts';
import { allow } from '../../lib/guard/decision.ts';
import { createGuard } from '../../lib/guard/guard.ts';
import { createApiKeys } from '../../lib/keys/api-keys.ts';
import { createLimiter } from '../../lib/limit/limiter.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import { onEveryStore } from '../support/every-store.ts';
import { watchedStore } from '../support/watched-store.ts';

const YEAR_MS = 366 * 86_400_000;

/** One process: its own memory of keys, over the store that it shares with the others. */
function processOn(store = memoryStore()) {
  const watched = watchedStore(store);
  const events: string[] = [];
  const kv = createKv({ store: watched, onEvent: ({ type }) => events.push(type) });
  const keys = createApiKeys({ kv });
  const limiter = createLimiter({
    kv,
    policies: [
      { name: 'ip', limit: 3, windowMs: YEAR_MS },
      { name: 'key', limit: 2, windowMs: YEAR_MS },
    ],
  });
  const guardWith = (lists: AccessListOptions) => {
    const guard = createGuard({
      kv,
      keys,
      limiter,
      routes: [
        { path: '/public', auth: 'none', limits: { ip: 'ip' } },
        { path: '/elsewhere', methods: ['DELETE'] },
        { path: '/api/*', limits: { ip: 'ip', key: 'key' } },
      ],
      clientIp: createClientIp({ source: 'vercel' }),
      lists,
    });
    return (
      key?: string,
      { path = '/api/x', ip = '192.0.2.1', ...init }: RequestInit & { path?: string; ip?: string } = {},
    ) => {
      const headers = new Headers(init.headers);
      headers.set('x-real-ip', ip);
      if (key !== undefined) headers.set('x-api-key', key);
      return guard.check(new Request(`https://example.test${path}`, { ...init, headers }));
    };
  };
  return { watched, keys, limiter, guardWith, events };
}

describe('a denied address', () => {
  it('is refused on every route before anything is asked, with and without a key, preflight or not', async () => {
    const { watched, keys, guardWith } = processOn();
    const { key } = await keys.create({ owner: 'a' });
    const ask = guardWith({ deny: ['192.0.2.0/24'], allow: ['192.0.2.1'] });
    const before = watched.requests.length;
    const preflight = { origin: 'https://a.test', 'access-control-request-method': 'POST' };
    const refusal = { outcome: 'deny', status: 403, code: 'address-denied', limits: undefined };
    expect(await ask(key)).toMatchObject(refusal);
    expect(await ask()).toMatchObject(refusal);
    expect(await ask(undefined, { path: '/public' })).toMatchObject(refusal);
    expect(await ask(undefined, { method: 'OPTIONS', headers: preflight })).toMatchObject(refusal);
    expect(watched.requests).toHaveLength(before);
    expect(await ask(undefined, { path: '/public', ip: '192.0.3.1' })).toMatchObject({ outcome: 'allow' });
  });

  it('is not looked for where no route fits, and cannot be found, which is an event, where it is not known', async () => {
    const { guardWith, events } = processOn();
    const ask = guardWith({ deny: ['0.0.0.0/0'] });
    expect(await ask(undefined, { path: '/elsewhere' })).toMatchObject({ outcome: 'allow' });
    expect(events).toEqual([]);
    expect(await ask(undefined, { path: '/api/x', ip: 'unknown' })).toMatchObject({ status: 401 });
    expect(events).toEqual(['client-unknown']);
    expect(await ask(undefined, { path: '/public', ip: 'unknown' })).toMatchObject({ outcome: 'allow' });
  });
});

describe('an allowed address', () => {
  it('is exempt from limits by address, and asks for nothing where there are no others', async () => {
    const { watched, guardWith } = processOn();
    const ask = guardWith({ allow: ['192.0.2.1'] });
    for (let used = 0; used < 10; used += 1) {
      expect(await ask(undefined, { path: '/public' })).toEqual(allow());
    }
    expect(watched.requests).toEqual([]);
  });

  it('is neither exempt from authentication nor from limits by key', async () => {
    const { keys, guardWith, limiter } = processOn();
    const { key } = await keys.create({ owner: 'a' });
    const ask = guardWith({ allow: ['192.0.2.1'] });
    expect(await ask()).toMatchObject({ status: 401 });
    for (const remaining of [1, 0]) {
      expect(await ask(key)).toMatchObject({ outcome: 'allow', limits: { policies: [{ policy: 'key', remaining }] } });
    }
    expect(await ask(key)).toMatchObject({ status: 429, limits: { policy: 'key' } });
    expect((await limiter.peek({ ip: '192.0.2.1' })).remaining).toBe(3);
  });
});

onEveryStore('a listed key', (store) => {
  it('is denied by the answer to the first request, and from then on without any', async () => {
    const issuer = processOn(store());
    const { key, record } = await issuer.keys.create({ owner: 'a' });
    const other = processOn(store());
    const ask = other.guardWith({ deny: [record.id], allow: [record.id] });
    const refusal = { outcome: 'deny', status: 403, code: 'key-denied' };
    expect(await ask(key)).toMatchObject(refusal);
    const before = other.watched.requests.length;
    expect(await ask(key)).toMatchObject(refusal);
    expect(other.watched.requests).toHaveLength(before);
  });

  it('is allowed whatever its account holds, which is charged for the first request of a process alone', async () => {
    const issuer = processOn(store());
    const { key, record } = await issuer.keys.create({ owner: 'a' });
    const { digest } = await issuer.keys.digest(key);
    const left = async () => (await issuer.limiter.peek({ key: digest })).remaining;
    for (const remaining of [1, 0, 0]) {
      const other = processOn(store());
      const ask = other.guardWith({ allow: [record.id] });
      for (const turn of [0, 1]) {
        const ip = `192.0.2.${10 * remaining + turn}`;
        expect(await ask(key, { ip })).toMatchObject({ outcome: 'allow', identity: { id: record.id }, degraded: [] });
        expect(await left()).toBe(remaining);
      }
    }
  });

  it('is exempt from limits by key, not from those by address, which alone are told', async () => {
    const issuer = processOn(store());
    const { key, record } = await issuer.keys.create({ owner: 'a' });
    const ask = processOn(store()).guardWith({ allow: [record.id] });
    for (const remaining of [2, 1, 0]) {
      const decision = await ask(key);
      expect(decision.limits?.policies).toMatchObject([{ policy: 'ip', remaining }]);
      expect(decision.limits?.policies).toHaveLength(1);
    }
    expect(await ask(key)).toMatchObject({ status: 429, limits: { policy: 'ip' } });
  });

  it('is nobody when it has been revoked', async () => {
    const { keys, guardWith } = processOn(store());
    const { key, record } = await keys.create({ owner: 'a' });
    const ask = guardWith({ allow: [record.id] });
    expect(await ask(key)).toMatchObject({ outcome: 'allow' });
    await keys.revoke(key);
    expect(await ask(key)).toMatchObject({ status: 401, code: 'api-key-invalid' });
  });
});

describe('a listed key with Redis away', () => {
  it('is denied or allowed as long as this process knows it', async () => {
    const { keys, guardWith, watched } = processOn();
    const denied = await keys.create({ owner: 'a' });
    const allowed = await keys.create({ owner: 'b' });
    const stranger = await keys.create({ owner: 'c' });
    const ask = guardWith({ deny: [denied.record.id, stranger.record.id], allow: [allowed.record.id] });
    await ask(denied.key);
    await ask(allowed.key);
    watched.takeAway();
    expect(await ask(denied.key)).toMatchObject({ status: 403 });
    for (let used = 0; used < 5; used += 1) {
      expect(await ask(allowed.key, { ip: `192.0.2.${used}` })).toMatchObject({
        outcome: 'allow',
        degraded: ['keys', 'limit'],
      });
    }
    expect(await ask(stranger.key, { ip: '192.0.2.99' })).toMatchObject({ status: 503 });
  });
});
