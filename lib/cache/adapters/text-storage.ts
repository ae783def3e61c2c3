import type { Result } from '../../client/call.ts';
import type { KvClient } from '../../client/kv-client.ts';
import { buildKey, KV_PREFIXES } from '../../client/redis-keys.ts';
import { ConfigError } from '../../errors.ts';
import type { Argument, Command } from '../../store/store.ts';
import { inChunks } from './chunks.ts';

export interface TextEntry {
  readonly key: string;
  readonly text: string;
  readonly ttlMs: number | undefined;
}

/**
 * Texts under keys, as the libraries that the adapters are for ask it of a storage. Keys are theirs, as they are; all
 * rejects with the client's errors while Redis is away, and with ConfigError for a key that cannot be kept.
 */
export interface TextStorage {
  /** One request. */
  get(key: string): Promise<string | undefined>;
  /** One request for 256 keys. What is no text there is `undefined` here, as MGET has it. */
  getMany(keys: readonly string[]): Promise<readonly (string | undefined)[]>;
  /** Replaces whatever is there. `ttlMs` of `undefined`, 0 or more than 2 ** 53 is for good. One request. */
  set(key: string, text: string, ttlMs?: number): Promise<void>;
  /** One request for 256 entries, or for 512 Ki UTF-16 units. Not atomic. */
  setMany(entries: readonly TextEntry[]): Promise<void>;
  /** How many there were. One request for 256 keys. */
  delete(keys: readonly string[]): Promise<number>;
  /** Reads and deletes in one step. One request. */
  pull(key: string): Promise<string | undefined>;
  /** One request for 256 keys. */
  has(keys: readonly string[]): Promise<readonly boolean[]>;
  /** Milliseconds left; `null` for good, `undefined` where nothing is. One request. */
  lifeLeft(key: string): Promise<number | null | undefined>;
  /**
   * The keys that begin with `within`, in portions; a key may come twice while Redis grows. One request for each 1,000
   * keys of the database, whosever they are: SCAN passes by all of them.
   */
  pages(within: string): AsyncGenerator<readonly string[], void>;
  /** Deletes the keys that begin with `within`. Requests as for `pages`, and one. Not atomic: what is written meanwhile may stay. */
  clear(within: string): Promise<void>;
}

/** Longest key, in UTF-16 units. */
export const MAX_KEY = 1_024;

const SCANNED_AT_ONCE = 1_000;

/**
 * A storage of its own under a name of `library`. All its keys have one hash tag: on a Redis Cluster they lie in one slot,
 * so that MGET, UNLINK and SCAN reach them all, and that one primary has to hold, and serve, all of it.
 */
export function textStorage(kv: KvClient, library: string, name: string): TextStorage {
  const prefix = `${kv.namespace}${buildKey(`${KV_PREFIXES.CACHE}{${library}`, name)}}:`;

  const full = (key: string): string => {
    if (!isKeepable(key))
      throw new ConfigError('key', `must be well-formed Unicode of at most ${MAX_KEY} UTF-16 units`);
    return prefix + key;
  };

  /** The keys below `pattern`, and where to go on. What the scan before has found is deleted on the way, for `clear`. */
  const scan = async (pattern: string, cursor: string, doomed: readonly string[] = []) => {
    const deletion: Command[] = doomed.length > 0 ? [['UNLINK', ...doomed]] : [];
    const scanning: Command = ['SCAN', cursor, 'MATCH', pattern, 'COUNT', SCANNED_AT_ONCE];
    const [found] = accepted(await kv.execute([...deletion, scanning])).slice(-1);
    const [next, names] = Array.isArray(found) ? found : ['0', []];
    return { cursor: String(next), names: Array.isArray(names) ? names.map(String) : [] };
  };

  const patternOf = (within: string): string => `${full(within).replaceAll(/[*?[\]\\]/g, '\\$&')}*`;

  return {
    async get(key) {
      return textOf(await kv.command(['GET', full(key)]));
    },
    async getMany(keys) {
      const texts = await inChunks(keys.map(full), lengthOf, async (names) => {
        const found = await kv.command(['MGET', ...names]);
        return names.map((_, index) => textOf(Array.isArray(found) ? found[index] : undefined));
      });
      return texts.flat();
    },
    async set(key, text, ttlMs) {
      await kv.command(['SET', full(key), text, ...expiry(ttlMs)]);
    },
    async setMany(entries) {
      const commands = entries.map(({ key, text, ttlMs }): Command => ['SET', full(key), text, ...expiry(ttlMs)]);
      await inChunks(commands, sizeOf, async (some) => accepted(await kv.execute(some)));
    },
    async delete(keys) {
      const counts = await inChunks(keys.map(full), lengthOf, (names) => kv.command(['UNLINK', ...names]));
      return counts.reduce<number>((sum, count) => sum + Number(count), 0);
    },
    async pull(key) {
      return textOf(await kv.command(['GETDEL', full(key)]));
    },
    async has(keys) {
      const commands = keys.map((key): Command => ['EXISTS', full(key)]);
      const found = await inChunks(commands, sizeOf, async (some) => accepted(await kv.execute(some)));
      return found.flat().map((count) => count === 1);
    },
    async lifeLeft(key) {
      const leftMs = Number(await kv.command(['PTTL', full(key)]));
      if (leftMs === -2) return undefined;
      return leftMs === -1 ? null : leftMs;
    },
    async *pages(within) {
      const pattern = patternOf(within);
      let cursor = '0';
      do {
        const page = await scan(pattern, cursor);
        cursor = page.cursor;
        if (page.names.length > 0) yield page.names.map((name) => name.slice(prefix.length));
      } while (cursor !== '0');
    },
    async clear(within) {
      const pattern = patternOf(within);
      let page = await scan(pattern, '0');
      while (page.cursor !== '0') page = await scan(pattern, page.cursor, page.names);
      if (page.names.length > 0) await kv.command(['UNLINK', ...page.names]);
    },
  };
}

/** @throws ConfigError naming `option` */
export function requireName(option: string, name: string): void {
  if (name.length < 1 || name.length > 128) throw new ConfigError(option, 'must have 1 to 128 characters');
}

/** Redis has bytes: of two lone surrogates both would be U+FFFD, and one key. */
export function isKeepable(key: string): boolean {
  return key.length <= MAX_KEY && !/\p{Cs}/u.test(key);
}

function expiry(ttlMs: number | undefined): readonly Argument[] {
  if (ttlMs === undefined || ttlMs === 0 || ttlMs > Number.MAX_SAFE_INTEGER) return [];
  if (!(ttlMs > 0)) throw new ConfigError('ttl', 'must be a positive number');
  return ['PX', Math.ceil(ttlMs)];
}

/** @throws CommandError, the first of several */
function accepted(results: readonly Result[]): readonly Result[] {
  const refused = results.find((result) => result instanceof Error);
  if (refused) throw refused;
  return results;
}

function textOf(value: Result | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

const lengthOf = (name: string): number => name.length;

function sizeOf(command: Command): number {
  return command.reduce<number>((size, part) => size + (typeof part === 'string' ? part.length : 8), 0);
}
