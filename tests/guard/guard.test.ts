import { describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import type { BreakwaterEvent } from '../../lib/events.ts';
import { allow } from '../../lib/guard/decision.ts';
import { createGuard } from '../../lib/guard/guard.ts';
import type { Route } from '../../lib/guard/routes.ts';
import { type ApiKeysOptions, createApiKeys } from '../../lib/keys/api-keys.ts';
import { createLimiter, type LimiterOptions } from '../../lib/limit/limiter.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import type { Store } from '../../lib/store/store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { contentsOf, onEveryStore } from '../support/every-store.ts';
import { watchedStore } from '../support/watched-store.ts';

const YEAR_MS = 366 * 86_400_000;
const ROUTES: readonly Route[] = [
  { path: '/open', auth: 'none' },
  { path: '/public', auth: 'none', limits: { ip: 'ip' } },
  { path: '/free' },
  { path: '/read', methods: ['GET'], limits: { ip: 'ip', key: 'key' } },
  { path: '/api/*', limits: { ip: 'ip', key: 'key' } },
];

interface Options {
  readonly limiter?: Partial<LimiterOptions>;
  readonly keys?: Partial<ApiKeysOptions>;
  readonly clock?: ReturnType<typeof manualClock>;
}

function guarded(store: Store, { limiter: limiterOptions, keys: keyOptions, clock }: Options = {}) {
  const events: BreakwaterEvent[] = [];
  const watched = watchedStore(store);
  const kv = createKv({ store: watched, clock, slowMs: false, onEvent: (event) => events.push(event) });
  const keys = createApiKeys({ kv, ...keyOptions });
  const limiter = createLimiter({
    kv,
    policies: [
      { name: 'ip', limit: 5, windowMs: YEAR_MS },
      { name: 'key', limit: 3, windowMs: YEAR_MS },
    ],
    ...limiterOptions,
  });
  const guard = createGuard({
    kv,
    keys,
    limiter,
    routes: ROUTES,
    clientIp: (headers) => headers.get('x-real-ip') ?? undefined,
  });
  const ask = (
    key?: string,
    { path = '/api/echo', ip = '192.0.2.1', ...init }: RequestInit & { path?: string; ip?: string | null } = {},
  ) => {
    const headers = new Headers(init.headers);
    if (ip !== null) headers.set('x-real-ip', ip);
    if (key !== undefined) headers.set('x-api-key', key);
    return guard.check(new Request(`https://example.test${path}`, { ...init, headers }));
  };
  return { store: watched, kv, keys, limiter, ask, events };
}

onEveryStore('the guard', (store) => {
  it('knows valid, unknown, revoked and expired keys apart, and asks once for each request', async () => {
    const { keys, ask, store: watched } = guarded(store());
    const valid = await keys.create({ owner: 'acme', scopes: ['read'] });
    const revoked = await keys.create({ owner: 'b' });
    await keys.revoke(revoked.key);
    await ask(undefined, { path: '/public', ip: '192.0.2.9' });
    await ask(valid.key, { ip: '192.0.2.9' });
    const before = watched.requests.length;
    expect(await ask(valid.key)).toMatchObject({
      outcome: 'allow',
      identity: { id: valid.record.id, owner: 'acme', scopes: ['read'] },
      limits: {
        allowed: true,
        basis: 'store',
        policies: [
          { policy: 'ip', remaining: 4 },
          { policy: 'key', remaining: 1 },
        ],
      },
      degraded: [],
    });
    expect(await ask(revoked.key)).toMatchObject({ status: 401, code: 'api-key-invalid', limits: { policy: 'ip' } });
    expect(await ask(keys.format.generate())).toMatchObject({ status: 401, code: 'api-key-invalid' });
    expect(watched.requests.length - before).toBe(3);
  });

  it('admits exactly the plan of a key to many requests at once, and charges the address for those alone', async () => {
    const { keys, ask, limiter } = guarded(store());
    const { key } = await keys.create({ owner: 'a', limits: { key: { limit: 4, windowMs: YEAR_MS } } });
    const decisions = await Promise.all(Array.from({ length: 30 }, () => ask(key)));
    expect(decisions.filter(({ outcome }) => outcome === 'allow')).toHaveLength(4);
    expect(decisions.filter((one) => one.outcome === 'deny' && one.status === 429)).toHaveLength(26);
    expect((await limiter.peek({ ip: '192.0.2.1' })).remaining).toBe(1);
  });

  it('keeps the raw key out of Redis, of what is sent there, of decisions and of events', async () => {
    const { keys, ask, store: watched, events } = guarded(store());
    const { key } = await keys.create({ owner: 'a' });
    const decisions = [await ask(key), await ask(keys.format.generate()), await ask(`${key}x`)];
    watched.takeAway();
    decisions.push(await ask(key));
    watched.giveBack();
    const everything = JSON.stringify([[...(await contentsOf(store()))], watched.requests, decisions, events]);
    expect(everything).not.toContain(key.slice(8, 40));
    expect(everything).toContain((await keys.digest(key)).digest);
  });

  it('lets a valid key in although the account of its address holds something else', async () => {
    const { keys, ask, events } = guarded(store());
    const { key } = await keys.create({ owner: 'a' });
    await store().execute([['RPUSH', 'ratelimit:ip:192.0.2.1', 'x']]);
    for (let used = 0; used < 3; used += 1) {
      expect(await ask(key)).toMatchObject({ outcome: 'allow', degraded: ['limit'], limits: { basis: 'local' } });
    }
    expect(await ask(key)).toMatchObject({ status: 429, limits: { basis: 'local', policy: 'key' } });
    expect(await ask(keys.format.generate())).toMatchObject({ status: 401 });
    expect(new Set(events.map((event) => JSON.stringify({ ...event, at: 0 })))).toEqual(
      new Set([JSON.stringify({ type: 'unreadable', at: 0, feature: 'limit', problem: 'WRONGTYPE' })]),
    );
  });

  it('says that nobody can say where the entry of a key holds something else', async () => {
    const { keys, ask } = guarded(store());
    const { key } = await keys.create({ owner: 'a' });
    const { kid, digest } = await keys.digest(key);
    await store().execute([
      ['DEL', `auth:1:${kid}:${digest}`],
      ['RPUSH', `auth:1:${kid}:${digest}`, 'x'],
    ]);
    expect(await ask(key)).toMatchObject({ status: 503, code: 'key-store-unavailable' });
  });

  it('goes on counting where keys are lost, the address in Redis and the key here', async () => {
    const { keys, ask, store: watched, events } = guarded(store());
    const { key } = await keys.create({ owner: 'a' });
    await ask(key);
    await watched.execute([['FLUSHDB']]);
    for (let used = 0; used < 3; used += 1) {
      expect(await ask(key)).toMatchObject({
        outcome: 'allow',
        degraded: ['keys', 'limit'],
        limits: {
          allowed: true,
          policies: [
            { policy: 'ip', remaining: 4 - used },
            { policy: 'key', remaining: 2 - used },
          ],
        },
      });
    }
    expect(await ask(key)).toMatchObject({ status: 429, limits: { policy: 'key' } });
    const unknown = keys.format.generate();
    expect(await ask(unknown)).toMatchObject({ status: 503, limits: { policy: 'ip', remaining: 0, basis: 'store' } });
    expect(await ask(unknown)).toMatchObject({ status: 429, limits: { policy: 'ip', basis: 'store' } });
    expect(new Set(events.map(({ type }) => type))).toEqual(new Set(['keys-lost']));
  });

  it('counts under the epoch of today', async () => {
    const one = guarded(store());
    const { key } = await one.keys.create({ owner: 'a' });
    for (let used = 0; used < 3; used += 1) await one.ask(key);
    expect(await one.ask(key)).toMatchObject({ status: 429 });
    await one.limiter.clear();
    expect(await one.ask(key)).toMatchObject({ outcome: 'allow' });
    expect(await guarded(store()).ask(key)).toMatchObject({
      outcome: 'allow',
      limits: { policies: [{ remaining: 3 }, { remaining: 1 }] },
    });
  });
});

describe('the guard', () => {
  it('passes what no route concerns, and what needs neither key nor limit, without asking', async () => {
    const { ask, store } = guarded(memoryStore());
    for (const path of ['/', '/elsewhere', '/open']) {
      expect(await ask(undefined, { path })).toEqual(allow());
    }
    expect(store.requests).toEqual([]);
  });

  it('passes a CORS preflight, and nothing that only resembles one', async () => {
    const { ask } = guarded(memoryStore());
    const preflight = { origin: 'https://a.test', 'access-control-request-method': 'POST' };
    expect(await ask(undefined, { method: 'OPTIONS', headers: preflight })).toMatchObject({ outcome: 'allow' });
    expect(await ask(undefined, { method: 'OPTIONS' })).toMatchObject({ status: 401 });
    expect(await ask(undefined, { method: 'POST', headers: preflight })).toMatchObject({ status: 401 });
  });

  it.each(['/api/%65cho', '/api//echo', '/%61pi/echo', '/api/echo/'])(
    'guards %s as the path that servers take it for',
    async (path) => {
      expect(await guarded(memoryStore()).ask(undefined, { path })).toMatchObject({ status: 401 });
    },
  );

  it.each(['/api/%ff', '/api/%', '/%61pi/%c3/x', '/api/%ED%A0%80', '/api/echo/%zz'])(
    'refuses %s, which servers make different things of, with and without a key, and asks nobody',
    async (path) => {
      const { ask, keys, store } = guarded(memoryStore());
      const { key } = await keys.create({ owner: 'a' });
      const before = store.requests.length;
      for (const sent of [key, undefined])
        expect(await ask(sent, { path })).toMatchObject({ status: 400, code: 'path-malformed' });
      expect(store.requests.length).toBe(before);
    },
  );

  it('passes a path that nobody can decode where no route concerns it', async () => {
    for (const path of ['/elsewhere/100%', '/%ff', '/open/%ff', '/open?%ff']) {
      expect(await guarded(memoryStore()).ask(undefined, { path })).toMatchObject({ outcome: 'allow' });
    }
  });

  it('guards HEAD as GET, which answers it', async () => {
    const { ask } = guarded(memoryStore());
    expect(await ask(undefined, { path: '/read', method: 'HEAD' })).toMatchObject({ status: 401 });
    expect(await ask(undefined, { path: '/read', method: 'POST' })).toMatchObject({ outcome: 'allow' });
  });

  it('needs no limits for a route with keys alone', async () => {
    const { ask, keys } = guarded(memoryStore());
    const { key } = await keys.create({ owner: 'a' });
    expect(await ask(key, { path: '/free' })).toMatchObject({
      outcome: 'allow',
      limits: undefined,
      identity: { owner: 'a' },
    });
    expect(await ask(keys.format.generate(), { path: '/free' })).toMatchObject({ status: 401, limits: undefined });
  });

  it('counts clients without an address in one account of their own, and tells of them', async () => {
    const { ask, events } = guarded(memoryStore());
    for (let used = 0; used < 5; used += 1) {
      const ip = used % 2 === 0 ? null : '';
      expect(await ask(undefined, { path: '/public', ip })).toMatchObject({ outcome: 'allow' });
    }
    expect(await ask(undefined, { path: '/public', ip: null })).toMatchObject({ status: 429 });
    expect(await ask(undefined, { path: '/public', ip: '127.0.0.1' })).toMatchObject({ outcome: 'allow' });
    expect(events.filter(({ type }) => type === 'client-unknown')).toHaveLength(6);
  });

  it('asks Redis for the key alone while limits are local only', async () => {
    const { ask, keys, store } = guarded(memoryStore(), { limiter: { localOnly: true } });
    const { key } = await keys.create({ owner: 'a' });
    const before = store.requests.length;
    for (let used = 0; used < 3; used += 1) {
      expect(await ask(key)).toMatchObject({ outcome: 'allow', limits: { basis: 'local' } });
    }
    expect(await ask(key)).toMatchObject({ status: 429, limits: { basis: 'local', policy: 'key' } });
    expect(JSON.stringify(store.requests.slice(before))).not.toContain('ratelimit:');
  });

  it.each([
    [
      'local',
      [{ outcome: 'allow' }, { outcome: 'allow' }, { outcome: 'allow' }, { status: 429, code: 'quota-exceeded' }],
    ],
    ['allow', [{ outcome: 'allow' }, { outcome: 'allow' }, { outcome: 'allow' }, { outcome: 'allow' }]],
    ['deny', [{ status: 503, code: 'limits-unavailable' }]],
  ] as const)('decides for a known key while Redis is away as it is told: %s', async (onUnavailable, expected) => {
    const { ask, keys, store } = guarded(memoryStore(), { limiter: { onUnavailable } });
    const { key } = await keys.create({ owner: 'a' });
    await ask(key);
    store.takeAway();
    for (const decision of expected) expect(await ask(key)).toMatchObject(decision);
    expect(await ask(keys.format.generate(), { ip: '192.0.2.7' })).toMatchObject({ status: 503 });
  });

  it('lets a key in its grace in, and the new one, under the plan that both have', async () => {
    const clock = manualClock();
    const { ask, keys } = guarded(memoryStore({ clock }), { clock });
    const old = await keys.create({ owner: 'a', limits: { key: { limit: 2, windowMs: 60_000 } } });
    const rotated = await keys.rotate(old.key, { graceSeconds: 60 });
    for (const key of [old.key, rotated?.key ?? '']) {
      expect(await ask(key)).toMatchObject({
        outcome: 'allow',
        limits: { policies: [{}, { limit: 2, remaining: 1 }] },
      });
    }
    clock.advance(60_000);
    expect(await ask(old.key)).toMatchObject({ status: 401 });
  });

  it('never throws for what a client sends', async () => {
    const { ask } = guarded(memoryStore());
    for (const text of ['\u00ff', '%', '*', "' OR 1=1", '{}', 'x'.repeat(100_000), 'bw_live_', '__proto__']) {
      expect(await ask(text)).toMatchObject({ status: 401 });
      expect(await ask(undefined, { headers: { authorization: `Bearer ${text}` } })).toMatchObject({ status: 401 });
      expect(await ask(undefined, { path: '/public', ip: text })).toMatchObject({ outcome: 'allow' });
      expect(await ask(undefined, { path: `/api/${encodeURIComponent(text)}` })).toMatchObject({ status: 401 });
      expect(await ask(undefined, { path: `/api/${encodeURIComponent(text)}%zz` })).toMatchObject({ status: 400 });
    }
  });

  it('is refused a route that names a policy which does not exist', () => {
    const kv = createKv({ store: memoryStore() });
    const limiter = createLimiter({ kv, policies: [] });
    const routes: Route[] = [{ path: '/x', limits: { ip: 'ip' } }];
    expect(() => createGuard({ kv, keys: createApiKeys({ kv }), limiter, routes, clientIp: () => undefined })).toThrow(
      expect.objectContaining({ code: 'CONFIG', setting: 'route /x' }),
    );
  });
});
