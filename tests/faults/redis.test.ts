import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type RestEndpoint, startRestEndpoint } from '../../cli/rest/endpoint.ts';
import { createKv, type KvClient } from '../../lib/client/kv-client.ts';
import type { BreakwaterEvent } from '../../lib/events.ts';
import { createGuard } from '../../lib/guard/guard.ts';
import { createApiKeys } from '../../lib/keys/api-keys.ts';
import { createLimiter } from '../../lib/limit/limiter.ts';
import { redisStore } from '../../lib/store/redis.ts';
import type { Command, Store } from '../../lib/store/store.ts';
import { upstashStore } from '../../lib/store/upstash.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { told } from '../support/scripted-client.ts';
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

  it('fault 14 READONLY, LOADING, MASTERDOWN', async () => {
    for (const inner of bothStores()) {
      let loading = false;
      const LOADING = { error: 'LOADING Redis is loading the dataset in memory' };
      const store: Store = {
        ...inner,
        execute: async (commands, options) =>
          loading ? commands.map(() => LOADING) : inner.execute(commands, options),
      };
      const kv = createKv({ store, breaker: { timeout: 100 }, requestTimeoutMs: 5_000 });
      const write = () => kv.command(['SET', 'a', 1]);
      const read = () => kv.command(['GET', 'a']);
      // A port that nobody listens on: this Redis is a replica whose primary is away.
      const demote = () => direct.execute([['REPLICAOF', '127.0.0.1', 1]]);
      await outage(kv, write, demote, () => direct.execute([['REPLICAOF', 'NO', 'ONE']]));
      const staleness = (allowed: string) => direct.execute([['CONFIG', 'SET', 'replica-serve-stale-data', allowed]]);
      await outage(
        kv,
        read,
        async () => {
          await staleness('no');
          await demote();
        },
        async () => {
          await direct.execute([['REPLICAOF', 'NO', 'ONE']]);
          await staleness('yes');
        },
      );
      await outage(
        kv,
        write,
        async () => {
          loading = true;
        },
        async () => {
          loading = false;
        },
      );
      await kv.close();
    }
  });
});

/** Five failures open the circuit, a failed probe keeps it open, and two good ones close it: the client is not restarted. */
async function outage(
  kv: KvClient,
  call: () => Promise<unknown>,
  begin: () => Promise<unknown>,
  end: () => Promise<unknown>,
): Promise<void> {
  await call();
  await begin();
  const { failures } = kv.circuit.state().totals;
  for (let time = 0; time < 5; time += 1) expect(await call().catch(told)).toBe('unavailable true');
  expect(kv.circuit.state()).toMatchObject({ state: 'OPEN', lastFailure: { kind: 'unavailable' } });
  await delay(110);
  expect(await call().catch(told)).toBe('unavailable true');
  expect(kv.circuit.state()).toMatchObject({ state: 'OPEN', reopenCount: 1, totals: { failures: failures + 6 } });
  await end();
  await delay(110);
  await call();
  expect(kv.circuit.state().state).toBe('HALF_OPEN');
  await call();
  expect(kv.circuit.state().state).toBe('CLOSED');
}
