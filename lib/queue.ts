import { readQueueSettings } from './config.ts';
import { ConfigError } from './errors.ts';
import { hashTag } from './store/cluster-slots.ts';
import { createQueueClient } from './store/queue-client.ts';
import type { QueueDriver } from './store/redis-driver.ts';
import type { RedisStoreOptions } from './store/redis-options.ts';
import { redisTarget, redisTimes } from './store/redis-target.ts';

export type { QueueDriver, RedisStoreOptions };

/** Which Redis, and where its errors go. */
export interface QueueConnectionOptions {
  /** Where Redis is. @default what REDIS_URL, REDIS_CLUSTER_NODES or REDIS_SENTINELS say */
  readonly redis?: RedisStoreOptions | undefined;
  /** Put before all keys. On a Cluster it needs a hash tag. @default BREAKWATER_NAMESPACE; with `redis` '', on a Cluster '{bull}:' */
  readonly namespace?: string | undefined;
}

/** A connection to hand to BullMQ, and to close after it. */
export interface QueueConnection {
  /** An ioredis of its own, which connects with its first command, and waits for Redis as long as it is away. */
  readonly connection: QueueDriver;
  /** The `prefix` for all queues and workers. */
  readonly prefix: string;
  /** Ends the connection. Close the workers and queues on it before. */
  close(): Promise<void>;
}

/**
 * What BullMQ needs to work on the Redis of this configuration: to a URL, behind sentinels, on a Cluster. Node only; needs
 * the package `ioredis`. Nothing of ours is in between: no circuit, no deadline, no namespace but by `prefix`.
 *
 * @throws ConfigError where only a REST endpoint is configured: a job queue needs commands that wait.
 *
 * @example
 * ```ts
 * import { Queue, Worker } from 'bullmq';
 *
 * const { connection, prefix, close } = await queueConnection();
 * const mails = new Queue<{ to: string }>('mails', { connection, prefix });
 * const worker = new Worker<{ to: string }>('mails', async (job) => sendMail(job.data.to, job.name), { connection, prefix });
 * ```
 */
export async function queueConnection(options: QueueConnectionOptions = {}): Promise<QueueConnection> {
  const { redis, namespace } =
    options.redis === undefined ? fromEnvironment(options) : withDefaults(options.redis, options);
  const target = redisTarget(redis);
  if (target.kind === 'cluster' && hashTag(namespace) === undefined) {
    throw new ConfigError('namespace', 'must hold a hash tag, such as {app}:, on a Cluster');
  }
  const connection = await createQueueClient(target, redisTimes(redis).connectTimeoutMs);
  return { connection, prefix: `${namespace}bull`, close: async () => connection.disconnect() };
}

interface Place {
  readonly redis: RedisStoreOptions;
  readonly namespace: string;
}

function fromEnvironment(options: QueueConnectionOptions): Place {
  const { redis, namespace } = readQueueSettings();
  return { redis, namespace: options.namespace ?? namespace };
}

function withDefaults(redis: RedisStoreOptions, { namespace }: QueueConnectionOptions): Place {
  return { redis, namespace: namespace ?? (redis.cluster === undefined ? '' : '{bull}:') };
}
