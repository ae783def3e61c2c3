import type { CallOptions } from '../../client/call.ts';
import type { KvClient } from '../../client/kv-client.ts';
import { KV_PREFIXES } from '../../client/redis-keys.ts';
import { runScript } from '../../client/script.ts';
import { sha256Sync } from '../../client/sha256.ts';
import { entityName } from '../names.ts';
import type { Unavailable } from '../unavailable.ts';
import type { LockStatus } from './lock.ts';
import { acquireScript, extendScript, releaseScript } from './lock-scripts.ts';

/** What Redis says to who wants a lock. */
export type Answer =
  | { readonly isGranted: true; readonly fence: number }
  /** `endsInMs`: its end, unless it is extended or released; below 0 for something that has none. */
  | { readonly isGranted: false; readonly endsInMs: number };

/**
 * What is asked of Redis about the lock of one key, one request each. All of it may be sent again with the same token. Redis
 * has no more of a token than its SHA-256.
 */
export interface LockRequests {
  acquire(token: string, ttlMs: number, options?: CallOptions): Promise<Answer>;
  /** Whether the token still holds it, now for `ttlMs` at least. */
  extend(token: string, ttlMs: number, options?: CallOptions): Promise<boolean>;
  /** Whether the token held it. */
  release(token: string): Promise<boolean>;
  status(): Promise<Exclude<LockStatus, Unavailable>>;
}

/** @throws all that `runScript` does */
export async function lockRequests(kv: KvClient, key: string): Promise<LockRequests> {
  const name = await entityName(kv, KV_PREFIXES.LOCK, key);
  return {
    async acquire(token, ttlMs, options) {
      const call = { script: acquireScript, keys: [name, `${name}:fence`], args: [sha256Sync(token), ttlMs] };
      const reply = await runScript(kv, call, options);
      const [isGranted, number] = Array.isArray(reply) ? reply.map(Number) : [];
      if (isGranted === 1) return { isGranted: true, fence: Number(number) };
      return { isGranted: false, endsInMs: Number(number) };
    },
    async extend(token, ttlMs, options) {
      const args = [sha256Sync(token), ttlMs];
      return (await runScript(kv, { script: extendScript, keys: [name], args }, options)) === 1;
    },
    async release(token) {
      return (await runScript(kv, { script: releaseScript, keys: [name], args: [sha256Sync(token)] })) === 1;
    },
    async status() {
      const ms = Number(await kv.command(['PTTL', name]));
      return ms === ABSENT ? { status: 'free' } : { status: 'held', endsInMs: ms < 0 ? undefined : ms };
    },
  };
}

/** Of PTTL, for a key that does not exist. */
const ABSENT = -2;
