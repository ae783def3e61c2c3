import { describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import type { BreakwaterEvent } from '../../lib/events.ts';
import { createGuard } from '../../lib/guard/guard.ts';
import type { Route } from '../../lib/guard/routes.ts';
import { createApiKeys } from '../../lib/keys/api-keys.ts';
import { createLimiter } from '../../lib/limit/limiter.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import type { Command, Store } from '../../lib/store/store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';

/** A store that counts requests and can be taken away. */
function watched(store: Store) {
  const requests: (readonly Command[])[] = [];
  let away: Error | undefined;
  const watchedStore: Store = {
    ...store,
    execute(commands, options) {
      requests.push(commands);
      return away ? Promise.reject(away) : store.execute(commands, options);
    },
  };
  return {
    store: watchedStore,
    requests,
    takeAway: (error: Error) => {
      away = error;
    },
    giveBack: () => {
      away = undefined;
    },
  };
}

const ROUTES: readonly Route[] = [
  { path: '/api/public', auth: 'none', limits: { ip: 'ip' } },
  { path: '/api/*', limits: { ip: 'ip', key: 'key' } },
];

async function frontDoor(onUnavailable?: 'local' | 'allow' | 'deny') {
  const clock = manualClock();
  const events: BreakwaterEvent[] = [];
  const redis = watched(memoryStore({ clock }));
  const kv = createKv({ store: redis.store, clock, onEvent: (event) => events.push(event) });
  const keys = createApiKeys({ kv, pepper: { kid: 'k1', secret: 'a-secret-of-the-tests' } });
  const limiter = createLimiter({
    kv,
    onUnavailable,
    policies: [
      { name: 'ip', limit: 5, windowMs: 60_000 },
      { name: 'key', limit: 3, windowMs: 60_000 },
    ],
  });
  const guard = createGuard({
    kv,
    keys,
    limiter,
    routes: ROUTES,
    clientIp: (headers) => headers.get('x-real-ip') ?? undefined,
  });
  const ask = (key: string | undefined, ip = '192.0.2.1', path = '/api/echo') =>
    guard.check(
      new Request(`https://example.test${path}`, {
        headers: { 'x-real-ip': ip, ...(key === undefined ? {} : { authorization: `Bearer ${key}` }) },
      }),
    );
  return { clock, events, redis, kv, keys, limiter, ask };
}

describe('the front door', () => {
  it('lets a valid key through and says whose it is', async () => {
    const { keys, ask } = await frontDoor();
    const { key, record } = await keys.create({ owner: 'acme', scopes: ['read'] });
    expect(await ask(key)).toMatchObject({
      outcome: 'allow',
      identity: { id: record.id, owner: 'acme', scopes: ['read'] },
      degraded: [],
      limits: { allowed: true, basis: 'store' },
    });
  });

  it('asks Redis once for key lookup, address limit and key limit together', async () => {
    const { keys, ask, redis } = await frontDoor();
    const { key } = await keys.create({ owner: 'acme' });
    await ask(key); // the script is loaded here
    const before = redis.requests.length;
    await ask(key);
    expect(redis.requests.length - before).toBe(1);
  });

  it('refuses a missing key and a malformed one without asking Redis', async () => {
    const { ask, redis } = await frontDoor();
    expect(await ask(undefined)).toMatchObject({ status: 401, code: 'api-key-missing' });
    expect(await ask('bw_live_nonsense')).toMatchObject({ status: 401, code: 'api-key-malformed' });
    expect(await ask('x'.repeat(100_000))).toMatchObject({ status: 401, code: 'api-key-malformed' });
    expect(redis.requests).toHaveLength(0);
  });

  it('reads no key from a URL, where logs and histories would keep it', async () => {
    const { keys, ask, redis } = await frontDoor();
    const { key } = await keys.create({ owner: 'acme' });
    const before = redis.requests.length;
    for (const path of [`/api/echo?api_key=${key}`, `/api/echo?x-api-key=${key}&authorization=${key}`, `/api/${key}`]) {
      expect(await ask(undefined, '192.0.2.1', path)).toMatchObject({ status: 401, code: 'api-key-missing' });
    }
    expect(redis.requests).toHaveLength(before);
  });

  it('refuses an unknown key with 401 and charges the address for the try', async () => {
    const { keys, ask } = await frontDoor();
    await keys.create({ owner: 'acme' });
    for (let left = 4; left >= 0; left -= 1) {
      expect(await ask(keys.format.generate())).toMatchObject({
        status: 401,
        limits: { policy: 'ip', remaining: left },
      });
    }
    expect(await ask(keys.format.generate())).toMatchObject({ status: 429 });
  });

  it('charges neither account when one of them has nothing left', async () => {
    const { keys, ask, limiter } = await frontDoor();
    const { key } = await keys.create({ owner: 'acme' });
    for (let used = 0; used < 3; used += 1) expect(await ask(key)).toMatchObject({ outcome: 'allow' });
    expect(await ask(key)).toMatchObject({ status: 429, limits: { policy: 'key', retryAfterMs: 20_000 } });
    expect((await limiter.peek({ ip: '192.0.2.1' })).remaining).toBe(2);
  });

  it("counts under the key's own plan from its first request on", async () => {
    const { keys, ask } = await frontDoor();
    const { key } = await keys.create({ owner: 'acme', limits: { key: { limit: 1, windowMs: 60_000 } } });
    expect(await ask(key)).toMatchObject({ outcome: 'allow' });
    expect(await ask(key)).toMatchObject({ status: 429, limits: { policy: 'key', limit: 1 } });
  });

  it('answers 503, never 401, for a key when the store holds no keys at all', async () => {
    const { keys, ask, events } = await frontDoor();
    expect(await ask(keys.format.generate())).toMatchObject({ status: 503, code: 'key-store-unavailable' });
    expect(events).toContainEqual(expect.objectContaining({ type: 'keys-lost' }));
  });

  it('passes known keys and refuses unknown ones with 503 while Redis is away, under local limits', async () => {
    const { keys, ask, redis } = await frontDoor();
    const { key } = await keys.create({ owner: 'acme' });
    await ask(key);
    redis.takeAway(new Error('gone'));
    for (let used = 0; used < 3; used += 1) {
      expect(await ask(key)).toMatchObject({
        outcome: 'allow',
        degraded: ['keys', 'limit'],
        limits: { basis: 'local' },
      });
    }
    expect(await ask(key)).toMatchObject({ status: 429, limits: { basis: 'local' } });
    expect(await ask(keys.format.generate(), '192.0.2.2')).toMatchObject({
      status: 503,
      code: 'key-store-unavailable',
    });
  });

  it('stops asking once the circuit is open, and says one thing about it', async () => {
    const { keys, ask, redis, events } = await frontDoor();
    const { key } = await keys.create({ owner: 'acme' });
    await ask(key);
    redis.takeAway(new Error('gone'));
    const before = redis.requests.length;
    for (let index = 0; index < 20; index += 1) await ask(key, `192.0.2.${index}`);
    expect(redis.requests.length - before).toBe(5);
    expect(events.filter(({ type }) => type === 'circuit')).toHaveLength(1);
    expect(events.filter(({ type }) => type === 'fallback')).toHaveLength(1);
  });

  it('refuses with 503, not 429, when limits cannot be counted and must not be guessed', async () => {
    const { ask, redis } = await frontDoor('deny');
    redis.takeAway(new Error('gone'));
    expect(await ask(undefined, '192.0.2.1', '/api/public')).toMatchObject({ status: 503, code: 'limits-unavailable' });
  });

  it('never lets a revoked key in again, whatever answer was under way', async () => {
    const { keys, ask, redis } = await frontDoor();
    const { key } = await keys.create({ owner: 'acme' });
    await ask(key);
    await keys.revoke(key);
    expect(await ask(key)).toMatchObject({ status: 401, code: 'api-key-invalid' });
    redis.takeAway(new Error('gone'));
    expect(await ask(key)).toMatchObject({ status: 401, code: 'api-key-invalid' });
  });

  it('stops passing a known key after its grace while Redis stays away', async () => {
    const { keys, ask, redis, clock } = await frontDoor();
    const { key } = await keys.create({ owner: 'acme' });
    await ask(key);
    redis.takeAway(new Error('gone'));
    clock.advance(299_999);
    expect(await ask(key)).toMatchObject({ outcome: 'allow' });
    clock.advance(1);
    expect(await ask(key)).toMatchObject({ status: 503 });
  });
});
