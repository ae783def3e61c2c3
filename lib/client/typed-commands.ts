import { ConfigError } from '../errors.ts';
import type { Command } from '../store/store.ts';
import type { CallOptions, ExecuteOptions, Result, Value } from './call.ts';

export interface SetOptions extends CallOptions {
  /** Time to live in milliseconds; without it the value stays. */
  readonly ttlMs?: number | undefined;
  /** Write only where nothing is. @default false */
  readonly ifAbsent?: boolean | undefined;
}

/** Keys are given without the client's namespace. Values are stored as JSON. One request each. */
export interface TypedCommands {
  /** The value, or `null` where there is none. A text that is not JSON, from another writer, comes back as it is. */
  get<T>(key: string, options?: CallOptions): Promise<T | null>;
  /** Whether the value was written. */
  set(key: string, value: unknown, options?: SetOptions): Promise<boolean>;
  /** Whether there was something to delete. */
  delete(key: string, options?: CallOptions): Promise<boolean>;
  /**
   * Counts up and answers the new count: INCR and EXPIRE NX in one request. The first hit sets the time to live, later
   * ones never push it back, and a counter found without one is repaired.
   */
  incr(key: string, ttlSeconds: number, options?: CallOptions): Promise<number>;
  /** Seconds left; -1 without expiry, -2 without a key. */
  ttl(key: string, options?: CallOptions): Promise<number>;
  /** The values in the order of `keys`. */
  mget<T>(keys: readonly string[], options?: CallOptions): Promise<(T | null)[]>;
}

type Execute = (commands: readonly Command[], options?: ExecuteOptions) => Promise<readonly Result[]>;
type Run = (command: Command, options?: CallOptions) => Promise<Value>;

export function typedCommands(namespace: string, execute: Execute, command: Run): TypedCommands {
  const full = (key: string) => namespace + key;
  return {
    async get<T>(key: string, options?: CallOptions) {
      return parse<T>(await command(['GET', full(key)], options));
    },
    async set(key, value, { ttlMs, ifAbsent = false, ...options } = {}) {
      const text = JSON.stringify(value);
      if (text === undefined) throw new ConfigError('value', 'must have a JSON form');
      const expiry = ttlMs === undefined ? [] : ['PX', positiveInteger('ttlMs', ttlMs)];
      return (await command(['SET', full(key), text, ...expiry, ...(ifAbsent ? ['NX'] : [])], options)) === 'OK';
    },
    async delete(key, options) {
      return (await command(['DEL', full(key)], options)) === 1;
    },
    async incr(key, ttlSeconds, options) {
      const seconds = positiveInteger('ttlSeconds', ttlSeconds);
      const name = full(key);
      const [count] = await execute(
        [
          ['INCR', name],
          ['EXPIRE', name, seconds, 'NX'],
        ],
        options,
      );
      // A failed EXPIRE is repaired by the next hit; the count stands.
      if (count instanceof Error) throw count;
      return Number(count);
    },
    async ttl(key, options) {
      return Number(await command(['TTL', full(key)], options));
    },
    async mget<T>(keys: readonly string[], options?: CallOptions) {
      if (keys.length === 0) return [];
      const values = await command(['MGET', ...keys.map(full)], options);
      return keys.map((_, index) => parse<T>(Array.isArray(values) ? values[index] : null));
    },
  };
}

function parse<T>(value: unknown): T | null {
  if (typeof value !== 'string') return null;
  try {
    return JSON.parse(value) as T;
  } catch {
    return value as T;
  }
}

function positiveInteger(option: string, value: number): number {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new ConfigError(option, `must be a whole number of at least 1, got ${value}`);
  }
  return value;
}
