import type { Cluster, Redis } from 'ioredis';
import { ConfigError } from '../errors.ts';
import type { RedisTlsOptions } from './redis-options.ts';
import type { RedisAddress } from './redis-url.ts';

/** What ioredis makes, which BullMQ takes. */
export type QueueDriver = Redis | Cluster;

/** One connection for the stores here, which do themselves what they need of an ioredis. */
export async function createClient(address: RedisAddress, tls: RedisTlsOptions): Promise<Redis> {
  const { Redis: Client } = await loadDriver('redisStore');
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
export async function loadDriver(
  user: string,
): Promise<{ readonly Redis: typeof Redis; readonly Cluster: typeof Cluster }> {
  try {
    return await import('ioredis');
  } catch {
    throw new ConfigError(user, 'needs the package ioredis: npm install ioredis');
  }
}
