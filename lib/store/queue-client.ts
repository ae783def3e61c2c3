import { loadDriver, type QueueDriver } from './redis-driver.ts';
import type { RedisTarget } from './redis-target.ts';
import type { RedisAddress, RedisNode } from './redis-url.ts';

const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 3000;

/**
 * An ioredis for a job queue, which waits for Redis by itself, and for jobs with commands that block: nothing that a
 * store here may do. Connects with the first command.
 */
export async function createQueueClient(target: RedisTarget, connectTimeoutMs: number): Promise<QueueDriver> {
  const { Redis, Cluster } = await loadDriver('queueConnection');
  const shared = {
    // Until Redis is back: a worker that gives up has to be started again by somebody.
    maxRetriesPerRequest: null,
    retryStrategy: pauseMs,
    // Of what was not run: the primary of before says so while it is being replaced.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY') && (2 as const),
    connectTimeout: connectTimeoutMs,
    // Of this the replies are that job queues are written for.
    protocol: 2 as const,
    lazyConnect: true,
  };
  const { tls } = target;
  if (target.kind === 'url') {
    const { host, port } = target.address;
    return new Redis({ ...shared, host, port, ...login(target.address, tls) });
  }
  if (target.kind === 'sentinels') {
    const { name, sentinels, sentinelPassword, primary } = target.group;
    return new Redis({
      ...{ ...shared, ...login(primary, tls), name, sentinels: [...sentinels.nodes] },
      ...(sentinelPassword === undefined ? undefined : { sentinelPassword }),
      ...(sentinels.secure ? { enableTLSForSentinelMode: true, sentinelTLS: { ...tls } } : undefined),
      sentinelRetryStrategy: pauseMs,
    });
  }
  const { lazyConnect, retryStrategy, ...ofEach } = shared;
  return new Cluster([...target.seeds], {
    ...{ lazyConnect, clusterRetryStrategy: retryStrategy },
    redisOptions: { ...ofEach, ...login(target.node, tls) },
    // Certificates are for names.
    ...(target.node.secure ? { dnsLookup: (name, found) => found(null, name) } : undefined),
  });
}

function pauseMs(times: number): number {
  return Math.min(FIRST_PAUSE_MS * 2 ** (times - 1), MAX_PAUSE_MS);
}

function login({ username, password, database, secure }: Omit<RedisAddress, keyof RedisNode>, tls: RedisTarget['tls']) {
  return {
    ...(username === undefined ? undefined : { username }),
    ...(password === undefined ? undefined : { password }),
    ...(secure ? { tls: { ...tls } } : undefined),
    db: database,
  };
}
