import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { isKvError } from '../lib/errors.ts';
import { memoryStore } from '../lib/store/memory/index.ts';
import { redisStore } from '../lib/store/redis.ts';
import type { Store } from '../lib/store/store.ts';
import type { CliCommand, CommandIo } from './command.ts';
import { type RestEndpoint, startRestEndpoint } from './rest/endpoint.ts';

const USAGE = 'breakwater dev [--redis redis://localhost:6379] [--port 8079] [--token TOKEN]';

export const dev: CliCommand = {
  summary: 'Serve the REST protocol of Upstash on this machine, from memory or from a Redis',
  usage: USAGE,
  run,
};

interface DevOptions {
  readonly redis: string | undefined;
  readonly port: number;
  readonly token: string;
}

/** Serves until `io.stop` fires. */
export async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const options = readOptions(args, io);
  if (options === undefined) return 2;
  let store: Store;
  try {
    store = options.redis === undefined ? await localStore(io) : redisStore({ url: options.redis });
  } catch (error) {
    io.complain(isKvError(error) && error.code === 'CONFIG' ? `--redis: ${error.message}` : String(error));
    return 2;
  }
  try {
    const endpoint = await startRestEndpoint({ store, token: options.token, port: options.port });
    announce(endpoint, options, io);
    await stopped(io.stop);
    await endpoint.close();
    return 0;
  } catch (error) {
    io.complain(`Cannot listen on port ${options.port}: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  } finally {
    await store.close();
  }
}

function readOptions(args: readonly string[], io: CommandIo): DevOptions | undefined {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { redis: { type: 'string' }, port: { type: 'string' }, token: { type: 'string' } },
    });
    const { redis, port = '8079', token = randomBytes(24).toString('base64url') } = values;
    if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) throw new Error('--port must be a number from 0 to 65535');
    if (!/^[\x21-\x7e]+$/.test(token)) throw new Error('--token must be visible ASCII characters without spaces');
    return { redis, port: Number(port), token };
  } catch (error) {
    io.complain(error instanceof Error ? error.message : String(error));
    io.complain(`Usage: ${USAGE}`);
    return undefined;
  }
}

/** With Lua when fengari is there to run it. */
async function localStore(io: CommandIo): Promise<Store> {
  try {
    const { fengariEngine } = await import('../lib/store/lua.ts');
    return memoryStore({ lua: fengariEngine() });
  } catch {
    io.print('Lua scripts are answered with an error: install fengari to run them in memory.');
    return memoryStore();
  }
}

function announce(endpoint: RestEndpoint, { redis, token }: DevOptions, io: CommandIo): void {
  io.print(`Serving ${redis === undefined ? 'a store in memory, empty at each start' : 'the given Redis'}`);
  io.print('');
  io.print(`  KV_REST_API_URL=${endpoint.url}`);
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
