import type { KvClient } from '../../client/kv-client.ts';
import { steadyNow } from '../../clock.ts';
import { ConfigError } from '../../errors.ts';

/** Settings of a cache handler of Next. Wrong ones throw a ConfigError. */
export interface CacheHandlerOptions {
  readonly kv: KvClient;
  /** Larger entries are not stored, and larger ones found in Redis are misses. @default 8_388_608 */
  readonly maxEntryBytes?: number | undefined;
  /** No entry stays longer in Redis, in milliseconds, whatever Next says of it. @default 2_592_000_000, 30 days */
  readonly maxTtlMs?: number | undefined;
  /** Of entries that this process keeps for when Redis is away, about; 0 for none. @default 16_777_216 */
  readonly maxMemoryBytes?: number | undefined;
  /**
   * Revalidated tags that Redis keeps in mind, and each process. When there are more, entries that are older than the
   * oldest of them end. @default 10_000
   */
  readonly maxTags?: number | undefined;
  /** Redis is never asked: as if it was away. @default false */
  readonly localOnly?: boolean | undefined;
  /** The clock that Next dates entries of this process by. @default the platform's `performance` */
  readonly now?: (() => number) | undefined;
}

export type CacheHandlerSettings = {
  readonly [Name in keyof CacheHandlerOptions]-?: NonNullable<CacheHandlerOptions[Name]>;
};

/** @throws ConfigError */
export function cacheHandlerSettings(options: CacheHandlerOptions): CacheHandlerSettings {
  const { kv, localOnly = false, now = steadyNow } = options;
  const whole = (name: 'maxEntryBytes' | 'maxTtlMs' | 'maxMemoryBytes' | 'maxTags', least: number, usual: number) => {
    const value = options[name] ?? usual;
    if (Number.isSafeInteger(value) && value >= least) return value;
    throw new ConfigError(name, `must be a whole number of at least ${least}, got ${value}`);
  };
  return {
    kv,
    localOnly,
    now,
    maxEntryBytes: whole('maxEntryBytes', 1, 8_388_608),
    maxTtlMs: whole('maxTtlMs', 1, 2_592_000_000),
    maxMemoryBytes: whole('maxMemoryBytes', 0, 16_777_216),
    maxTags: whole('maxTags', 1, 10_000),
  };
}
