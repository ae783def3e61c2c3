import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type RestEndpoint, startRestEndpoint } from '../../cli/rest/endpoint.ts';
import { createKv, type KvClient } from '../../lib/client/kv-client.ts';
import type { BreakwaterEvent } from '../../lib/events.ts';
import { redisStore } from '../../lib/store/redis.ts';
import type { Command, Reply, Store } from '../../lib/store/store.ts';
import { upstashStore } from '../../lib/store/upstash.ts';
import { eventually } from '../support/eventually.ts';
import { type FakeRedis, fakeSentinel } from '../support/fake-redis.ts';
import { type ClusterOfOne, startClusterOfOne } from '../support/redis-cluster.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { told } from '../support/scripted-client.ts';

/** Lets it be told to load its data again, and makes it answer often while it does. */
const RELOADABLE = ['--enable-debug-command', 'local', '--loading-process-events-interval-bytes', '1024'];
/** So many keys that it takes a minute unless it is told to hurry. */
const MANY_KEYS = 60_000;
const OPEN_MS = 100;

let server: RedisServer;
let direct: Store;
let endpoint: RestEndpoint;
let sentinel: FakeRedis;
let cluster: ClusterOfOne;
beforeAll(async () => {
  server = await startRedis({ args: RELOADABLE });
  direct = redisStore({ url: server.url });
  endpoint = await startRestEndpoint({ store: direct, token: 'secret' });
  sentinel = await fakeSentinel(() => server.port);
  cluster = await startClusterOfOne(RELOADABLE);
});
afterAll(async () => {
  sentinel?.stop();
  await endpoint?.close();
  await direct?.close();
  await server?.stop();
  await cluster?.stop();
});

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

interface Path {
  readonly open: () => Store;
  readonly tell: (...command: Command) => Promise<Reply>;
  readonly url: () => string;
}

const tellServer: Path['tell'] = async (...command) => (await direct.execute([command]))[0] ?? null;
const url = (): string => server.url;
const SINGLE: Readonly<Record<string, Path>> = {
  REST: { open: () => upstashStore({ url: endpoint.url, token: 'secret' }), tell: tellServer, url },
  TCP: { open: () => redisStore({ url: server.url }), tell: tellServer, url },
  Sentinel: {
    open: () => redisStore({ sentinels: { nodes: [sentinel.name], name: 'main' } }),
    tell: tellServer,
    url,
  },
};
const CLUSTER: Path = {
  open: () => redisStore({ cluster: { nodes: [cluster.name] } }),
  tell: (...command) => cluster.ask(...command),
  url: () => cluster.server.url,
};
const EVERY = Object.entries({ ...SINGLE, Cluster: CLUSTER });

/** A client with a call that is good now, and the circuit's states from now on. */
async function client(path: Path, call: Command) {
  const states: string[] = [];
  const onEvent = (event: BreakwaterEvent) => {
    if (event.type === 'circuit') states.push(event.to);
  };
  const kv = createKv({ store: path.open(), breaker: { timeout: OPEN_MS }, requestTimeoutMs: 10_000, onEvent });
  cleanUps.push(() => kv.close());
  await kv.command(call);
  return { kv, states, ask: () => kv.command(call).then(() => 'ok', told) };
}

/** Five failures open the circuit, and a failed probe keeps it open. */
async function opens({ kv, ask }: { readonly kv: KvClient; readonly ask: () => Promise<string> }): Promise<void> {
  const { failures } = kv.circuit.state().totals;
  for (let time = 0; time < 5; time += 1) expect(await ask()).toMatch(/^unavailable /);
  expect(kv.circuit.state()).toMatchObject({ state: 'OPEN', lastFailure: { kind: 'unavailable' } });
  await delay(OPEN_MS + 10);
  expect(await ask()).toMatch(/^unavailable /);
  expect(kv.circuit.state()).toMatchObject({ state: 'OPEN', reopenCount: 1, totals: { failures: failures + 6 } });
}

/** Two good probes close it: the client is not restarted. */
async function closes({ states, ask }: { readonly states: string[]; readonly ask: () => Promise<string> }) {
  await delay(OPEN_MS + 10);
  expect([await ask(), await ask()]).toEqual(['ok', 'ok']);
  expect(states).toEqual(['OPEN', 'HALF_OPEN', 'OPEN', 'HALF_OPEN', 'CLOSED']);
}

/** A port that nobody listens on: this Redis is a replica whose primary is away. */
const demote = ({ tell }: Path) => tell('REPLICAOF', '127.0.0.1', 1);
const promote = ({ tell }: Path) => tell('REPLICAOF', 'NO', 'ONE');

describe.each(Object.entries(SINGLE))('a replica whose primary is away, by %s', (_, path) => {
  it('fault 14 READONLY: failure, and recovers through HALF_OPEN without a restart', async () => {
    cleanUps.push(() => promote(path));
    const writer = await client(path, ['SET', 'a', 1]);
    await demote(path);
    await opens(writer);
    await promote(path);
    await closes(writer);
  });

  it('fault 14 MASTERDOWN: failure, and recovers through HALF_OPEN without a restart', async () => {
    const mayBeStale = (allowed: string) => path.tell('CONFIG', 'SET', 'replica-serve-stale-data', allowed);
    cleanUps.push(
      () => mayBeStale('yes'),
      () => promote(path),
    );
    const reader = await client(path, ['GET', 'a']);
    await mayBeStale('no');
    await demote(path);
    await opens(reader);
    await promote(path);
    await closes(reader);
  });
});

describe.each(EVERY)('a Redis that loads its data, by %s', (name, path) => {
  it('fault 14 LOADING: failure, and recovers through HALF_OPEN without a restart', async () => {
    const reader = await client(path, ['GET', 'a']);
    const loader = redisStore({ url: path.url() });
    cleanUps.push(
      () => loader.close(),
      () => path.tell('FLUSHALL'),
    );
    await path.tell('DEBUG', 'POPULATE', MANY_KEYS);
    await path.tell('CONFIG', 'SET', 'key-load-delay', 1000);
    const loaded = loader.execute([['DEBUG', 'RELOAD']]);
    const hurry = () => path.tell('CONFIG', 'SET', 'key-load-delay', 0);
    cleanUps.push(hurry);
    await eventually(async () => String(await path.tell('INFO', 'persistence')).includes('\nloading:1'));
    await opens(reader);
    if (name !== 'REST') {
      // One that has to connect is not let in.
      const late = createKv({ store: path.open(), requestTimeoutMs: 10_000 });
      cleanUps.push(() => late.close());
      expect(await late.get('a').catch(told)).toBe('unavailable false');
    }
    await hurry();
    expect(await loaded).toEqual(['OK']);
    await closes(reader);
  });
});

describe('a Cluster of which nobody has the slots', () => {
  it('fault 14 CLUSTERDOWN: failure, and recovers through HALF_OPEN without a restart', async () => {
    const writer = await client(CLUSTER, ['SET', 'a', 1]);
    await cluster.ask('CLUSTER', 'DELSLOTSRANGE', 0, 16_383);
    await eventually(async () => String(await cluster.ask('CLUSTER', 'INFO')).includes('cluster_state:fail'));
    await opens(writer);
    await cluster.ask('CLUSTER', 'ADDSLOTSRANGE', 0, 16_383);
    await eventually(async () => String(await cluster.ask('CLUSTER', 'INFO')).includes('cluster_state:ok'));
    await closes(writer);
  });
});
