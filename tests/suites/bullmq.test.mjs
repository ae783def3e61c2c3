import { once } from 'node:events';
import { Queue, Worker } from 'bullmq';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { queueConnection } from '../../dist/lib/queue.js';
import { startRedis, startRedisCluster, startRedisSentinel } from './redis-servers.mjs';

// The recipe of docs/queues.md.
const [redis, watched, cluster] = await Promise.all([
  startRedis(['--appendonly', 'yes', '--appendfsync', 'always']),
  startRedisSentinel(),
  startRedisCluster(),
]);
afterAll(() => Promise.all([redis, watched, cluster].map((servers) => servers.stop())));

const STORES = {
  'a Redis': { REDIS_URL: redis.url },
  'a Redis behind a sentinel': { REDIS_SENTINELS: watched.names.join(), REDIS_SENTINEL_NAME: watched.name },
  'a Cluster': { REDIS_CLUSTER_NODES: cluster.names.join(), BREAKWATER_NAMESPACE: '{app}:' },
};

const ending = [];
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end();
});

describe.each(Object.entries(STORES))('BullMQ on %s', (_name, environment) => {
  beforeAll(() => {
    Object.assign(process.env, environment);
    return () => {
      for (const name of Object.keys(environment)) delete process.env[name];
    };
  });

  /** A queue, and a worker that keeps what it did. */
  async function start(name, work = async () => undefined) {
    const { connection, prefix, close } = await queueConnection();
    const done = [];
    const queue = new Queue(name, { connection, prefix });
    const worker = new Worker(
      name,
      async (job) => {
        done.push(job.data);
        return work(job);
      },
      { connection, prefix },
    );
    // While Redis is away they say so, again and again.
    for (const part of [queue, worker]) part.on('error', () => undefined);
    ending.push(
      close,
      () => queue.close(),
      () => worker.close(),
    );
    await worker.waitUntilReady();
    return { queue, worker, done };
  }

  it('processes a job', async () => {
    const { queue, worker, done } = await start('plain', async ({ data }) => data.n * 2);
    const completed = once(worker, 'completed');
    await queue.add('double', { n: 21 });
    const [job, result] = await completed;
    expect(result).toBe(42);
    expect(done).toEqual([{ n: 21 }]);
    expect(await queue.getJobCounts('completed', 'failed')).toEqual({ completed: 1, failed: 0 });
    await job.remove();
  });

  it('processes a delayed job when it is due, and one that failed again', async () => {
    let failures = 1;
    const { queue, worker, done } = await start('later', async () => {
      failures -= 1;
      if (failures === 0) throw new Error('not yet');
    });
    const completed = once(worker, 'completed');
    await queue.add('later', { n: 1 }, { delay: 300, attempts: 2, backoff: 50 });
    expect(await queue.getDelayedCount()).toBe(1);
    await completed;
    expect(done).toEqual([{ n: 1 }, { n: 1 }]);
  });

  it('repeats a job', async () => {
    const { queue, done } = await start('often');
    await queue.upsertJobScheduler('every', { every: 100 }, { data: 'tick' });
    await expect.poll(() => done.length).toBeGreaterThan(2);
    await queue.removeJobScheduler('every');
  });

  it('processes each of many jobs once, by two workers', async () => {
    const { queue, done } = await start('many');
    const other = await start('many');
    await queue.addBulk(Array.from({ length: 200 }, (_, n) => ({ name: 'job', data: n })));
    await expect.poll(() => done.length + other.done.length, { timeout: 10_000 }).toBe(200);
    expect([...done, ...other.done].sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, n) => n));
  });
});

describe('a worker of BullMQ', () => {
  it('survives a restart of Redis, and finds the jobs that were added before', async () => {
    const { connection, prefix, close } = await queueConnection({ redis: { url: redis.url } });
    const queue = new Queue('restarted', { connection, prefix });
    const done = [];
    const worker = new Worker('restarted', async ({ data }) => done.push(data), { connection, prefix });
    for (const part of [queue, worker]) part.on('error', () => undefined);
    ending.push(
      close,
      () => queue.close(),
      () => worker.close(),
    );
    await queue.add('job', 'before');
    await expect.poll(() => done).toEqual(['before']);
    await queue.add('job', 'over it', { delay: 1_000 });
    await redis.restart();
    await queue.add('job', 'after');
    await expect.poll(() => done, { timeout: 20_000 }).toEqual(['before', 'after', 'over it']);
  }, 30_000);
});
