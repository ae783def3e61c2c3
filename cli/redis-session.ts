import { createKv, type KvClient, type KvOptions } from '../lib/client/kv-client.ts';
import { openStore, readSettings, type Settings } from '../lib/config.ts';
import type { CommandIo } from './command.ts';
import { Failure, toFailure } from './failure.ts';

const IN_MEMORY =
  'What is in memory is another process’s: set KV_REST_API_URL and KV_REST_API_TOKEN, or REDIS_URL (REDIS_CLUSTER_NODES, REDIS_SENTINELS), and not KV_STORE=memory';

/** For longer than in an application: the one request that there may be opens the connection too, and nobody else waits. */
const PATIENCE_MS = 5_000;

export interface RedisSessionOptions {
  /** Whether `work` changes anything. */
  readonly changes: boolean;
  /** What is to be another way than applications have it. @default nothing */
  readonly client?: ((settings: Settings) => Pick<KvOptions, 'namespace' | 'coalesce'>) | undefined;
}

/**
 * Does `work` with the Redis that the environment names, and closes the connection whatever becomes of it. When the command
 * is to stop, it closes at once: what is under way is still answered, or ends at its deadline, so that a change that was
 * made is known; nothing more is sent.
 *
 * @throws Failure
 */
export async function withKv(
  io: CommandIo,
  { changes, client }: RedisSessionOptions,
  work: (kv: KvClient, settings: Settings) => Promise<number>,
): Promise<number> {
  let kv: KvClient | undefined;
  const close = (): Promise<void> | undefined => kv?.close();
  try {
    const settings = readSettings(io.env);
    const { store, namespace, requestTimeoutMs = PATIENCE_MS } = settings;
    if (store.kind === 'memory') throw new Failure(2, IN_MEMORY);
    if (io.stop.aborted) throw new Failure(1, 'Stopped');
    io.stop.addEventListener('abort', close);
    kv = createKv({ namespace, requestTimeoutMs, ...client?.(settings), store: openStore(store) });
    return await work(kv, settings);
  } catch (error) {
    throw toFailure(error, { changes, stopped: io.stop.aborted });
  } finally {
    io.stop.removeEventListener('abort', close);
    await close();
  }
}
