import type { KvClient } from '../../lib/client/kv-client.ts';
import { isKvError } from '../../lib/errors.ts';
import { type ApiKeys, createApiKeys } from '../../lib/keys/api-keys.ts';
import { createKeyNames } from '../../lib/keys/key-names.ts';
import type { CommandIo, Statuses } from '../command.ts';
import { Failure } from '../failure.ts';
import { withKv } from '../redis-session.ts';

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

/** What help says of Redis without any keys. */
export const NO_KEYS_STATUS: Statuses = { 1: 'Redis could not be asked, or holds no keys at all' };

const EMPTY = 'This store has no keys: it is new, or has lost its data';

/**
 * Does `work` with the keys of the Redis that the environment names, see {@link withKv}.
 *
 * @throws Failure
 */
export function withKeys(
  io: CommandIo,
  { changes, mayBegin = false, whenEmpty }: SessionOptions,
  work: (session: KeysSession) => Promise<number>,
): Promise<number> {
  return withKv(io, { changes }, async (kv, { keys: { pepper, prefix, env } }) => {
    const keys = createApiKeys({ kv, pepper, prefix, env, mayBegin });
    try {
      return await work({ io, kv, keys, hasPepper: pepper !== undefined });
    } catch (error) {
      if (!isLoss(error) || !(await isEmpty(kv).catch(() => false))) throw error;
      throw new Failure(1, whenEmpty === undefined ? EMPTY : `${EMPTY}; ${whenEmpty}`);
    }
  });
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
