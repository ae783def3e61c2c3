import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { Cluster, Redis } from 'ioredis';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type QueueConnection, type QueueConnectionOptions, queueConnection } from '../lib/queue.ts';
import { useDefaultEnvironment } from './support/default-environment.ts';
import { eventually } from './support/eventually.ts';
import { LOCALHOST_CERTIFICATE, LOCALHOST_KEY } from './support/localhost-certificate.ts';
import { startClusterOfOne } from './support/redis-cluster.ts';
import { startRedisSentinels } from './support/redis-sentinel.ts';
import { startRedis } from './support/redis-server.ts';

useDefaultEnvironment();

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function open(options?: QueueConnectionOptions): Promise<QueueConnection> {
  const queue = await queueConnection(options);
  cleanUps.push(queue.close);
  return queue;
}

async function openIn(environment: Readonly<Record<string, string>>): Promise<QueueConnection> {
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
  return open();
}

/** What an ioredis to one Redis was made with. */
const optionsOf = ({ connection }: QueueConnection) => (connection as Redis).options;
const clusterOptionsOf = ({ connection }: QueueConnection) => (connection as Cluster).options;

describe('a connection for job queues', () => {
  it('is made from REDIS_URL, connects with its first command, and is one of its own', async () => {
    const server = await startRedis({ args: ['--requirepass', 'p@ss'] });
    cleanUps.push(() => server.stop());
    const queue = await openIn({
      REDIS_URL: `redis://:p%40ss@127.0.0.1:${server.port}/3`,
      BREAKWATER_NAMESPACE: 'app:',
    });
    expect(queue.connection.status).toBe('wait');
    const other = await open();
    expect(await queue.connection.call('SELECT', '3')).toBe('OK');
    expect(await queue.connection.client('INFO')).toContain(' db=3 ');
    expect(await other.connection.client('ID')).not.toBe(await queue.connection.client('ID'));
    expect(queue.prefix).toBe('app:bull');
    await queue.close();
    await eventually(() => queue.connection.status === 'end');
    await eventually(
      async () =>
        String(await other.connection.client('LIST'))
          .trim()
          .split('\n').length === 1,
    );
  });

  it('is to the primary behind REDIS_SENTINELS', async () => {
    const sentinels = await startRedisSentinels({ password: 'secret' });
    cleanUps.push(() => sentinels.stop());
    const { names: nodes, primaryName: name, primary } = sentinels;
    const queue = await open({
      redis: { sentinels: { nodes, name, password: 'secret', sentinelPassword: 'secret' } },
    });
    expect(await queue.connection.config('GET', 'port')).toEqual(['port', String(primary.port)]);
    expect(queue.prefix).toBe('bull');
  });

  it('is to REDIS_CLUSTER_NODES, with a prefix whose keys are in one slot', async () => {
    const node = await startClusterOfOne(['--cluster-announce-ip', '127.0.0.1']);
    cleanUps.push(() => node.stop());
    const queue = await openIn({ REDIS_CLUSTER_NODES: node.name, BREAKWATER_NAMESPACE: '{app}:' });
    expect(await queue.connection.mset(`${queue.prefix}:a`, '1', `${queue.prefix}:b`, '2')).toBe('OK');
    expect(queue.prefix).toBe('{app}:bull');
    expect((await open({ redis: { cluster: { nodes: [node.name] } } })).prefix).toMatch(/^\{bull\}/);
  });

  it('speaks TLS, to a server whose certificate it knows only', async () => {
    const server = await startRedis();
    const front = createTlsServer({ key: LOCALHOST_KEY, cert: LOCALHOST_CERTIFICATE }, (socket) => {
      const behind = connect(server.port, '127.0.0.1');
      socket.on('error', () => behind.destroy()).on('close', () => behind.destroy());
      behind.on('error', () => socket.destroy());
      socket.pipe(behind).pipe(socket);
    }).listen(0, '127.0.0.1');
    await once(front, 'listening');
    cleanUps.push(
      () => server.stop(),
      () => front.close(),
    );
    const url = `rediss://127.0.0.1:${(front.address() as AddressInfo).port}`;
    const queue = await open({ redis: { url, tls: { ca: LOCALHOST_CERTIFICATE } } });
    expect(await queue.connection.ping()).toBe('PONG');
    const stranger = await open({ redis: { url } });
    const errors: Error[] = [];
    stranger.connection.on('error', (error: Error) => errors.push(error));
    await expect(stranger.connection.connect()).rejects.toThrow();
    expect(errors[0]?.message).toMatch(/certificate/);
  });

  it('waits for Redis as long as it is away, from 100 ms to 3 s between attempts', async () => {
    const { maxRetriesPerRequest, retryStrategy } = optionsOf(await open({ redis: { url: 'redis://localhost' } }));
    expect(maxRetriesPerRequest).toBeNull();
    expect([1, 2, 3, 4, 5, 6, 7, 1_000].map((times) => retryStrategy?.(times))).toEqual([
      ...[100, 200, 400, 800, 1600, 3000, 3000, 3000],
    ]);
  });

  it('sends again what a replica has refused, and nothing else', async () => {
    const { reconnectOnError } = optionsOf(await open({ redis: { url: 'redis://localhost' } }));
    expect(reconnectOnError?.(new Error("READONLY You can't write against a read only replica."))).toBe(2);
    expect(reconnectOnError?.(new Error('OOM command not allowed'))).toBe(false);
  });

  it('has the credentials and the TLS of each node', async () => {
    const credentials = { username: 'ann', password: 'secret' };
    const tls = { ca: 'PEM' };
    const cluster = clusterOptionsOf(await open({ redis: { cluster: { nodes: ['localhost'], ...credentials, tls } } }));
    expect(cluster.redisOptions).toMatchObject({ ...credentials, tls, maxRetriesPerRequest: null });
    const sentinels = { nodes: ['a', 'b:1'], name: 'main', sentinelPassword: 'other', database: 2, ...credentials };
    const plain = optionsOf(await open({ redis: { sentinels } }));
    expect(plain).toMatchObject({ ...credentials, name: 'main', sentinelPassword: 'other', db: 2 });
    expect(plain.sentinels).toEqual([
      { host: 'a', port: 26_379 },
      { host: 'b', port: 1 },
    ]);
    expect(plain).toMatchObject({ enableTLSForSentinelMode: false });
    const secure = optionsOf(await open({ redis: { sentinels: { ...sentinels, tls } } }));
    expect(secure).toMatchObject({ tls, sentinelTLS: tls, enableTLSForSentinelMode: true });
  });

  it('is made from REDIS_URL also where the client is on a REST endpoint', async () => {
    const rest = { KV_STORE: '', KV_REST_API_URL: 'https://example.upstash.io', KV_REST_API_TOKEN: 'token' };
    const queue = await openIn({ ...rest, REDIS_URL: 'redis://localhost:7777' });
    expect(optionsOf(queue)).toMatchObject({ host: 'localhost', port: 7777 });
  });

  it('cannot be had from a REST endpoint alone, nor from nothing', async () => {
    await expect(queueConnection()).rejects.toMatchObject({ code: 'CONFIG', setting: 'REDIS_URL' });
    vi.stubEnv('KV_REST_API_URL', 'https://example.upstash.io');
    vi.stubEnv('KV_REST_API_TOKEN', 'token');
    await expect(queueConnection()).rejects.toMatchObject({ code: 'CONFIG', setting: 'REDIS_URL' });
  });

  it('is refused with settings that cannot be right, in no words of theirs', async () => {
    for (const redis of [
      { url: 'http://secret' },
      { cluster: { nodes: [] } },
      { sentinels: { nodes: ['a'], name: '' } },
    ]) {
      await expect(queueConnection({ redis })).rejects.toMatchObject({ code: 'CONFIG' });
    }
    await expect(queueConnection({ redis: { url: 'http://secret' } })).rejects.not.toThrow(/secret/);
    const redis = { cluster: { nodes: ['localhost'] } };
    // An empty tag is none, and what comes after it is none either.
    for (const namespace of ['app:', '{}{app}:', '{app:']) {
      await expect(queueConnection({ redis, namespace })).rejects.toMatchObject({ setting: 'namespace' });
    }
    // The driver would throw where nobody can catch it.
    for (const connectTimeoutMs of [-1, Number.POSITIVE_INFINITY]) {
      const patient = queueConnection({ redis: { url: 'redis://localhost', connectTimeoutMs } });
      await expect(patient).rejects.toMatchObject({ setting: 'connectTimeoutMs' });
    }
  });
});
