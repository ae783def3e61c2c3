import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { redisStore } from '../../lib/store/redis.ts';
import { freePort, ping, type RedisServer, startRedis } from './redis-server.ts';

export interface Sentinel {
  /** `127.0.0.1:port` */
  readonly name: string;
  readonly port: number;
  kill(signal?: NodeJS.Signals): void;
}

export interface RedisSentinels {
  /** What the sentinels call the primary. */
  readonly primaryName: string;
  readonly primary: RedisServer;
  readonly replica: RedisServer;
  readonly sentinels: readonly Sentinel[];
  readonly names: readonly string[];
  stop(): Promise<void>;
}

const PRIMARY_NAME = 'main';
const START_MS = 20_000;

export interface SentinelsOptions {
  /** Of primary, replica and sentinels alike. */
  readonly password?: string | undefined;
}

/** A primary, a replica and three sentinels that know of each other. A failover takes 1 to 3 s. */
export async function startRedisSentinels({ password }: SentinelsOptions = {}): Promise<RedisSentinels> {
  const secret = password === undefined ? [] : ['--requirepass', password, '--masterauth', password];
  const args = ['--repl-diskless-sync-delay', '0', ...secret];
  const primary = await startRedis({ args });
  const replica = await startRedis({ args: [...args, '--replicaof', '127.0.0.1', String(primary.port)] });
  const started = await Promise.all(Array.from({ length: 3 }, () => startSentinel(primary.port, password)));
  const sentinels = started.map(({ sentinel }) => sentinel);
  const stop = async (): Promise<void> => {
    await Promise.all([...started.map((one) => one.stop()), primary.stop(), replica.stop()]);
  };
  try {
    await Promise.all(sentinels.map((sentinel) => knowsAll(sentinel, password)));
  } catch (error) {
    await stop();
    throw error;
  }
  return { primaryName: PRIMARY_NAME, primary, replica, sentinels, names: sentinels.map(({ name }) => name), stop };
}

async function startSentinel(primaryPort: number, password: string | undefined) {
  const dir = await mkdtemp(join(tmpdir(), 'breakwater-sentinel-'));
  const port = await freePort();
  const conf = join(dir, 'sentinel.conf');
  await writeFile(
    conf,
    [
      ...['bind 127.0.0.1', `port ${port}`, `dir ${dir}`],
      `sentinel monitor ${PRIMARY_NAME} 127.0.0.1 ${primaryPort} 2`,
      ...[`down-after-milliseconds ${PRIMARY_NAME} 500`, `failover-timeout ${PRIMARY_NAME} 2000`].map(sentinelLine),
      ...(password === undefined ? [] : [`requirepass ${password}`, `sentinel auth-pass ${PRIMARY_NAME} ${password}`]),
      ...(password === undefined ? [] : [`sentinel sentinel-pass ${password}`]),
    ].join('\n'),
  );
  const child = spawn('redis-server', [conf, '--sentinel'], { stdio: ['ignore', 'ignore', 'inherit'] });
  const atExit = (): void => {
    child.kill('SIGKILL');
  };
  process.once('exit', atExit);
  const stop = async (): Promise<void> => {
    process.off('exit', atExit);
    await ended(child);
    await rm(dir, { recursive: true, force: true });
  };
  const sentinel: Sentinel = { name: `127.0.0.1:${port}`, port, kill: (signal = 'SIGKILL') => child.kill(signal) };
  for (const deadline = performance.now() + START_MS; (await ping(port)) === ''; await delay(10)) {
    if (performance.now() < deadline && child.exitCode === null) continue;
    await stop();
    throw new Error('The sentinel did not start');
  }
  return { sentinel, stop };
}

function sentinelLine(line: string): string {
  return `sentinel ${line}`;
}

async function knowsAll({ port }: Sentinel, password: string | undefined): Promise<void> {
  const secret = password === undefined ? '' : `:${password}@`;
  const store = redisStore({ url: `redis://${secret}127.0.0.1:${port}` });
  try {
    for (const deadline = performance.now() + START_MS; ; await delay(20)) {
      const [fields] = await store.execute([['SENTINEL', 'MASTER', PRIMARY_NAME]]);
      const flat = Array.isArray(fields) ? fields : [];
      const of = (field: string) => flat[flat.indexOf(field) + 1];
      if (of('num-slaves') === '1' && of('num-other-sentinels') === '2' && of('flags') === 'master') return;
      if (performance.now() > deadline) throw new Error('The sentinels did not find each other');
    }
  } finally {
    await store.close();
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}
