import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type RestEndpoint, startRestEndpoint } from '../../cli/rest/endpoint.ts';
import { createKv } from '../../lib/client/kv-client.ts';
import type { BreakwaterEvent } from '../../lib/events.ts';
import { createGuard } from '../../lib/guard/guard.ts';
import { createApiKeys } from '../../lib/keys/api-keys.ts';
import { createLimiter } from '../../lib/limit/limiter.ts';
import { redisStore } from '../../lib/store/redis.ts';
import type { Command, Store } from '../../lib/store/store.ts';
import { upstashStore } from '../../lib/store/upstash.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { watchedStore } from '../support/watched-store.ts';

let server: RedisServer;
let direct: Store;
let endpoint: RestEndpoint;
beforeAll(async () => {
  server = await startRedis();
  direct = redisStore({ url: server.url });
  endpoint = await startRestEndpoint({ store: direct, token: 'secret' });
});
afterAll(async () => {
  await endpoint.close();
  await direct.close();
  await server.stop();
});
afterEach(async () => {
  await direct.execute([['FLUSHALL']]);
});

/** The two ways to the same Redis. */
const bothStores = (): readonly Store[] => [
  redisStore({ url: server.url }),
  upstashStore({ url: endpoint.url, token: 'secret' }),
];

const WINDOW_MS = 3_600_000;

function door(store: Store) {
  const events: BreakwaterEvent[] = [];
  const kv = createKv({ store, onEvent: (event) => events.push(event) });
  const keys = createApiKeys({ kv });
  const policies = [{ name: 'key', limit: 3, windowMs: WINDOW_MS }];
  const limiter = createLimiter({ kv, policies });
  const routes = [{ path: '/api/*', limits: { key: 'key' as const } }];
  const guard = createGuard({ kv, keys, limiter, routes, clientIp: () => '192.0.2.1' });
  const ask = (key: string) =>
    guard.check(new Request('https://example.test/api/x', { headers: { 'x-api-key': key } }));
  return { kv, keys, limiter, ask, events };
}

describe('what Redis answers', () => {
  it('fault 11 EXPIRE fails inside INCR + EXPIRE', async () => {
    for (const inner of bothStores()) {
      let broken = true;
      const breakIt = (command: Command): Command =>
        broken && command[0] === 'EXPIRE' ? ['EXPIRE', String(command[1]), 'never', 'NX'] : command;
      const store: Store = { ...inner, execute: (commands, options) => inner.execute(commands.map(breakIt), options) };
      const kv = createKv({ store });
      expect(await kv.incr('n', 60)).toBe(1);
      expect(await kv.ttl('n')).toBe(-1);
      expect(kv.circuit.state().totals).toMatchObject({ failures: 0 });
      broken = false;
      expect(await kv.incr('n', 60)).toBe(2);
      expect(await kv.ttl('n')).toBeGreaterThan(50);
      await direct.execute([['FLUSHALL']]);
      await kv.close();
    }
  });

  it('fault 12 WRONGTYPE on an auth key', async () => {
    for (const store of bothStores()) {
      const { kv, keys, ask, events } = door(store);
      const { key } = await door(direct).keys.create({ owner: 'a' });
      const { digest } = await keys.digest(key);
      await direct.execute([
        ['DEL', `auth:1:plain:${digest}`],
        ['RPUSH', `auth:1:plain:${digest}`, 'x'],
      ]);
      expect(await keys.validate(key)).toMatchObject({ status: 'UNAVAILABLE' });
      expect(await ask(key)).toMatchObject({ outcome: 'deny', status: 503 });
      expect(events).toContainEqual(expect.objectContaining({ type: 'unreadable', feature: 'keys' }));
      expect(kv.circuit.state().totals).toMatchObject({ failures: 0, neutral: 0 });
      expect(kv.circuit.state().totals.successes).toBeGreaterThan(0);
      await direct.execute([['DEL', `auth:1:plain:${digest}`]]);
      expect(await ask(key)).toMatchObject({ outcome: 'allow', identity: { owner: 'a' } });
      await kv.close();
    }
  });

  it('fault 13 NOAUTH / WRONGPASS / 401 (wrong token)', async () => {
    const locked = await startRedis({ args: ['--requirepass', 'right'] });
    const { port } = locked;
    const refusing: readonly Store[] = [
      redisStore({ url: `redis://127.0.0.1:${port}` }),
      redisStore({ url: `redis://:wrong@127.0.0.1:${port}` }),
      upstashStore({ url: endpoint.url, token: 'wrong' }),
    ];
    try {
      for (const refused of refusing) {
        let current = direct;
        const watched = watchedStore({ ...direct, execute: (...given) => current.execute(...given) });
        const { kv, keys, ask, events } = door(watched);
        const known = await keys.create({ owner: 'a' });
        expect(await ask(known.key)).toMatchObject({ outcome: 'allow', degraded: [] });
        const unknown = await door(direct).keys.create({ owner: 'b' });
        current = refused;
        const before = watched.requests.length;
        for (let used = 0; used < 3; used += 1) {
          expect(await ask(known.key)).toMatchObject({ outcome: 'allow', degraded: ['keys', 'limit'] });
        }
        // Local limits really count, and nobody is refused for want of credentials of ours.
        expect(await ask(known.key)).toMatchObject({ status: 429, limits: { basis: 'local' } });
        expect(await ask(unknown.key)).toMatchObject({ status: 503 });
        expect(watched.requests.length - before).toBe(5);
        expect(kv.circuit.state()).toMatchObject({ state: 'CLOSED', totals: { failures: 0, neutral: 5 } });
        expect(events.filter(({ type }) => type === 'config')).toHaveLength(5);
        expect(JSON.stringify(events)).not.toMatch(/wrong"|right|secret/);
        await refused.close();
      }
    } finally {
      await locked.stop();
    }
  });
});
