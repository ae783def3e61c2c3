import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { freePort } from './next-app.ts';

export interface PostgresServer {
  readonly url: string;
  stop(): Promise<void>;
}

const START_MS = 30_000;
/** Where Debian puts the programs of each version, off the PATH. */
const DEBIAN = '/usr/lib/postgresql';

/** A PostgreSQL of the caller's own on a free loopback port, with nothing in it. Its programs have to be on the machine. */
export async function startPostgres(): Promise<PostgresServer> {
  const programs = await findPrograms();
  const owner = unprivileged();
  const dir = await mkdtemp(join(tmpdir(), 'breakwater-postgres-'));
  if (owner) await chown(dir, owner.uid, owner.gid);
  const run = (name: string, args: readonly string[]) =>
    spawn(programs(name), args, { ...owner, cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] });
  const initdb = run('initdb', ['-D', dir, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-sync']);
  const [status] = await once(initdb, 'exit');
  if (status !== 0) throw new Error(`initdb ended with status ${status}`);
  const port = await freePort();
  const settings = { listen_addresses: '127.0.0.1', port, unix_socket_directories: '', fsync: 'off' };
  const server = run('postgres', [
    '-D',
    dir,
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ]);
  server.stderr?.resume();
  const ended = once(server, 'exit');
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const stop = async () => {
    // Fast: whoever is still connected is cut off.
    if (server.exitCode === null) server.kill('SIGINT');
    await ended;
    await rm(dir, { recursive: true, force: true });
  };
  const atExit = () => {
    server.kill('SIGQUIT');
  };
  process.once('exit', atExit);
  for (const deadline = Date.now() + START_MS; !(await answers(url)); await delay(50)) {
    if (server.exitCode !== null || Date.now() > deadline) {
      await stop();
      throw new Error('postgres has not started');
    }
  }
  return {
    url,
    async stop() {
      process.removeListener('exit', atExit);
      await stop();
    },
  };
}

async function findPrograms(): Promise<(name: string) => string> {
  const versions = await readdir(DEBIAN).catch(() => []);
  const newest = versions
    .map(Number)
    .filter(Number.isFinite)
    .sort((a, b) => b - a)[0];
  if (newest !== undefined) return (name) => join(DEBIAN, String(newest), 'bin', name);
  try {
    execFileSync('initdb', ['--version'], { stdio: 'ignore' });
    return (name) => name;
  } catch {
    throw new Error('The slow tests need the programs of PostgreSQL 12 or newer: "sudo apt-get install postgresql"');
  }
}

/** PostgreSQL refuses to run as root: then it runs as the user that its package has made. */
function unprivileged(): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (option: string) => Number(execFileSync('id', [option, 'postgres'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('select 1');
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => {});
  }
}
