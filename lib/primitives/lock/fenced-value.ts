import type { CallOptions } from '../../client/call.ts';
import type { KvClient } from '../../client/kv-client.ts';
import { KV_PREFIXES } from '../../client/redis-keys.ts';
import { defineScript, runScript, type Script } from '../../client/script.ts';
import { wholeNumber } from '../../client/whole-number.ts';
import { entityName } from '../names.ts';
import { type Unavailable, unlessAway } from '../unavailable.ts';

/**
 * Writes under a fence. KEYS: the value. ARGV: the fence; the text; its life in ms. Answers `[1, fence]`, or `[0, fence]` with
 * the greater one that it was written under before.
 */
export const fencedWriteScript: Script = defineScript({
  name: 'fenced-write',
  lua: `
local last = string.match(redis.call('HGET', KEYS[1], 'fence') or '', '^%d+$') or '0'
if tonumber(last) > tonumber(ARGV[1]) then return {0, last} end
redis.call('HSET', KEYS[1], 'fence', ARGV[1], 'value', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return {1, ARGV[1]}
`,
  memory(redis, [key = ''], [fence = '', value = '', lifeMs = '']) {
    const last = /^\d+$/.exec(String(redis.call('HGET', key, 'fence') ?? ''))?.[0] ?? '0';
    if (Number(last) > Number(fence)) return [0, last];
    redis.call('HSET', key, 'fence', fence, 'value', value);
    redis.call('PEXPIRE', key, lifeMs);
    return [1, fence];
  },
});

/** A value, and the fence of the lock that it is written under. */
export interface FencedWrite {
  /** That of the lock under which it is written. */
  readonly fence: number;
  readonly value: string;
  /** How long it is kept, and its fence with it, in milliseconds: far longer than a holder can be late. */
  readonly ttlMs: number;
}

/** What became of it; `stale` where a holder after this one has written. */
export type FencedWriting =
  | { readonly status: 'written' }
  /** Somebody who got the lock later has written. */
  | { readonly status: 'stale'; readonly fence: number }
  | Unavailable;

/** A value that is written under a lock, and the fence that it was written with. */
export type FencedRead =
  | { readonly status: 'hit'; readonly value: string; readonly fence: number }
  | { readonly status: 'miss' }
  | Unavailable;

/**
 * Writes a text that belongs to the lock of `key`, unless it was written under a greater fence: a holder whose lock has ended
 * cannot overwrite what the next one has written. One request. Redis away: `unavailable`, and not sent again.
 *
 * @throws ConfigError naming the option
 */
export async function writeFenced(
  kv: KvClient,
  key: string,
  { fence, value, ttlMs }: FencedWrite,
  options?: CallOptions,
): Promise<FencedWriting> {
  const args = [wholeNumber('fence', fence, 1, LARGEST), value, wholeNumber('ttlMs', ttlMs, 1, LARGEST)];
  const keys = [await valueName(kv, key)];
  return unlessAway<FencedWriting>(async () => {
    const reply = await runScript(kv, { script: fencedWriteScript, keys, args }, options);
    const [isWritten, last] = Array.isArray(reply) ? reply.map(Number) : [];
    return isWritten === 1 ? { status: 'written' } : { status: 'stale', fence: Number(last) };
  });
}

/** What {@link writeFenced} has written. One request. Redis away: `unavailable`. */
export async function readFenced(kv: KvClient, key: string, options?: CallOptions): Promise<FencedRead> {
  const name = await valueName(kv, key);
  return unlessAway<FencedRead>(async () => {
    const reply = await kv.command(['HMGET', name, 'value', 'fence'], options);
    const [value, fence] = Array.isArray(reply) ? reply : [];
    return typeof value === 'string' ? { status: 'hit', value, fence: Number(fence) } : { status: 'miss' };
  });
}

const LARGEST = Number.MAX_SAFE_INTEGER;

/** Beside the lock, in its slot. */
async function valueName(kv: KvClient, key: string): Promise<string> {
  return `${await entityName(kv, KV_PREFIXES.LOCK, key)}:value`;
}
