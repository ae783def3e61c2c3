import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { redisStore } from '../../lib/store/redis.ts';
import type { Command, Reply } from '../../lib/store/store.ts';
import type { RedisServer } from './redis-server.ts';
import type { Evidence } from './secret-scanner.ts';

/** How a value is read whole, by its type: DUMP would compress it. */
const READ: Readonly<Record<string, (key: string) => Command>> = {
  string: (key) => ['GET', key],
  list: (key) => ['LRANGE', key, 0, -1],
  set: (key) => ['SMEMBERS', key],
  zset: (key) => ['ZRANGE', key, 0, -1, 'WITHSCORES'],
  hash: (key) => ['HGETALL', key],
  stream: (key) => ['XRANGE', key, '-', '+'],
  // It has expired since: what it held stands in the append-only file.
  none: (key) => ['GET', key],
};

const TOLD: readonly Command[] = [
  ['SLOWLOG', 'GET', 100_000],
  ['CLIENT', 'LIST'],
  ['INFO', 'everything'],
  ['ACL', 'LOG', 1_000],
];

/** All that a Redis holds and tells: keys and values, its slow log, its clients, statistics, and the bytes of its files. */
export async function evidenceOfRedis(server: RedisServer): Promise<readonly Evidence[]> {
  const store = redisStore({ url: server.url });
  const ask = async (...command: Command): Promise<Reply> => (await store.execute([command]))[0] ?? null;
  try {
    const keys = await everyKey(ask);
    const values = await Promise.all(
      keys.map(async (key) => {
        const type = String(await ask('TYPE', key));
        const read = READ[type];
        if (!read) throw new Error(`Nobody has said how to read a ${type}`);
        return { place: `value of ${key}`, content: JSON.stringify(await ask(...read(key))) };
      }),
    );
    const told = await Promise.all(
      TOLD.map(async (command) => ({ place: command.join(' '), content: JSON.stringify(await ask(...command)) })),
    );
    const [, folder] = (await ask('CONFIG', 'GET', 'dir')) as readonly Reply[];
    return [{ place: 'keys', content: keys.join('\n') }, ...values, ...told, ...(await files(String(folder)))];
  } finally {
    await store.close();
  }
}

async function everyKey(ask: (...command: Command) => Promise<Reply>): Promise<string[]> {
  const keys = new Set<string>();
  let cursor = '0';
  do {
    const [next, page] = (await ask('SCAN', cursor, 'COUNT', 1_000)) as readonly [string, readonly string[]];
    for (const key of page) keys.add(key);
    cursor = String(next);
  } while (cursor !== '0');
  return [...keys];
}

async function files(folder: string): Promise<readonly Evidence[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Promise.all(paths.map(async (path) => ({ place: `file ${path}`, content: await readFile(path) })));
}

export interface Monitor {
  /** Every command that Redis has run since, scripts' commands too. */
  text(): string;
  close(): void;
}

/** Listens to everything that a Redis does, until it ends. */
export async function startMonitor({ port }: RedisServer): Promise<Monitor> {
  const socket = connect(port, '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.write('MONITOR\r\n');
  await once(socket, 'data');
  return { text: () => Buffer.concat(chunks).toString('latin1'), close: () => socket.destroy() };
}
