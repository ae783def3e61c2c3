import { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { vi } from 'vitest';
import { type RestEndpoint, startRestEndpoint } from '../../cli/rest/endpoint.ts';
import { createKv, type KvClient, type KvOptions } from '../../lib/client/kv-client.ts';
import { systemClock } from '../../lib/clock.ts';
import { redisStore } from '../../lib/store/redis.ts';
import type { Command, Reply, Store } from '../../lib/store/store.ts';
import { upstashStore } from '../../lib/store/upstash.ts';
import { eventually } from './eventually.ts';
import { type FakeRedis, fakeSentinel } from './fake-redis.ts';
import { type Fault, type FaultProxy, startFaultProxy } from './fault-proxy.ts';
import type { Plant } from './planted-defects.ts';
import { type ClusterOfOne, startClusterOfOne } from './redis-cluster.ts';
import { type RedisServer, startRedis } from './redis-server.ts';
import { told } from './scripted-client.ts';

/** The ways to a Redis. */
export const PATHS = ['REST', 'TCP', 'Sentinel', 'Cluster'] as const;
export type Path = (typeof PATHS)[number];

/** The deadline of a request here, unless told otherwise. */
export const T = 300;
/** Beyond the deadline by more than a busy machine is late; a hang is for ever. */
const HUNG_MS = 1_500;

export interface OverOptions extends Partial<KvOptions> {
  /** Where the REST endpoint is. @default behind its proxy */
  readonly url?: string;
}

export interface FaultyPaths {
  /** A client on a path that a proxy can spoil. */
  over(path: Path, plant: Plant, options?: OverOptions): FaultyClient;
  /** Asks the Redis at the end of a path, past the proxy. */
  direct(path: Path, ...command: Command): Promise<Reply>;
  /** Connections that all proxies have accepted. */
  connections(): number;
  /** Spoils nothing any more, closes the clients and empties the servers. */
  mend(): Promise<void>;
  close(): Promise<void>;
}

export interface FaultyClient {
  readonly kv: KvClient;
  readonly set: (fault: Fault) => Promise<void>;
  /** Waits until the path has carried something: to connect may take a busy machine longer than a deadline. */
  readonly warmUp: () => Promise<void>;
  /** One call: what it was told, or that it was told nothing. */
  readonly ask: (call?: () => Promise<unknown>) => Promise<string>;
  /** Attempts to reach the other side so far: HTTP requests or, by TCP, connections. */
  readonly attempts: () => number;
}

/** A Redis behind a proxy, the same over REST and as the primary of a sentinel, and a Cluster of one node behind another. */
export async function startFaultyPaths(): Promise<FaultyPaths> {
  const server: RedisServer = await startRedis();
  const direct: Store = redisStore({ url: server.url });
  const endpoint: RestEndpoint = await startRestEndpoint({ store: direct, token: 'secret' });
  const cluster: ClusterOfOne = await startClusterOfOne();
  const proxies = {
    tcp: await startFaultProxy(server.port),
    rest: await startFaultProxy(endpoint.port),
    cluster: await startFaultProxy(cluster.server.port),
  };
  const sentinel: FakeRedis = await fakeSentinel(() => proxies.tcp.port);
  await cluster.ask('CONFIG', 'SET', 'cluster-announce-port', proxies.cluster.port);
  const connects = countedConnects();
  const opened: KvClient[] = [];

  const proxyOf: Readonly<Record<Path, FaultProxy>> = {
    REST: proxies.rest,
    TCP: proxies.tcp,
    Sentinel: proxies.tcp,
    Cluster: proxies.cluster,
  };

  function over(path: Path, plant: Plant, { url, ...options }: OverOptions = {}): FaultyClient {
    const { port } = proxyOf[path];
    let requests = 0;
    const open: Readonly<Record<Path, () => Store>> = {
      REST: () =>
        upstashStore({
          url: url ?? `http://127.0.0.1:${port}`,
          token: 'secret',
          fetch: (to, init) => {
            requests += 1;
            return fetch(to, init);
          },
        }),
      TCP: () => redisStore({ url: `redis://127.0.0.1:${port}` }),
      Sentinel: () => redisStore({ sentinels: { nodes: [sentinel.name], name: 'main' } }),
      Cluster: () => redisStore({ cluster: { nodes: [`127.0.0.1:${port}`] } }),
    };
    const plain = open[path]();
    const kv = createKv({
      store: plant.store ? plant.store(plain) : plain,
      clock: plant.clock ? plant.clock(systemClock) : systemClock,
      requestTimeoutMs: T,
      ...options,
      breaker: { ...options.breaker, ...plant.breaker },
    });
    opened.push(kv);
    const before = connects.to(port);
    const ask = async (call: () => Promise<unknown> = () => kv.command(['SET', 'a', 1])): Promise<string> =>
      Promise.race([call().then(() => 'ok', told), delay(kv.requestTimeoutMs + HUNG_MS, 'hung')]);
    const warmUp = (): Promise<void> =>
      eventually(() =>
        kv.command(['PING']).then(
          () => true,
          () => false,
        ),
      );
    const attempts = () => (path === 'REST' ? requests : connects.to(port) - before);
    return { kv, set: (fault) => proxyOf[path].set(fault), warmUp, ask, attempts };
  }

  return {
    over,
    direct: async (path, ...command) =>
      path === 'Cluster' ? cluster.ask(...command) : ((await direct.execute([command]))[0] ?? null),
    connections: () => Object.values(proxies).reduce((sum, proxy) => sum + proxy.connections(), 0),
    async mend() {
      for (const kv of opened.splice(0)) await kv.close();
      for (const proxy of Object.values(proxies)) await proxy.set('pass');
      await direct.execute([['FLUSHALL']]);
      await cluster.ask('FLUSHALL');
    },
    async close() {
      connects.stop();
      for (const proxy of Object.values(proxies)) await proxy.close();
      sentinel.stop();
      await endpoint.close();
      await direct.close();
      await server.stop();
      await cluster.stop();
    },
  };
}

/** Counts the connections that this process tries to make, by port; also those that are refused. */
function countedConnects() {
  const counts = new Map<number, number>();
  const original = Socket.prototype.connect;
  const spy = vi.spyOn(Socket.prototype, 'connect').mockImplementation(function (this: Socket, ...args: unknown[]) {
    // Either as it is documented, or as `net` has put it together for itself.
    const [first] = args.flat() as { port?: unknown }[];
    const port = Number(first?.port);
    counts.set(port, (counts.get(port) ?? 0) + 1);
    return Reflect.apply(original, this, args);
  });
  return { to: (port: number) => counts.get(port) ?? 0, stop: () => spy.mockRestore() };
}
