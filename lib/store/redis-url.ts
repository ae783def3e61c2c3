import { ConfigError } from '../errors.ts';

/** Where a Redis is, and as whom to speak to it. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly database: number;
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
