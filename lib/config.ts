import { ConfigError } from './errors.ts';
import { type AccessListOptions, createAccessLists } from './guard/access-lists.ts';
import { type ClientIpSource, createClientIp } from './guard/client-ip.ts';
import type { Pepper } from './keys/digest.ts';
import { deferredStore } from './store/deferred.ts';
import { parseRedisNodes, parseRedisUrl } from './store/redis-url.ts';
import type { Store } from './store/store.ts';
import { upstashStore } from './store/upstash.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export type StoreSettings =
  | { readonly kind: 'memory' }
  | { readonly kind: 'upstash'; readonly url: string; readonly token: string }
  | ({ readonly kind: 'redis' } & RedisSettings);

type RedisSettings =
  | { readonly url: string }
  | { readonly cluster: NodesSettings }
  | { readonly sentinels: NodesSettings & { readonly name: string } };

interface NodesSettings {
  readonly nodes: readonly string[];
  readonly username?: string | undefined;
  readonly password?: string | undefined;
}

/** What the environment says, checked. Everything that has a default has it here. */
export interface Settings {
  readonly store: StoreSettings;
  readonly namespace: string;
  /** Deadline of a request to Redis. */
  readonly requestTimeoutMs: number | undefined;
  /** How long the circuit stays open. */
  readonly circuitOpenMs: number | undefined;
  readonly pepper: Pepper | undefined;
  readonly identitySecret: string | undefined;
  /** `undefined`: nobody's word is taken, and all clients share one account. */
  readonly clientIp: ClientIpSource | undefined;
  readonly lists: AccessListOptions;
  /** `false` with ENABLE_REDIS_CACHE=false: limits and caches do not ask Redis. */
  readonly redisCache: boolean;
  readonly production: boolean;
}

/**
 * Reads the environment. Does no I/O; an empty variable is an unset one.
 *
 * @throws ConfigError naming the variable, never its value.
 */
export function readSettings(env: Environment = environment()): Settings {
  const read = (name: string) => env[name]?.trim() || undefined;
  const store = readStore(read);
  return {
    store,
    namespace: readNamespace(read('BREAKWATER_NAMESPACE'), 'cluster' in store),
    requestTimeoutMs: readMs(read, 'KV_REQUEST_TIMEOUT_MS'),
    circuitOpenMs: readMs(read, 'KV_CIRCUIT_OPEN_MS'),
    pepper: readPepper(read('BREAKWATER_KEY_PEPPER')),
    identitySecret: readIdentitySecret(read('BREAKWATER_IDENTITY_SECRET')),
    clientIp: readClientIp(read),
    lists: readAccessLists(read),
    redisCache: readSwitch(read, 'ENABLE_REDIS_CACHE', true),
    production: read('NODE_ENV') === 'production',
  };
}

/** Opens the store that the settings name. Connects with the first request. @throws ConfigError on the Edge, for TCP */
export function openStore(settings: StoreSettings): Store {
  if (settings.kind === 'upstash') return upstashStore({ url: settings.url, token: settings.token });
  if (settings.kind === 'memory') {
    return deferredStore('memory', async () => (await import('./store/memory/memory-store.ts')).memoryStore());
  }
  const { kind, ...where } = settings;
  // Bundlers for the Edge put the runtime's name here and drop the branch, and with it the Node modules behind it.
  if (process.env.NEXT_RUNTIME !== 'edge') {
    return deferredStore(kind, async () => (await import('./store/redis.ts')).redisStore(where));
  }
  const variable = 'url' in where ? 'REDIS_URL' : 'cluster' in where ? 'REDIS_CLUSTER_NODES' : 'REDIS_SENTINELS';
  throw new ConfigError(variable, 'needs the Node runtime; on the Edge set KV_REST_API_URL and KV_REST_API_TOKEN');
}

const NO_REDIS = 'or REDIS_CLUSTER_NODES or REDIS_SENTINELS must be set when KV_STORE is redis';

type Read = (name: string) => string | undefined;

function readStore(read: Read): StoreSettings {
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
function readRedis(read: Read): RedisSettings | undefined {
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

function readList(text: string): readonly string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean);
}

function readPair(read: Read, urlName: string, tokenName: string): { url: string; token: string } | undefined {
  const [url, token] = [read(urlName), read(tokenName)];
  if (url === undefined && token === undefined) return undefined;
  if (url === undefined) throw new ConfigError(urlName, `must be set together with ${tokenName}`);
  if (token === undefined) throw new ConfigError(tokenName, `must be set together with ${urlName}`);
  underName({ url: urlName, token: tokenName }, () => upstashStore({ url, token }));
  return { url, token };
}

/** Lets the store that will be opened say what it accepts, and says it of the variable instead of the store's option. */
function underName(variables: Readonly<Record<string, string>>, check: () => unknown): void {
  try {
    check();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const expectation = error.message.slice(error.setting.length + 1);
    throw new ConfigError(variables[error.setting] ?? error.setting, expectation);
  }
}

function readNamespace(namespace = '', onCluster: boolean): string {
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

function readMs(read: Read, name: string): number | undefined {
  const text = read(name);
  if (text === undefined) return undefined;
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new ConfigError(name, 'must be a whole number of milliseconds of at least 1');
  return Number(text);
}

function readPepper(text: string | undefined): Pepper | undefined {
  if (text === undefined) return undefined;
  const [, kid, secret] = /^([a-z0-9]{1,16}):(.{16,})$/i.exec(text) ?? [];
  if (kid === undefined || secret === undefined) {
    throw new ConfigError('BREAKWATER_KEY_PEPPER', 'must be <name>:<secret> with a secret of at least 16 characters');
  }
  return { kid, secret };
}

function readIdentitySecret(secret: string | undefined): string | undefined {
  if (secret !== undefined && secret.length < 32) {
    throw new ConfigError('BREAKWATER_IDENTITY_SECRET', 'must have at least 32 characters');
  }
  return secret;
}

function readClientIp(read: Read): ClientIpSource | undefined {
  const proxies = read('TRUSTED_PROXIES');
  const source = read('CLIENT_IP_SOURCE') ?? (proxies ? 'proxy' : platformOf(read));
  switch (source) {
    case undefined:
      return undefined;
    case 'vercel':
    case 'cloudflare':
      return source;
    case 'proxy': {
      const trustedProxies = readList(proxies ?? '');
      if (proxies !== undefined && trustedProxies.length === 0) {
        throw new ConfigError('TRUSTED_PROXIES', 'must name a block, or be unset to trust the last proxy only');
      }
      try {
        createClientIp({ source: { trustedProxies } });
      } catch {
        throw new ConfigError('TRUSTED_PROXIES', 'must be a list of CIDR blocks, separated by commas');
      }
      return { trustedProxies };
    }
    default:
      throw new ConfigError('CLIENT_IP_SOURCE', 'must be vercel, cloudflare or proxy');
  }
}

function readAccessLists(read: Read): AccessListOptions {
  const lists = { allow: readList(read('BREAKWATER_ALLOW') ?? ''), deny: readList(read('BREAKWATER_DENY') ?? '') };
  underName({ 'lists.allow': 'BREAKWATER_ALLOW', 'lists.deny': 'BREAKWATER_DENY' }, () => createAccessLists(lists));
  return lists;
}

function platformOf(read: Read): string | undefined {
  if (read('VERCEL')) return 'vercel';
  return read('CF_PAGES') ? 'cloudflare' : undefined;
}

function readSwitch(read: Read, name: string, fallback: boolean): boolean {
  const text = read(name)?.toLowerCase();
  if (text === undefined) return fallback;
  if (text !== 'true' && text !== 'false') throw new ConfigError(name, 'must be true or false');
  return text === 'true';
}

/** Some Edge runtimes have no `process`. */
function environment(): Environment {
  return typeof process === 'undefined' ? {} : process.env;
}
