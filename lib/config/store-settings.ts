import { ConfigError } from '../errors.ts';
import { parseRedisNodes, parseRedisUrl } from '../store/redis-url.ts';
import { upstashStore } from '../store/upstash.ts';
import { type Read, readList, underName } from './variables.ts';

/** Where the environment says that Redis is. */
export type StoreSettings =
  | { readonly kind: 'memory' }
  | { readonly kind: 'upstash'; readonly url: string; readonly token: string }
  | ({ readonly kind: 'redis' } & RedisSettings);

export type RedisSettings =
  | { readonly url: string }
  | { readonly cluster: NodesSettings }
  | { readonly sentinels: NodesSettings & { readonly name: string } };

interface NodesSettings {
  readonly nodes: readonly string[];
  readonly username?: string | undefined;
  readonly password?: string | undefined;
}

const NO_REDIS = 'or REDIS_CLUSTER_NODES or REDIS_SENTINELS must be set when KV_STORE is redis';

/** @throws ConfigError naming the variable. */
export function readStore(read: Read): StoreSettings {
  const forced = read('KV_STORE');
  const vercel = readPair(read, 'KV_REST_API_URL', 'KV_REST_API_TOKEN');
  const upstash = readPair(read, 'UPSTASH_REDIS_REST_URL', 'UPSTASH_REDIS_REST_TOKEN');
  const rest = vercel ?? upstash;
  const redis = readRedis(read);
  switch (forced) {
    case undefined:
      if (rest) return { kind: 'upstash', ...rest };
      return redis === undefined ? { kind: 'memory' } : { kind: 'redis', ...redis };
    case 'memory':
      return { kind: 'memory' };
    case 'upstash':
      if (!rest) throw new ConfigError('KV_REST_API_URL', 'and KV_REST_API_TOKEN must be set when KV_STORE is upstash');
      return { kind: 'upstash', ...rest };
    case 'redis':
      if (redis === undefined) throw new ConfigError('REDIS_URL', NO_REDIS);
      return { kind: 'redis', ...redis };
    default:
      throw new ConfigError('KV_STORE', 'must be memory, upstash or redis');
  }
}

/** All that is set is checked, also what is not used. */
export function readRedis(read: Read): RedisSettings | undefined {
  const [url, nodes, sentinels] = [read('REDIS_URL'), read('REDIS_CLUSTER_NODES'), read('REDIS_SENTINELS')];
  const [name, username, password] = [read('REDIS_SENTINEL_NAME'), read('REDIS_USERNAME'), read('REDIS_PASSWORD')];
  if (username !== undefined && password === undefined) {
    throw new ConfigError('REDIS_USERNAME', 'must be set together with REDIS_PASSWORD');
  }
  if (url !== undefined) underName({ url: 'REDIS_URL' }, () => parseRedisUrl(url));
  const cluster =
    nodes === undefined ? undefined : { nodes: readNodes(nodes, 'REDIS_CLUSTER_NODES'), username, password };
  if (sentinels === undefined && name !== undefined) {
    throw new ConfigError('REDIS_SENTINELS', 'must be set together with REDIS_SENTINEL_NAME');
  }
  if (sentinels !== undefined && name === undefined) {
    throw new ConfigError('REDIS_SENTINEL_NAME', 'must be set together with REDIS_SENTINELS');
  }
  const watching = sentinels === undefined ? undefined : readNodes(sentinels, 'REDIS_SENTINELS');
  if (url !== undefined) return { url };
  if (cluster !== undefined) return { cluster };
  if (watching === undefined || name === undefined) return undefined;
  return { sentinels: { nodes: watching, name, username, password } };
}

function readNodes(text: string, variable: string): readonly string[] {
  const nodes = readList(text);
  parseRedisNodes(nodes, variable);
  return nodes;
}

function readPair(read: Read, urlName: string, tokenName: string): { url: string; token: string } | undefined {
  const [url, token] = [read(urlName), read(tokenName)];
  if (url === undefined && token === undefined) return undefined;
  if (url === undefined) throw new ConfigError(urlName, `must be set together with ${tokenName}`);
  if (token === undefined) throw new ConfigError(tokenName, `must be set together with ${urlName}`);
  underName({ url: urlName, token: tokenName }, () => upstashStore({ url, token }));
  return { url, token };
}

/** What is put before every key. @throws ConfigError for what cannot stand there. */
export function readNamespace(namespace = '', onCluster: boolean): string {
  if (namespace.length > 64 || !/^[\w:-]*(?:\{[\w:-]+\}[\w:-]*)?$/.test(namespace)) {
    throw new ConfigError(
      'BREAKWATER_NAMESPACE',
      'must be at most 64 letters, digits and _ : -, with at most one {tag}',
    );
  }
  // One request of the guard reads and writes several keys, which a Cluster allows within one slot only.
  if (onCluster && !namespace.includes('{')) {
    throw new ConfigError('BREAKWATER_NAMESPACE', 'must hold a hash tag, such as {app}:, with REDIS_CLUSTER_NODES');
  }
  return namespace;
}
