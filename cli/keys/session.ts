import { createKv, type KvClient } from '../../lib/client/kv-client.ts';
import { openStore, readSettings } from '../../lib/config.ts';
import { isKvError } from '../../lib/errors.ts';
import { type ApiKeys, createApiKeys } from '../../lib/keys/api-keys.ts';
import { createKeyNames } from '../../lib/keys/key-names.ts';
import type { CommandIo } from '../command.ts';
import { Failure, toFailure } from './failure.ts';

/** The keys of the Redis that the environment names. */
export interface KeysSession {
  readonly io: CommandIo;
  readonly kv: KvClient;
  readonly keys: ApiKeys;
  /** Whether new keys are digested under a secret. */
  readonly hasPepper: boolean;
}

export interface SessionOptions {
  /** Whether `work` changes anything. */
  readonly changes: boolean;
  /** Whether a Redis without any keys may be taken for a new one. @default false */
  readonly mayBegin?: boolean | undefined;
  /** Advice for where there are no keys at all. */
  readonly whenEmpty?: string | undefined;
}

const IN_MEMORY =
  'Keys in memory would end with this command: set KV_REST_API_URL and KV_REST_API_TOKEN, or REDIS_URL (REDIS_CLUSTER_NODES, REDIS_SENTINELS), and not KV_STORE=memory';
const EMPTY = 'This store has no keys: it is new, or has lost its data';

/**
 * Does `work`, and closes the connection whatever becomes of it. When the command is to stop, it closes at once: what is
 * under way is still answered, or ends at its deadline, so that a change that was made is known; nothing more is sent.
 *
 * @throws Failure
 */
export async function withKeys(
  io: CommandIo,
  { changes, mayBegin = false, whenEmpty }: SessionOptions,
  work: (session: KeysSession) => Promise<number>,
): Promise<number> {
  let kv: KvClient | undefined;
  const close = (): Promise<void> | undefined => kv?.close();
  try {
    const { store, namespace, requestTimeoutMs, keys: settings } = readSettings(io.env);
    if (store.kind === 'memory') throw new Failure(2, IN_MEMORY);
    if (io.stop.aborted) throw new Failure(1, 'Stopped');
    io.stop.addEventListener('abort', close);
    kv = createKv({ store: openStore(store), namespace, requestTimeoutMs });
    const { pepper, prefix, env } = settings;
    const keys = createApiKeys({ kv, pepper, prefix, env, mayBegin });
    return await work({ io, kv, keys, hasPepper: pepper !== undefined });
  } catch (error) {
    if (kv && isLoss(error) && (await isEmpty(kv).catch(() => false))) {
      throw new Failure(1, whenEmpty === undefined ? EMPTY : `${EMPTY}; ${whenEmpty}`);
    }
    throw toFailure(error, { changes, stopped: io.stop.aborted });
  } finally {
    io.stop.removeEventListener('abort', close);
    await close();
  }
}

/** Refuses to take a store for one without such a key when it is one without any: that cannot be told from a lost one. */
export async function wantKeys({ kv }: KeysSession): Promise<void> {
  if (await isEmpty(kv)) throw new Failure(1, EMPTY);
}

function isLoss(error: unknown): boolean {
  return isKvError(error) && error.code === 'STORE' && error.kind === 'unavailable';
}

/** Whether no key was ever issued there, as far as this Redis knows. */
async function isEmpty(kv: KvClient): Promise<boolean> {
  return (await kv.command(['EXISTS', createKeyNames(kv.namespace).sentinel])) === 0;
}
