import { ConfigError } from '../errors.ts';
import type {
  RedisClusterOptions,
  RedisConnectOptions,
  RedisSentinelOptions,
  RedisStoreOptions,
  RedisTlsOptions,
} from './redis-options.ts';
import type { SentinelGroup } from './redis-sentinel.ts';
import { parseRedisNodes, parseRedisUrl, type RedisAddress, type RedisNode, type RedisNodes } from './redis-url.ts';

/** Where a Redis is, and how to speak to it, checked. */
export type RedisTarget = { readonly tls: RedisTlsOptions } & (
  | { readonly kind: 'url'; readonly address: RedisAddress }
  | {
      readonly kind: 'cluster';
      readonly seeds: RedisNodes['nodes'];
      readonly node: Omit<RedisAddress, keyof RedisNode>;
    }
  | { readonly kind: 'sentinels'; readonly group: SentinelGroup }
);

/** @throws ConfigError naming the option, never its value. */
export function redisTarget(options: RedisStoreOptions): RedisTarget {
  const given = [options.url, options.cluster, options.sentinels].filter((option) => option !== undefined);
  if (given.length !== 1) throw new ConfigError('url', 'or cluster or sentinels must be given, and one of them only');
  if (options.cluster !== undefined) return clusterTarget(options.cluster);
  if (options.sentinels !== undefined) return sentinelTarget(options.sentinels);
  return { kind: 'url', address: parseRedisUrl(options.url), tls: options.tls ?? {} };
}

/** Beyond it timers fire at once. */
const MAX_MS = 2 ** 31 - 1;

/** How long things may take, checked. @throws ConfigError */
export function redisTimes({ connectTimeoutMs = 2000, subscriberPingMs = 15_000 }: RedisConnectOptions): {
  readonly connectTimeoutMs: number;
  readonly subscriberPingMs: number;
} {
  const times = { connectTimeoutMs, subscriberPingMs };
  for (const [name, ms] of Object.entries(times)) {
    if (!(ms > 0 && ms <= MAX_MS)) {
      throw new ConfigError(name, `must be a positive number of milliseconds, at most ${MAX_MS}`);
    }
  }
  return times;
}

function clusterTarget(cluster: RedisClusterOptions['cluster']): RedisTarget {
  const { nodes, secure } = parseRedisNodes(cluster.nodes, 'cluster.nodes');
  const node = { secure: secure || cluster.tls !== undefined, ...credentials('cluster', cluster), database: 0 };
  return { kind: 'cluster', seeds: nodes, node, tls: cluster.tls ?? {} };
}

function sentinelTarget(sentinels: RedisSentinelOptions['sentinels']): RedisTarget {
  const { name, sentinelPassword, database = 0, tls } = sentinels;
  const { nodes, secure } = parseRedisNodes(sentinels.nodes, 'sentinels.nodes', 26_379);
  if (name === '')
    throw new ConfigError('sentinels.name', 'must be the name under which the sentinels watch the primary');
  if (!Number.isInteger(database) || database < 0) {
    throw new ConfigError('sentinels.database', 'must be a whole number of at least 0');
  }
  const shared = { secure: secure || tls !== undefined };
  const group = {
    sentinels: { nodes, ...shared },
    sentinelPassword: sentinelPassword || undefined,
    name,
    primary: { ...shared, ...credentials('sentinels', sentinels), database, databaseSetting: 'sentinels.database' },
  };
  return { kind: 'sentinels', group, tls: tls ?? {} };
}

/** Empty means none, as in a URL. */
function credentials(
  option: string,
  { username, password }: { username?: string | undefined; password?: string | undefined },
) {
  if (username && !password) throw new ConfigError(`${option}.username`, `needs ${option}.password`);
  return { username: username || undefined, password: password || undefined };
}
