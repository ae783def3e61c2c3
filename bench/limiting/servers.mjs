import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { projectRoot } from '../edge-bundle.mjs';

/** What the benchmarks of limits use of the package, as built. */
export async function modules() {
  const load = (path) => import(join(projectRoot, 'dist', path));
  const [client, limit, upstash, redis, rest] = await Promise.all([
    load('lib/client/kv-client.js'),
    load('lib/limit/limiter.js'),
    load('lib/store/upstash.js'),
    load('lib/store/redis.js'),
    load('cli/rest/endpoint.js'),
  ]);
  return { ...client, ...limit, ...upstash, ...redis, ...rest };
}

/**
 * A redis-server of its own, and an Upstash REST endpoint on it.
 *
 * @returns {Promise<{ store: object, url: string, rest: { url: string, token: string }, requests: () => number, stop: () => Promise<void> }>}
 */
export async function startServers() {
  const { redisStore, startRestEndpoint } = await modules();
  const port = await freePort();
  const server = spawn(
    'redis-server',
    ['--bind', '127.0.0.1', '--port', String(port), '--save', '', '--appendonly', 'no'],
    {
      stdio: 'ignore',
    },
  );
  const ended = once(server, 'exit');
  const store = redisStore({ url: `redis://127.0.0.1:${port}` });
  await answers(store);
  const endpoint = await startRestEndpoint({ store, token: 'bench' });
  return {
    store,
    url: `redis://127.0.0.1:${port}`,
    rest: { url: endpoint.url, token: 'bench' },
    requests: () => endpoint.requests(),
    async stop() {
      await endpoint.close();
      await store.close();
      server.kill('SIGKILL');
      await ended;
    },
  };
}

async function answers(store) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await store.execute([['PING']], { signal: AbortSignal.timeout(1_000) });
      return;
    } catch (error) {
      if (attempt === 50) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
