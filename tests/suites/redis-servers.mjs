import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { redisStore } from '../../dist/lib/store/redis.js';

/** A redis-server on a free port, in a folder of its own. */
export async function startRedis(args = []) {
  const port = await freePort();
  return startServer(port, (dir) => ['--port', port, '--bind', '127.0.0.1', '--save', '', '--dir', dir, ...args]);
}

/** Three primaries with a third of the slots each. */
export async function startRedisCluster() {
  const slots = [0, 5461, 10_923, 16_384];
  const nodes = await Promise.all(
    slots.slice(1).map(async () => {
      const bus = await freePort();
      return { bus, ...(await startRedis(['--cluster-enabled', 'yes', '--cluster-port', bus])) };
    }),
  );
  for (const [index, { url }] of nodes.entries()) {
    await ask(url, 'CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
    await ask(url, 'CLUSTER', 'ADDSLOTSRANGE', slots[index], slots[index + 1] - 1);
  }
  const [first, ...others] = nodes;
  for (const { port, bus } of others) await ask(first.url, 'CLUSTER', 'MEET', '127.0.0.1', port, bus);
  const serves = async ({ url }) => {
    const info = await ask(url, 'CLUSTER', 'INFO');
    return info.includes('cluster_state:ok') && info.includes('cluster_known_nodes:3');
  };
  await eventually(async () => (await Promise.all(nodes.map(serves))).every(Boolean));
  return { names: nodes.map(({ port }) => `127.0.0.1:${port}`), stop: () => stopAll(nodes) };
}

/** A Redis, and one sentinel that watches it under the name `main`. */
export async function startRedisSentinel() {
  const primary = await startRedis();
  const port = await freePort();
  const sentinel = await startServer(port, async (dir) => {
    const conf = join(dir, 'sentinel.conf');
    const watched = `sentinel monitor main 127.0.0.1 ${primary.port} 1`;
    await writeFile(conf, ['bind 127.0.0.1', `port ${port}`, `dir ${dir}`, watched].join('\n'));
    return [conf, '--sentinel'];
  });
  return { names: [`127.0.0.1:${port}`], name: 'main', stop: () => stopAll([sentinel, primary]) };
}

async function startServer(port, argumentsIn) {
  const dir = await mkdtemp(join(tmpdir(), 'breakwater-suites-'));
  const args = (await argumentsIn(dir)).map(String);
  const url = `redis://127.0.0.1:${port}`;
  let child;
  const killAtExit = () => child.kill('SIGKILL');
  process.once('exit', killAtExit);
  const start = async () => {
    child = spawn('redis-server', args, { stdio: 'ignore' });
    await eventually(() => ask(url, 'PING').then(Boolean, () => false));
  };
  const kill = async () => {
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  };
  await start();
  return {
    port,
    url,
    async restart() {
      await kill();
      await start();
    },
    async stop() {
      process.off('exit', killAtExit);
      await kill();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function ask(url, ...command) {
  const store = redisStore({ url, connectTimeoutMs: 500 });
  try {
    const [reply] = await store.execute([command], { signal: AbortSignal.timeout(1000) });
    if (reply?.error) throw new Error(reply.error);
    return reply;
  } finally {
    await store.close();
  }
}

async function stopAll(servers) {
  await Promise.all(servers.map((server) => server.stop()));
}

async function eventually(holds) {
  for (let attempt = 0; attempt < 400; attempt += 1) {
    if (await holds()) return;
    await delay(25);
  }
  throw new Error('The servers did not come up');
}

function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}
