import { isNamespace } from '../../lib/cache/namespaces.ts';
import { createKv, type KvClient } from '../../lib/client/kv-client.ts';
import { openStore, readSettings } from '../../lib/config.ts';
import type { CommandIo } from '../command.ts';
import { Failure, toFailure } from '../keys/failure.ts';

const IN_MEMORY =
  'What is in memory is another process’s: set KV_REST_API_URL and KV_REST_API_TOKEN, or REDIS_URL (REDIS_CLUSTER_NODES, REDIS_SENTINELS), and not KV_STORE=memory';

/**
 * Does `work` with the Redis that the environment names, and closes the connection whatever becomes of it; at once when the
 * command is to stop.
 *
 * @throws Failure
 */
export async function withKv(
  io: CommandIo,
  { changes }: { readonly changes: boolean },
  work: (kv: KvClient) => Promise<number>,
): Promise<number> {
  let kv: KvClient | undefined;
  const close = (): Promise<void> | undefined => kv?.close();
  try {
    const { store, namespace, requestTimeoutMs } = readSettings(io.env);
    if (store.kind === 'memory') throw new Failure(2, IN_MEMORY);
    if (io.stop.aborted) throw new Failure(1, 'Stopped');
    io.stop.addEventListener('abort', close);
    kv = createKv({ store: openStore(store), namespace, requestTimeoutMs });
    return await work(kv);
  } catch (error) {
    throw toFailure(error, { changes, stopped: io.stop.aborted });
  } finally {
    io.stop.removeEventListener('abort', close);
    await close();
  }
}

/** The one namespace that is named, if any. @throws Failure for what is none */
export function readNamespace([namespace, ...others]: readonly string[]): string | undefined {
  if (others.length > 0) throw new Failure(2, 'There is an argument too many');
  if (namespace !== undefined && !isNamespace(namespace)) {
    throw new Failure(2, 'NAMESPACE must be 1 to 64 letters, digits, dots, dashes or underscores');
  }
  return namespace;
}

export const NO_SUCH_CACHE = 'No cache of that name has ever written there';
