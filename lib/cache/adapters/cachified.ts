import { isObject, readJson } from '../../client/json.ts';
import type { KvClient } from '../../client/kv-client.ts';
import { boundPart, buildKey, KV_PREFIXES } from '../../client/redis-keys.ts';
import { ConfigError, isKvError } from '../../errors.ts';
import { requireName } from './text-storage.ts';

/** Settings of a cache for cachified. Wrong ones throw a ConfigError. */
export interface CachifiedCacheOptions {
  readonly kv: KvClient;
  /** Caches of the same name share their entries; cachified's reporters show it. 1 to 128 characters. @default 'cachified' */
  readonly name?: string | undefined;
  /** Longer entries, as JSON text in UTF-16 units, are not stored; longer ones found in Redis are misses. @default 1_048_576 */
  readonly maxEntryLength?: number | undefined;
}

/** An entry as cachified makes it. Times in milliseconds; `null` is for ever. */
export interface CachifiedEntry {
  readonly metadata: {
    readonly createdTime: number;
    readonly ttl?: number | null;
    readonly swr?: number | null;
    readonly traceId?: unknown;
  };
  readonly value: unknown;
}

/** Counted since the cache was made, in this process. */
export interface CachifiedStats {
  /** Reads, writes and deletes that Redis did not answer, or refused. */
  readonly failedReads: number;
  readonly failedWrites: number;
  readonly failedDeletes: number;
  /** Entries that were too long, or had no JSON text. */
  readonly unstorable: number;
  /** What was found in Redis and is no entry: damaged, too long, or of another type. */
  readonly unreadable: number;
}

/** What cachified asks of a cache. Nothing here rejects. */
export interface CachifiedCache {
  readonly name: string;
  get(key: string): Promise<CachifiedEntry | undefined>;
  /** Whether Redis has it now. */
  set(key: string, entry: CachifiedEntry): Promise<boolean>;
  /** Whether Redis has it no more; `false` is "unknown", and it may be read until its end. */
  delete(key: string): Promise<boolean>;
  /** No I/O. */
  stats(): CachifiedStats;
}

/**
 * A cache for cachified 5. Values are JSON: a `Date` comes back as text.
 *
 * Requests: one for each call; callers who read one key at the same time share theirs. An entry leaves Redis at the end
 * of `ttl` and `swr`, and stays where one of them is infinite.
 *
 * Redis away: `get` is a miss, at once while the circuit is open; `set` and `delete` answer `false`, and are counted.
 * cachified deletes what it could not read, which would end good entries after a timeout, and fails when it cannot: here
 * it never hears of such a read. What cannot be read is a miss as well, and an event of type `unreadable`; the fresh value
 * replaces it.
 *
 * Any text is a key: of one of more than 128 UTF-16 units the digest is used. On a Redis Cluster the entries lie in all
 * slots.
 *
 * @example
 * ```ts
 * import { cachified } from '@epic-web/cachified';
 *
 * const user = await cachified({ key: id, cache: cachifiedCache({ kv }), ttl: 60_000, getFreshValue: () => load(id) });
 * ```
 *
 * @throws ConfigError
 */
export function cachifiedCache(options: CachifiedCacheOptions): CachifiedCache {
  const { kv, name = 'cachified', maxEntryLength = 1_048_576 } = options;
  requireName('name', name);
  if (!(maxEntryLength >= 1)) throw new ConfigError('maxEntryLength', `must be at least 1, got ${maxEntryLength}`);
  const counts = { failedReads: 0, failedWrites: 0, failedDeletes: 0, unstorable: 0, unreadable: 0 };

  const fullName = async (key: string): Promise<string> =>
    kv.namespace + buildKey(`${KV_PREFIXES.CACHE}cachified`, name, await boundPart(key));

  const unreadable = (problem: string): undefined => {
    counts.unreadable += 1;
    kv.notify({ type: 'unreadable', at: kv.clock.now(), feature: 'cache', problem });
  };

  /** The entry as text, unless it is not to be stored. */
  const textOf = (entry: CachifiedEntry): string | undefined => {
    try {
      const text = JSON.stringify(entry);
      return text.length <= maxEntryLength ? text : undefined;
    } catch {
      return undefined;
    }
  };

  return {
    name,
    async get(key) {
      try {
        const text = await kv.command(['GET', await fullName(key)]);
        if (typeof text !== 'string') return undefined;
        if (text.length > maxEntryLength) return unreadable('an entry of cachified that is too long');
        return readEntry(text) ?? unreadable('an entry of cachified that is damaged');
      } catch (error) {
        if (isWrongType(error)) return unreadable('something else in the place of an entry of cachified');
        counts.failedReads += 1;
        return undefined;
      }
    },
    async set(key, entry) {
      const text = textOf(entry);
      if (text === undefined) {
        counts.unstorable += 1;
        return false;
      }
      try {
        await kv.command(['SET', await fullName(key), text, ...expiry(entry, kv.clock.now())]);
        return true;
      } catch {
        counts.failedWrites += 1;
        return false;
      }
    },
    async delete(key) {
      try {
        await kv.command(['UNLINK', await fullName(key)]);
        return true;
      } catch {
        counts.failedDeletes += 1;
        return false;
      }
    },
    stats: () => ({ ...counts }),
  };
}

/** cachified serves an entry without end of `swr` even past its `ttl`. A life that is over is still a write: as short as may be. */
function expiry(
  { metadata: { createdTime, ttl = 0, swr = 0 } }: CachifiedEntry,
  now: number,
): readonly (string | number)[] {
  if (ttl === null || swr === null) return [];
  const leftMs = ttl + swr - Math.max(0, now - createdTime);
  return leftMs > Number.MAX_SAFE_INTEGER ? [] : ['PX', Math.max(1, Math.ceil(leftMs))];
}

/** Only what cachified takes for an entry: any other it would delete. JSON leaves a value of `undefined` out. */
function readEntry(text: string): CachifiedEntry | undefined {
  const read = readJson(text);
  return isObject(read) && isMetadata(read.metadata) ? { metadata: read.metadata, value: read.value } : undefined;
}

function isMetadata(value: unknown): value is CachifiedEntry['metadata'] {
  return isObject(value) && typeof value.createdTime === 'number' && isSpan(value.ttl) && isSpan(value.swr);
}

function isSpan(value: unknown): value is number | null | undefined {
  return value === undefined || value === null || typeof value === 'number';
}

function isWrongType(error: unknown): boolean {
  return isKvError(error) && error.code === 'COMMAND' && error.replyCode === 'WRONGTYPE';
}
