import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export interface RedisServerOptions {
  /** Append-only file with an fsync per write, so that a kill loses nothing that was acknowledged. */
  readonly aof?: boolean | undefined;
  /** @default a free one */
  readonly port?: number | undefined;
  /** @default a new temporary folder, removed by `stop` */
  readonly dir?: string | undefined;
  readonly args?: readonly string[] | undefined;
}

export interface RedisServer {
  readonly url: string;
  readonly port: number;
  /** Changes with `restart`. */
  readonly pid: number;
  /** Sends a signal, SIGKILL unless told; waits for the end unless it is SIGSTOP or SIGCONT. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Kills what is left of it, and starts it again with the same port, folder and arguments. */
  restart(): Promise<void>;
  /** Kills it and removes the folder that was made for it. */
  stop(): Promise<void>;
}

const BIND_ATTEMPTS = 5;
const START_MS = 10_000;

/** A redis-server of the caller's own on a free loopback port, answering PING when this resolves. */
export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'breakwater-redis-')));
  const removeOwnDir = async (): Promise<void> => {
    if (options.dir === undefined) await rm(dir, { recursive: true, force: true });
  };
  let { port, child } = await startOnSomePort(options, dir).catch(async (error: unknown) => {
    await removeOwnDir();
    throw error;
  });
  // A test that dies before it stops its servers takes them along.
  const atExit = (): void => {
    child.kill('SIGKILL');
  };
  process.once('exit', atExit);

  async function kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (hasEnded(child)) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') await ended;
  }

  return {
    get url() {
      return `redis://127.0.0.1:${port}`;
    },
    get port() {
      return port;
    },
    get pid() {
      return pidOf(child);
    },
    kill,
    restart: async () => {
      await kill();
      ({ port, child } = await startOnSomePort({ ...options, port }, dir));
    },
    stop: async () => {
      process.off('exit', atExit);
      await kill();
      await removeOwnDir();
    },
  };
}

async function startOnSomePort(
  options: RedisServerOptions,
  dir: string,
): Promise<{ port: number; child: ChildProcess }> {
  for (let attempt = 1; ; attempt += 1) {
    const port = options.port ?? (await freePort());
    const child = spawn('redis-server', serverArguments(options, port, dir), { stdio: ['ignore', 'pipe', 'inherit'] });
    let log = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      log = (log + chunk.toString()).slice(-4000);
    });
    // Its own word that it is ready: the answer alone could be another server's, on a port that this one failed to get.
    const isReady = (): boolean => log.includes('Ready to accept connections');
    if (await answersPing(port, child, isReady)) return { port, child };
    if (!hasEnded(child)) child.kill('SIGKILL');
    if (attempt === BIND_ATTEMPTS) throw new Error(`redis-server did not start:\n${log}`);
  }
}

function serverArguments({ aof = false, args = [] }: RedisServerOptions, port: number, dir: string): string[] {
  const durability = aof ? ['--appendonly', 'yes', '--appendfsync', 'always'] : ['--appendonly', 'no'];
  return ['--bind', '127.0.0.1', '--port', String(port), '--dir', dir, '--save', '', ...durability, ...args];
}

/** Any answer will do: with a password it is an error. */
async function answersPing(port: number, child: ChildProcess, isReady: () => boolean): Promise<boolean> {
  const deadline = performance.now() + START_MS;
  while (performance.now() < deadline && !hasEnded(child)) {
    if (isReady() && (await ping(port)) !== '') return true;
    await delay(5);
  }
  return false;
}

/** What a server says to PING, an error included; nothing when it says nothing. */
export function ping(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    socket.setTimeout(500, () => socket.destroy());
    socket.once('data', (chunk) => {
      resolve(chunk.toString());
      socket.destroy();
    });
    socket.once('error', () => socket.destroy());
    socket.once('close', () => resolve(''));
  });
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('No free port');
  return address.port;
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error('redis-server has not started');
  return child.pid;
}
