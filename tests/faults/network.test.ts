import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type RestEndpoint, startRestEndpoint } from '../../cli/rest/endpoint.ts';
import { createKv, type KvClient, type KvOptions } from '../../lib/client/kv-client.ts';
import { systemClock } from '../../lib/clock.ts';
import { redisStore } from '../../lib/store/redis.ts';
import type { Store } from '../../lib/store/store.ts';
import { upstashStore } from '../../lib/store/upstash.ts';
import { type Fault, type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { DEAF_CLOCK, type Plant, RETRYING_STORE, SOUND, turnsRed } from '../support/planted-defects.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { told } from '../support/scripted-client.ts';

/** The deadline of a request here. */
const T = 300;
/** Beyond the deadline by more than a busy machine is late; a hang is for ever. */
const HUNG_MS = T + 1_500;

let server: RedisServer;
let direct: Store;
let endpoint: RestEndpoint;
let tcpProxy: FaultProxy;
let restProxy: FaultProxy;
const opened: KvClient[] = [];

beforeAll(async () => {
  server = await startRedis();
  direct = redisStore({ url: server.url });
  endpoint = await startRestEndpoint({ store: direct, token: 'secret' });
  tcpProxy = await startFaultProxy(server.port);
  restProxy = await startFaultProxy(endpoint.port);
});
afterAll(async () => {
  await tcpProxy.close();
  await restProxy.close();
  await endpoint.close();
  await direct.close();
  await server.stop();
});
afterEach(async () => {
  for (const kv of opened.splice(0)) await kv.close();
  await tcpProxy.set('pass');
  await restProxy.set('pass');
  await direct.execute([['FLUSHALL']]);
});

const PATHS = ['REST', 'TCP'] as const;
type Path = (typeof PATHS)[number];

function over(path: Path, plant: Plant, options: Partial<KvOptions> = {}, url = `http://127.0.0.1:${restProxy.port}`) {
  let requests = 0;
  const plain =
    path === 'TCP'
      ? redisStore({ url: `redis://127.0.0.1:${tcpProxy.port}` })
      : upstashStore({
          url,
          token: 'secret',
          fetch: (to, init) => {
            requests += 1;
            return fetch(to, init);
          },
        });
  const kv = createKv({
    store: plant.store ? plant.store(plain) : plain,
    clock: plant.clock ? plant.clock(systemClock) : systemClock,
    requestTimeoutMs: T,
    breaker: plant.breaker,
    ...options,
  });
  opened.push(kv);
  const set = (fault: Fault) => (path === 'TCP' ? tcpProxy : restProxy).set(fault);
  /** One call: what it was told, or that it was told nothing. */
  const ask = async (call: () => Promise<unknown> = () => kv.command(['SET', 'a', 1])) =>
    Promise.race([call().then(() => 'ok', told), delay(HUNG_MS, 'hung')]);
  return { kv, set, ask, requests: () => requests };
}

/** Five failures open it, each an answer by the deadline; then there is no I/O and no waiting. */
async function opensAtTheFifth(
  { kv, ask, requests }: ReturnType<typeof over>,
  expected: RegExp,
  { path, perCall }: { path: Path; perCall: number },
): Promise<void> {
  for (let failures = 0; failures < 5; failures += 1) {
    expect(kv.circuit.state()).toMatchObject({ state: 'CLOSED', consecutiveFailures: failures });
    expect(await ask()).toMatch(expected);
    if (path === 'REST') expect(requests()).toBe((failures + 1) * perCall);
  }
  expect(kv.circuit.state()).toMatchObject({ state: 'OPEN', totals: { failures: 5 } });
  const connections = tcpProxy.connections() + restProxy.connections();
  const times: number[] = [];
  for (let call = 0; call < 21; call += 1) {
    const startedAt = performance.now();
    expect(await ask()).toMatch(/^CIRCUIT_OPEN/);
    times.push(performance.now() - startedAt);
  }
  // The middle one: single calls may meet a busy machine.
  expect(times.sort((a, b) => a - b)[10]).toBeLessThan(5);
  expect(tcpProxy.connections() + restProxy.connections()).toBe(connections);
  if (path === 'REST') expect(requests()).toBe(5 * perCall);
}

async function refused(path: Path, plant: Plant): Promise<void> {
  const client = over(path, plant);
  await client.set('refuse');
  // By TCP it tries again for as long as the deadline lasts.
  const expected = path === 'TCP' ? /^(network false|DEADLINE true)$/ : /^network false$/;
  await opensAtTheFifth(client, expected, { path, perCall: 1 });
}

async function swallowed(path: Path, plant: Plant): Promise<void> {
  const client = over(path, plant);
  await client.set('black-hole');
  await opensAtTheFifth(client, /^DEADLINE true$/, { path, perCall: 1 });
}

async function stalled(path: Path, plant: Plant): Promise<void> {
  const client = over(path, plant, { breaker: { failureThreshold: 1 } });
  await client.kv.command(['SET', 'a', 'x'.repeat(100)]);
  await client.set(path === 'REST' ? 'stall-body' : { stallAfter: 20 });
  expect(await client.ask(() => client.kv.command(['GET', 'a']))).toBe('DEADLINE false');
  expect(client.kv.circuit.state()).toMatchObject({ state: 'OPEN', lastFailure: { kind: 'deadline' } });
}

async function lostReply(path: Path, plant: Plant): Promise<void> {
  const { kv, set, ask } = over(path, plant);
  await kv.command(['PING']);
  await set('drop-replies');
  expect(await ask(() => kv.incr('n', 60))).toBe('DEADLINE true');
  await set('pass');
  await delay(2 * T);
  expect(await direct.execute([['GET', 'n']])).toEqual(['1']);
  await set('refuse');
  expect(await ask(() => kv.incr('n', 60))).toMatch(/^(network|DEADLINE) /);
  await set('pass');
  await delay(2 * T);
  expect(await direct.execute([['GET', 'n']])).toEqual(['1']);
}

const each = async (scenario: (path: Path, plant: Plant) => Promise<void>) => {
  for (const path of PATHS) {
    await scenario(path, SOUND);
    await tcpProxy.set('pass');
    await restProxy.set('pass');
    await direct.execute([['FLUSHALL']]);
  }
};

describe('what the network does', () => {
  it('fault 01 connection refused, DNS failure', async () => {
    await each(refused);
    // Nothing answers to this name. Some resolvers take longer over that than the deadline is.
    const nameless = over('REST', SOUND, {}, 'http://breakwater.invalid');
    await opensAtTheFifth(nameless, /^(network false|DEADLINE true)$/, { path: 'REST', perCall: 1 });
  });

  it('fault 02 black hole', async () => {
    await each(swallowed);
  });

  it('fault 03 headers sent, body stalls', async () => {
    await each(stalled);
  });

  it('fault 04 slow answer beyond T', async () => {
    await each(async (path) => {
      const { kv, set, ask } = over(path, SOUND);
      await kv.set('a', 'old');
      await set({ slowMs: 3 * T });
      expect(await ask(() => kv.get('a'))).toBe('DEADLINE false');
      expect(kv.circuit.state()).toMatchObject({ totals: { failures: 1 }, lastFailure: { kind: 'deadline' } });
      await set('pass');
      await direct.execute([['SET', 'a', '"new"']]);
      await delay(3 * T);
      expect(await kv.get('a')).toBe('new');
      expect(kv.circuit.state().totals).toMatchObject({ failures: 1, successes: 2 });
    });
  });

  it('fault 05 slow answer within T', async () => {
    await each(async (path) => {
      const patient = over(path, SOUND, { requestTimeoutMs: 2_000 });
      const strict = over(path, SOUND, { requestTimeoutMs: 2_000, breaker: { slowCall: { ms: 50 } } });
      for (const { kv } of [patient, strict]) await kv.command(['PING']);
      const before = strict.kv.circuit.state().totals;
      await patient.set({ slowMs: 100 });
      for (const { ask, kv } of [patient, strict]) expect(await ask(() => kv.command(['PING']))).toBe('ok');
      expect(patient.kv.circuit.state().totals).toMatchObject({ successes: 2, failures: 0 });
      expect(strict.kv.circuit.state()).toMatchObject({
        lastFailure: { kind: 'slow' },
        totals: { failures: before.failures + 1 },
      });
    });
  });

  it('fault 15 reply to INCR lost', async () => {
    await each(lostReply);
  });
});

describe('with a planted defect the test goes red', () => {
  it.each([
    ['01', refused, RETRYING_STORE],
    ['02', swallowed, DEAF_CLOCK],
    ['03', stalled, DEAF_CLOCK],
    ['15', lostReply, RETRYING_STORE],
  ] as const)('fault %s, over REST', async (_, scenario, plant) => {
    await turnsRed(() => scenario('REST', plant));
  });

  it.each([
    ['02', swallowed, DEAF_CLOCK],
    ['03', stalled, DEAF_CLOCK],
    ['15', lostReply, RETRYING_STORE],
  ] as const)('fault %s, over TCP', async (_, scenario, plant) => {
    await turnsRed(() => scenario('TCP', plant));
  });
});
