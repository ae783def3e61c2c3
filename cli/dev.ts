import { randomBytes } from 'node:crypto';
import { isKvError } from '../lib/errors.ts';
import { memoryStore } from '../lib/store/memory/index.ts';
import { redisStore } from '../lib/store/redis.ts';
import type { Store } from '../lib/store/store.ts';
import { type CliCommand, type CommandIo, declareCommand } from './command.ts';
import { Failure } from './failure.ts';
import { flag, type Option, text, whole } from './option.ts';
import { startRestEndpoint } from './rest/endpoint.ts';

const TOKEN: Option<string | undefined> = {
  placeholder: 'token',
  description: 'what clients have to show; a random one without it',
  initial: undefined,
  read(given, name) {
    if (/^[\x21-\x7e]+$/.test(given)) return given;
    throw new Failure(2, `${name} must be visible ASCII characters without spaces`);
  },
};

/** Serves until it is asked to stop. */
export const dev: CliCommand = declareCommand({
  name: 'dev',
  summary: 'Serve the REST protocol of Upstash on this machine',
  description:
    'Serves the REST protocol of Upstash on the loopback interface, from memory or from a Redis, until it is stopped. For development and tests: clients of Upstash work on it unchanged.',
  options: {
    redis: text('url', 'serve this Redis, such as redis://localhost:6379; a store in memory without it'),
    port: whole('number', 'where to listen; 8079 without it, 0 for any that is free', {
      ...{ from: 0, to: 65_535, initial: 8_079 },
    }),
    token: TOKEN,
    json: flag('print one line of JSON, with url and token, as soon as it is ready'),
    quiet: flag('print nothing but what goes wrong', { excludes: 'json' }),
  },
  examples: [
    ['dev', 'a store in memory, empty at each start'],
    ['dev --redis redis://localhost:6379', 'a Redis of yours'],
    ['dev --port 0 --json', 'for a program that reads where it is'],
  ],
  statuses: { 0: 'stopped', 1: 'it could not listen there' },
  takesToken: true,
  async run({ options }, io) {
    const { redis, port, token = randomBytes(24).toString('base64url') } = options;
    const { store, note } = await openStore(redis);
    try {
      const endpoint = await startRestEndpoint({ store, token, port }).catch((error: unknown) => {
        throw new Failure(1, `Cannot listen on port ${port}: ${error instanceof Error ? error.message : 'unknown'}`);
      });
      if (options.json) io.print(JSON.stringify({ url: endpoint.url, token }));
      else if (!options.quiet) announce({ url: endpoint.url, token, redis, note }, io);
      await stopped(io.stop);
      await endpoint.close();
      return 0;
    } finally {
      await store.close();
    }
  },
});

interface Opened {
  readonly store: Store;
  readonly note?: string;
}

async function openStore(redis: string | undefined): Promise<Opened> {
  if (redis === undefined) return localStore();
  try {
    return { store: redisStore({ url: redis }) };
  } catch (error) {
    throw isKvError(error) && error.code === 'CONFIG' ? new Failure(2, `--redis: ${error.message}`) : error;
  }
}

/** Runs the scripts of this package by itself, and those of others when fengari is there. */
async function localStore(): Promise<Opened> {
  await import('./rest/own-scripts.ts');
  try {
    const { fengariEngine } = await import('../lib/store/lua.ts');
    return { store: memoryStore({ lua: fengariEngine() }) };
  } catch {
    const note = 'Lua scripts of others are answered with an error: install fengari to run them in memory.';
    return { store: memoryStore(), note };
  }
}

interface Served {
  readonly url: string;
  readonly token: string;
  readonly redis: string | undefined;
  readonly note: string | undefined;
}

function announce({ url, token, redis, note }: Served, io: CommandIo): void {
  if (note !== undefined) io.print(note);
  io.print(`Serving ${redis === undefined ? 'a store in memory, empty at each start' : 'the given Redis'}`);
  io.print('');
  io.print(`  KV_REST_API_URL=${url}`);
  io.print(`  KV_REST_API_TOKEN=${token}`);
  io.print('');
  io.print('Copy these two lines into .env.local. Stop with Ctrl+C.');
}

function stopped(stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (stop.aborted) resolve();
    else stop.addEventListener('abort', () => resolve(), { once: true });
  });
}
