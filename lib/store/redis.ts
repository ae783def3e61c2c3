import type { Redis } from 'ioredis';
import { type Clock, systemClock } from '../clock.ts';
import { ConfigError } from '../errors.ts';
import { createClusterNodes } from './cluster-nodes.ts';
import { hostAndPort, nodeName } from './cluster-topology.ts';
import { linkedStore } from './linked-store.ts';
import { clusterStore } from './redis-cluster.ts';
import { type Connector, openLink } from './redis-connect.ts';
import { primaryOpener } from './redis-sentinel.ts';
import { parseRedisNodes, parseRedisUrl, type RedisAddress } from './redis-url.ts';
import type { Store } from './store.ts';
import type { LineTimes } from './subscriber-line.ts';

/** PEM texts for a Redis whose certificate the system does not know already. */
export interface RedisTlsOptions {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** The name to expect in the certificate. @default the host of the connection */
  readonly servername?: string | undefined;
}

export type RedisStoreOptions = RedisUrlOptions | RedisClusterOptions | RedisSentinelOptions;

export interface RedisUrlOptions extends RedisConnectOptions {
  /** `redis://[user[:password]@]host[:port][/database]`, or `rediss://` for TLS. */
  readonly url: string;
  readonly tls?: RedisTlsOptions | undefined;
  readonly cluster?: undefined;
  readonly sentinels?: undefined;
}

export interface RedisClusterOptions extends RedisConnectOptions {
  readonly cluster: {
    /** `host:port` or `redis://host:port` of some of its nodes: they tell of the others. `rediss://` turns TLS on. */
    readonly nodes: readonly string[];
    readonly username?: string | undefined;
    readonly password?: string | undefined;
    /** Turns TLS on, also with nothing in it. */
    readonly tls?: RedisTlsOptions | undefined;
  };
  readonly url?: undefined;
  readonly sentinels?: undefined;
}

export interface RedisSentinelOptions extends RedisConnectOptions {
  readonly sentinels: {
    /** `host[:port]` or `redis://host[:port]` of the sentinels; port 26379 unless told. `rediss://` turns TLS on. */
    readonly nodes: readonly string[];
    /** Under which the sentinels watch the primary. */
    readonly name: string;
    /** Of the primary. */
    readonly username?: string | undefined;
    readonly password?: string | undefined;
    readonly sentinelPassword?: string | undefined;
    /** @default 0 */
    readonly database?: number | undefined;
    /** Turns TLS on, for the sentinels and the primary, also with nothing in it. */
    readonly tls?: RedisTlsOptions | undefined;
  };
  readonly url?: undefined;
  readonly cluster?: undefined;
}

interface RedisConnectOptions {
  /** Bound of one attempt to connect, from the look-up of the name to the first answer of Redis. @default 2000 */
  readonly connectTimeoutMs?: number | undefined;
  /** A subscription that has heard nothing for so long asks Redis whether it is still there, in milliseconds. @default 15_000 */
  readonly subscriberPingMs?: number | undefined;
  /** Times the attempts to connect. @default the system's */
  readonly clock?: Clock | undefined;
}

/**
 * A store on one Redis, on the primary that sentinels watch, or on a Cluster. Node only; needs the package `ioredis`.
 *
 * The first request connects, and so does any request that finds the connection lost: it makes up to three attempts
 * while its signal lasts. Each `execute` is one write to the socket. Nothing is sent twice, and nothing is written for a
 * caller that has been told it failed. With Redis away it rejects with a `StoreError`: `network` (refused, reset, closed
 * half-way), `unavailable` while Redis loads its data, `auth`. There is no deadline here: give a signal.
 *
 * When a signal fires and Redis has been silent since the request was written, the connection is under suspicion: unless
 * Redis says something before, the next request opens another one. When a signal fires while an attempt to connect is
 * under way, that goes on, and the next request makes another one beside it: whichever succeeds first is used. Two at
 * once at most.
 *
 * **Sentinels**: each attempt asks them for the primary, and the primary whether it is one. A reply `READONLY` makes the
 * next request do so. A failover costs the requests until it is over, and no restart.
 *
 * **Cluster**: one connection to each primary. A batch is one write to each node that it concerns, after all of them are
 * connected. The parts run side by side, in order within each node only; where one is lost, the request fails as a
 * whole. A command that a node refuses with `MOVED` or `ASK` goes to the node that it names, five times at most;
 * `CLUSTERDOWN` and `TRYAGAIN` are replies. A command or an `atomic` batch whose keys are in several slots is answered
 * with `CROSSSLOT`: give the keys a hash tag, `{user:7}:a`. FLUSHALL, FLUSHDB, DBSIZE, SCRIPT LOAD and FLUSH, and
 * FUNCTION LOAD, DELETE, FLUSH and RESTORE go to all primaries; other commands without keys to any one. SCAN and KEYS
 * want a pattern with a hash tag and ask the node of its slot, which may not know all of it while the slot moves.
 *
 * **Subscriptions** share a connection of their own, to the primary of the time behind sentinels. On a Cluster it is one to
 * any primary, another one when that is lost, for the nodes hand each message to all others.
 *
 * @example
 * ```ts
 * const store = redisStore({ url: 'redis://localhost:6379' });
 * const [count] = await store.execute([['INCR', 'visits']], { signal: AbortSignal.timeout(1000) });
 * await store.close();
 * ```
 *
 * @throws ConfigError when an option cannot be right; from `execute` when `ioredis` is not installed, or when the nodes
 * are no Cluster.
 */
export function redisStore(options: RedisStoreOptions): Store {
  const { connectTimeoutMs = 2000, subscriberPingMs = 15_000, clock = systemClock } = options;
  for (const [name, ms] of Object.entries({ connectTimeoutMs, subscriberPingMs })) {
    if (!(ms > 0)) throw new ConfigError(name, 'must be a positive number of milliseconds');
  }
  const lineTimes = { pingAfterMs: subscriberPingMs, answerMs: connectTimeoutMs, clock };
  const given = [options.url, options.cluster, options.sentinels].filter((option) => option !== undefined);
  if (given.length !== 1) throw new ConfigError('url', 'or cluster or sentinels must be given, and one of them only');
  const connector = (tls: RedisTlsOptions = {}): Connector => ({
    createClient: (address) => createClient(address, tls),
    connectTimeoutMs,
    clock,
  });
  if (options.cluster !== undefined) return onCluster(options.cluster, connector(options.cluster.tls), lineTimes);
  if (options.sentinels !== undefined)
    return behindSentinels(options.sentinels, connector(options.sentinels.tls), lineTimes);
  const address = parseRedisUrl(options.url);
  const single = connector(options.tls);
  return linkedStore({ open: (closing) => openLink(single, address, closing), lineTimes, clock });
}

function onCluster(cluster: RedisClusterOptions['cluster'], connector: Connector, lineTimes: LineTimes): Store {
  const { nodes, secure } = parseRedisNodes(cluster.nodes, 'cluster.nodes');
  const shared = {
    secure: secure || cluster.tls !== undefined,
    ...credentials('cluster', cluster),
    database: 0,
  };
  const { clock, connectTimeoutMs } = connector;
  return clusterStore({
    nodes: createClusterNodes({
      seeds: nodes.map(({ host, port }) => nodeName(host, port)),
      open: (node, closing) => openLink(connector, { ...hostAndPort(node), ...shared }, closing),
      timeoutMs: connectTimeoutMs,
      clock,
    }),
    lineTimes,
    clock,
  });
}

function behindSentinels(
  sentinels: RedisSentinelOptions['sentinels'],
  connector: Connector,
  lineTimes: LineTimes,
): Store {
  const { name, sentinelPassword, database = 0, tls } = sentinels;
  const { nodes, secure } = parseRedisNodes(sentinels.nodes, 'sentinels.nodes', 26_379);
  if (name === '')
    throw new ConfigError('sentinels.name', 'must be the name under which the sentinels watch the primary');
  if (!Number.isInteger(database) || database < 0) {
    throw new ConfigError('sentinels.database', 'must be a whole number of at least 0');
  }
  const shared = { secure: secure || tls !== undefined };
  const open = primaryOpener(
    {
      sentinels: { nodes, ...shared },
      sentinelPassword: sentinelPassword || undefined,
      name,
      primary: { ...shared, ...credentials('sentinels', sentinels), database, databaseSetting: 'sentinels.database' },
    },
    connector,
  );
  return linkedStore({ open, lineTimes, clock: connector.clock });
}

/** Empty means none, as in a URL. */
function credentials(
  option: string,
  { username, password }: { username?: string | undefined; password?: string | undefined },
) {
  if (username && !password) throw new ConfigError(`${option}.username`, `needs ${option}.password`);
  return { username: username || undefined, password: password || undefined };
}

async function createClient(address: RedisAddress, tls: RedisTlsOptions): Promise<Redis> {
  const { Redis: Client } = await loadDriver();
  return new Client({
    host: address.host,
    port: address.port,
    ...(address.secure ? { tls: { ...tls } } : undefined),
    // RESP3 would nest and retype replies.
    protocol: 2,
    // Its own arithmetic is off by one and more from 2^53 - 48 on: 9007199254740991 becomes ...992.
    stringNumbers: true,
    lazyConnect: true,
    // The hand-shake is done on the link: ioredis goes on in database 0 when SELECT fails, and waits by timers of its own
    // while Redis loads.
    enableReadyCheck: false,
    disableClientInfo: true,
    connectTimeout: 0,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: null,
    retryStrategy: () => null,
  });
}

/** In a `try`, not with `.catch`: so bundlers take the package for the optional one that it is. */
async function loadDriver(): Promise<{ readonly Redis: typeof Redis }> {
  try {
    return await import('ioredis');
  } catch {
    throw new ConfigError('redisStore', 'needs the package ioredis: npm install ioredis');
  }
}
