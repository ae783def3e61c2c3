import { ConfigError } from '../errors.ts';

/** Where a Redis is, and as whom to speak to it. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly database: number;
  /** The option that names the database. @default 'url' */
  readonly databaseSetting?: string | undefined;
}

/** Several nodes of which any one can tell where the others are. */
export interface RedisNodes {
  readonly nodes: readonly [RedisNode, ...RedisNode[]];
  readonly secure: boolean;
}

export interface RedisNode {
  readonly host: string;
  readonly port: number;
}

/**
 * Reads `redis://[user[:password]@]host[:port][/database]`, or `rediss://` for TLS.
 *
 * @throws ConfigError naming `url`, never quoting it.
 */
export function parseRedisUrl(value: string): RedisAddress {
  const url = parsed(value);
  if (url === undefined || (url.protocol !== 'redis:' && url.protocol !== 'rediss:') || url.hostname === '') {
    throw new ConfigError('url', 'must be a redis:// or rediss:// URL with a host');
  }
  if (url.search !== '' || url.hash !== '') throw new ConfigError('url', 'must have neither query nor fragment');
  const database = /^\/?(\d{0,9})$/.exec(url.pathname)?.[1];
  if (database === undefined) throw new ConfigError('url', 'must have a database number, or nothing, as its path');
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? 6379 : Number(url.port),
    secure: url.protocol === 'rediss:',
    username: decoded(url.username),
    password: decoded(url.password),
    database: Number(database),
  };
}

/**
 * Reads a list of `host`, `host:port` or `redis://host[:port]`; `rediss://` for TLS, in all of them or in none.
 *
 * @throws ConfigError naming `setting`, never quoting a node.
 */
export function parseRedisNodes(list: readonly string[], setting: string, defaultPort = 6379): RedisNodes {
  const addresses = list.map((text) => nodeAddress(text, setting));
  const [first, ...others] = addresses.map(({ host, port }) => ({ host, port: port ?? defaultPort }));
  if (first === undefined) throw new ConfigError(setting, 'must name at least one host:port');
  const secure = addresses.filter((address) => address.secure).length;
  if (secure > 0 && secure < addresses.length)
    throw new ConfigError(setting, 'must be rediss:// in all nodes or in none');
  return { nodes: [first, ...others], secure: secure > 0 };
}

function nodeAddress(text: string, setting: string): { host: string; port: number | undefined; secure: boolean } {
  const url = parsed(/^rediss?:\/\//.test(text) ? text : `redis://${text}`);
  if (url === undefined || url.hostname === '' || url.port === '0') {
    throw new ConfigError(setting, 'must be a list of host:port or redis://host:port');
  }
  const { username, password, pathname, search, hash } = url;
  if (username + password + search + hash !== '' || !/^\/?$/.test(pathname)) {
    throw new ConfigError(setting, 'must have nothing but host and port: credentials have options of their own');
  }
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? undefined : Number(url.port),
    secure: url.protocol === 'rediss:',
  };
}

function parsed(value: string): URL | undefined {
  try {
    return new URL(value);
  } catch {
    return undefined;
  }
}

function decoded(part: string): string | undefined {
  if (part === '') return undefined;
  try {
    return decodeURIComponent(part);
  } catch {
    throw new ConfigError('url', 'must percent-encode special characters of user and password');
  }
}
