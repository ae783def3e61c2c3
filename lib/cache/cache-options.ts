import type { KvClient } from '../client/kv-client.ts';
import type { CacheStats } from './cache-stats.ts';
import type { Marked } from './loaded.ts';
import type { Codec } from './payload/codec.ts';
import type { Compression } from './payload/compression.ts';

/** What is kept in this process. */
export interface MemorySettings {
  /** Bytes of keys and values, about; what was unused for longest goes first. @default 16_777_216 */
  readonly maxBytes?: number | undefined;
  /**
   * For how long a copy is used without asking Redis, in milliseconds: an invalidation elsewhere is seen here that much
   * later, and later by what a request takes, which callers share. While Redis is away a copy may be used until its own
   * end. @default 5_000
   */
  readonly maxTtlMs?: number | undefined;
}

/** Settings of a cache. Wrong ones throw a ConfigError when it is made. */
export interface CacheOptions<T> {
  readonly kv: KvClient;
  /** Names the cache: all processes with this name share it. */
  readonly namespace: string;
  /** How long a value is fresh, in milliseconds; of each up to `jitter` less. */
  readonly ttlMs: number;
  /** After that, how long it is served while a newer one is loaded in the background. @default 0 */
  readonly swrMs?: number | undefined;
  /** After `ttlMs`, how long it is served when the loader fails, or takes more than `softTimeoutMs`. @default 0 */
  readonly staleIfErrorMs?: number | undefined;
  /** How long "there is no such thing" is believed; 0 for not at all. @default 0 */
  readonly negativeTtlMs?: number | undefined;
  /** `false` for nothing in this process: every read asks Redis. */
  readonly l1?: MemorySettings | false | undefined;
  /** Larger ones, as text, are handed out and not stored; larger ones found in Redis are misses. @default 1_048_576 */
  readonly maxValueBytes?: number | undefined;
  /** Values of so many bytes and more are compressed, if that saves a tenth; `false` for none. @default false */
  readonly compressAboveBytes?: number | false | undefined;
  /** @default the platform's, where it has one */
  readonly compression?: Compression | undefined;
  /** @default jsonCodec() */
  readonly codec?: Codec<T> | undefined;
  /** Deadline of one load, in milliseconds. @default 10_000 */
  readonly loadTimeoutMs?: number | undefined;
  /** How long a caller waits for a load while there is something stale to serve. @default 1_000 */
  readonly softTimeoutMs?: number | undefined;
  /** Loads under way at the same time in this process; further ones wait, within `loadTimeoutMs`. @default 100 */
  readonly maxConcurrentLoads?: number | undefined;
  /** After a load has failed, how long what is stale is served without another one: doubled each time. @default 1_000 to 30_000 */
  readonly errorBackoffMs?: { readonly min: number; readonly max: number } | undefined;
  /** Each value ends up to this share of its life earlier, at random. @default 0.1 */
  readonly jitter?: number | undefined;
  /** How eagerly a value is loaded again before it ends: beta of XFetch (Vattani et al., VLDB 2015); 0 for never. @default 1 */
  readonly earlyRefresh?: number | undefined;
  /** Told of each promise that outlives its caller, so that the platform keeps the process for it. @default the platform's, as far as it is known */
  readonly waitUntil?: ((promise: Promise<unknown>) => void) | undefined;
  /** Never asks Redis: everything stays in this process, as while Redis is away. @default false */
  readonly localOnly?: boolean | undefined;
  /**
   * Whether Redis is told what was counted here, for all processes together: one HINCRBY for each sort of outcome, at most
   * every 10 s and along with another request. @default true
   */
  readonly tally?: boolean | undefined;
  /** @default the platform's, from 0 up to, not including, 1 */
  readonly random?: (() => number) | undefined;
}

/** Where it was found: in this process, or in Redis. */
export type Tier = 'memory' | 'store';

/** A value that has been found. */
export interface Found<T> {
  /** `stale`: past its end, and served all the same. */
  readonly status: 'hit' | 'stale';
  readonly value: T;
  readonly tier: Tier;
  /** Since it was loaded, in milliseconds, by the clock of who loaded it. */
  readonly ageMs: number;
}

/** What `get` answers. `unavailable` is no miss: Redis could not be asked, and nothing is known here. */
export type CacheRead<T> =
  | Found<T>
  | { readonly status: 'miss' }
  /** Known not to exist. */
  | { readonly status: 'negative' }
  /** Nothing here, and Redis could not be asked. */
  | { readonly status: 'unavailable'; readonly retryAfterMs: number };

/** What `getOrFetch` answers: a value that was kept or loaded, and where it is from. */
export type CacheFetch<T> =
  | Found<T>
  /** It was loaded now. */
  | { readonly status: 'miss'; readonly value: T }
  | { readonly status: 'negative' }
  /** Nothing here, and too many loads under way already. */
  | { readonly status: 'unavailable'; readonly retryAfterMs: number };

/** What a loader is told. */
export interface LoadContext<T> {
  /** Aborted at the deadline, and when nobody waits any more. */
  readonly signal: AbortSignal;
  /** What is there, past its end. */
  readonly stale: T | undefined;
}

/** `undefined` is handed out and not stored. */
export type Loader<T> = (context: LoadContext<T>) => T | Marked<T> | Promise<T | Marked<T>>;

/** Bounds of one read. */
export interface ReadOptions {
  /** Detaches this caller only. The promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Tags that the entry is expected to have. Their stamps are asked for with the value; those of others take a further
   * request, once in `l1.maxTtlMs`.
   */
  readonly tags?: readonly string[] | undefined;
}

/** How one value is kept. */
export interface WriteOptions {
  readonly signal?: AbortSignal | undefined;
  /** @default the cache's */
  readonly ttlMs?: number | undefined;
  /** What it depends on: {@link Cache.invalidateTags} ends it. At most 32, of at most 256 characters. */
  readonly tags?: readonly string[] | undefined;
}

/** How one value is loaded and kept. */
export interface FetchOptions<T = unknown> extends WriteOptions {
  /**
   * Whether a value past its end may be served while it is loaded again; else callers wait for that load, which they share,
   * and get the value only if it fails or takes more than `softTimeoutMs`. Must not throw. @default every value
   */
  readonly mayServeStale?: ((value: T, ageMs: number) => boolean) | undefined;
}

/** Whether everybody is told. Else it is done here, and is told with the first answer of Redis; at worst the entries' end ends them. */
export interface Invalidation {
  readonly propagated: boolean;
}

/** How the answers of a function are kept. */
export interface WrapOptions<T, Args extends readonly unknown[]> {
  /** The same for arguments whose answers are the same. */
  readonly key: (...args: Args) => string;
  readonly ttlMs?: number | undefined;
  /** What the answer to these arguments depends on. @default nothing */
  readonly tags?: ((...args: Args) => readonly string[]) | undefined;
  /** What to answer for what is not found. @default undefined */
  readonly absent?: T | undefined;
}

/** Nothing here rejects because Redis is away. */
export interface Cache<T> {
  readonly namespace: string;
  /** What there is. No request where a copy in this process is young enough, else one. Redis away: what is here, or `unavailable`. */
  get(key: string, options?: ReadOptions): Promise<CacheRead<T>>;
  /**
   * What there is, or what `load` makes of it now. Callers of one key share a load; loads that nobody waits for run in the
   * background. One request to read, and one in the background to write. Redis away: what is here, else the loader.
   *
   * @throws what the loader throws, and DeadlineError when it takes too long, where there is nothing stale to serve.
   */
  getOrFetch(key: string, load: Loader<T>, options?: FetchOptions<T>): Promise<CacheFetch<T>>;
  /** Whether Redis has it now. One request, two where stamps are not known yet. Redis away: kept here only. */
  set(key: string, value: T, options?: WriteOptions): Promise<boolean>;
  /** One request. A load that is under way does not bring the value back. */
  delete(key: string): Promise<Invalidation>;
  /** Whether {@link Cache.get} would find a value. */
  has(key: string, options?: ReadOptions): Promise<boolean>;
  /** A function whose answers are cached. @throws as {@link Cache.getOrFetch}, and StoreError of kind `local` for `unavailable`. */
  wrap<Args extends readonly unknown[]>(
    work: (context: LoadContext<T>, ...args: Args) => ReturnType<Loader<T>>,
    options: WrapOptions<T, Args>,
  ): (...args: Args) => Promise<T | undefined>;
  /** Ends all entries with one of these tags. One request, whatever their number. */
  invalidateTags(tags: readonly string[]): Promise<Invalidation>;
  /** Ends all entries. One request, whatever their number: they are not searched for, and leave Redis by their own end. */
  clear(): Promise<Invalidation>;
  /** Of this process. No I/O. */
  stats(): CacheStats;
  /** When what runs in the background now has ended: before a process ends. */
  settled(): Promise<void>;
}
