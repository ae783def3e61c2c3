import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { startRestEndpoint } from '../../dist/cli/rest/endpoint.js';
import { createKv } from '../../dist/lib/client/kv-client.js';
import { memoryStore } from '../../dist/lib/store/memory/index.js';
import { redisStore } from '../../dist/lib/store/redis.js';
import { upstashStore } from '../../dist/lib/store/upstash.js';

/** A client on each store: memory, a real Redis by TCP, and the same Redis over REST. */
export async function startStores() {
  const redis = await startRedis();
  const behind = redisStore({ url: redis.url });
  const endpoint = await startRestEndpoint({ store: behind, token: 'suites' });
  const clients = {
    memory: createKv({ store: memoryStore() }),
    redis: createKv({ store: redisStore({ url: redis.url }) }),
    upstash: createKv({ store: upstashStore({ url: endpoint.url, token: 'suites' }) }),
  };
  return {
    clients,
    async stop() {
      await Promise.all(Object.values(clients).map((kv) => kv.close()));
      await endpoint.close();
      await behind.close();
      await redis.stop();
    },
  };
}

async function startRedis() {
  const port = await freePort();
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--daemonize', 'no'];
  const child = spawn('redis-server', args, { stdio: 'ignore' });
  const url = `redis://127.0.0.1:${port}`;
  for (let attempt = 0; attempt < 200 && !(await answers(url)); attempt += 1) await delay(25);
  return {
    url,
    async stop() {
      const ended = once(child, 'exit');
      child.kill();
      await ended;
    },
  };
}

async function answers(url) {
  const store = redisStore({ url, connectTimeoutMs: 500 });
  try {
    await store.execute([['PING']], { signal: AbortSignal.timeout(50) });
    return true;
  } catch {
    return false;
  } finally {
    await store.close();
  }
}

function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}
