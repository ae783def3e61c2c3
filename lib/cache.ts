import { createCache } from './cache/cache.ts';
import type { Cache, CacheOptions, CacheRead } from './cache/cache-options.ts';
import { type CachedHandler, cacheResponse as cacheResponseIn } from './cache/http/response-cache.ts';
import type { ResponseCacheOptions } from './cache/http/response-cache-options.ts';
import type { StoredResponse } from './cache/http/stored-response.ts';
import { lateCache, lateRecordCache, lateSemanticCache } from './cache/late-caches.ts';
import { namespaceOf } from './cache/namespaces.ts';
import { createRecordCache, type RecordCache, type RecordCacheOptions } from './cache/records/record-cache.ts';
import { createSemanticCache, type SemanticCache, type SemanticCacheOptions } from './cache/semantic/semantic-cache.ts';
import type { KvClient } from './client/kv-client.ts';
import { boundPart, buildKey, KV_PREFIXES } from './client/redis-keys.ts';
import { getDefaults } from './default-client.ts';
import { ConfigError, isKvError, StoreError } from './errors.ts';

export type * from './cache/cache.ts';
export { createCache } from './cache/cache.ts';
export { generateCacheKey } from './cache/cache-key.ts';
export type { CacheCounts, CacheStats } from './cache/cache-stats.ts';
export { requestKey } from './cache/http/request-key.ts';
export { loaded, type Marked, notFound, skip } from './cache/loaded.ts';
export { clearNamespace, listNamespaces } from './cache/namespaces.ts';
export { type Codec, jsonCodec } from './cache/payload/codec.ts';
export type { Compression } from './cache/payload/compression.ts';
export type * from './cache/records/record-cache.ts';
export type * from './cache/semantic/semantic-cache.ts';
export { type CacheTally, readTally } from './cache/tally.ts';
export { type CachedHandler, createRecordCache, createSemanticCache, type ResponseCacheOptions, type StoredResponse };

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/**
 * Values under a prefix, on the default client. `null` and `false` also while Redis is away and this process has nothing:
 * `createCache` tells these apart. Nothing here rejects because Redis is away. One request each, none for what this process
 * has read within 5 s.
 */
export class RedisCache<T> {
  readonly #namespace: string;
  readonly #ttlMs: number;

  /**
   * @param prefix such as `cache:company`: the cache's namespace, with or without `cache:`. Another cache with the same one is
   *   the same cache.
   * @param ttlMs how long values are fresh, in milliseconds
   * @throws ConfigError for a prefix that has other signs than letters, digits, dashes, underscores and colons.
   */
  constructor(prefix: string, ttlMs: number) {
    this.#namespace = namespaceOf(prefix);
    this.#ttlMs = atLeastOne('ttlMs', ttlMs);
  }

  /** The value, `null` where there is none. */
  async get<Value extends T = T>(key: string): Promise<Value | null> {
    return valueOrNull<Value>(await this.#cache<Value>().get(key));
  }

  /** Whether Redis has it now; where not, this process has it. */
  async set(key: string, value: T): Promise<boolean> {
    return this.#cache().set(key, value, { ttlMs: this.#ttlMs });
  }

  /** Whether there is one. */
  async has(key: string): Promise<boolean> {
    return this.#cache().has(key);
  }

  /** Whether Redis has been told: else it is with its first answer. */
  async clear(key: string): Promise<boolean> {
    return (await this.#cache().delete(key)).propagated;
  }

  /** Ends all values, whatever their number, in one request. Whether Redis has been told, as for `clear`. */
  async clearAll(): Promise<boolean> {
    return (await this.#cache().clear()).propagated;
  }

  #cache<Value = T>(): Cache<Value> {
    return sharedCache<Value>({ namespace: this.#namespace, ttlMs: this.#ttlMs });
  }
}

/** Answers of models on what an application is about: companies and jobs for 24 h, résumés for 1 h, interviews for 6 h. */
export const aiCache: Readonly<Record<'company' | 'resume' | 'job' | 'interview', RedisCache<unknown>>> =
  // Bundlers may leave it out: who imports `createCache` alone does not get the default client.
  /* @__PURE__ */ (() => ({
    company: new RedisCache(KV_PREFIXES.CACHE_COMPANY, 24 * HOUR_MS),
    resume: new RedisCache(KV_PREFIXES.CACHE_RESUME, HOUR_MS),
    job: new RedisCache(KV_PREFIXES.CACHE_JOB, 24 * HOUR_MS),
    interview: new RedisCache(KV_PREFIXES.CACHE_INTERVIEW, 6 * HOUR_MS),
  }))();

/** Results of searches, for 5 minutes. */
export const searchCache: RedisCache<unknown> = /* @__PURE__ */ (() => new RedisCache('cache:search', 5 * MINUTE_MS))();

/** How long after its end a value of `cacheManager` is served while it is loaded again, or cannot be. */
const STALE = { swrMs: MINUTE_MS, staleIfErrorMs: 10 * MINUTE_MS } as const;

/** In which order a range is told. */
export interface RangeOptions {
  /** From the highest score down. @default false */
  readonly rev?: boolean | undefined;
}

/**
 * Values, counters and sorted sets on the default client. Nothing rejects because Redis is away: then there is `null` or
 * `false`, and `getOrFetch` fetches. A value, a counter and a sorted set of one name are three things. One request each.
 */
export const cacheManager = {
  /** The value, `null` where there is none. */
  async get<T>(key: string): Promise<T | null> {
    return valueOrNull(await managed<T>().get(key));
  },

  /** Whether Redis has it now; where not, this process has it. */
  async set<T>(key: string, value: T, ttlSeconds: number): Promise<boolean> {
    return managed<T>().set(key, value, { ttlMs: milliseconds(ttlSeconds) });
  },

  /** The value, the counter and the sorted set of this name. Whether Redis has been told. */
  async del(key: string): Promise<boolean> {
    const [{ propagated }, deleted] = await Promise.all([
      managed().delete(key),
      unlessAway('delete', async (kv) => {
        const names = await Promise.all([nameOf('counter', key), nameOf('sorted-set', key)]);
        return kv.command(['DEL', ...names.map((name) => kv.namespace + name)]);
      }),
    ]);
    return propagated && deleted !== null;
  },

  /**
   * The value, or what `fetcher` answers now: callers of one key share it. After its end a value is served for up to a
   * minute more while a newer one is fetched in the background, and for 10 minutes where that fails.
   *
   * @throws what `fetcher` throws; DeadlineError when it takes more than 10 s; StoreError of kind `local` when 100 others
   *   are under way.
   */
  async getOrFetch<T>(
    key: string,
    fetcher: (context: { readonly signal: AbortSignal }) => T | Promise<T>,
    ttlSeconds: number,
  ): Promise<T> {
    const fetched = await managed<T>().getOrFetch(key, fetcher, { ttlMs: milliseconds(ttlSeconds) });
    if ('value' in fetched) return fetched.value;
    throw new StoreError('local', 'Too many values are being fetched at once', { mayHaveRun: false });
  },

  /** Counts up and answers the new count. The first hit sets the time to live, later ones never push it back. */
  incr(key: string, ttlSeconds: number = 3_600): Promise<number | null> {
    return unlessAway('increment', async (kv) => kv.incr(await nameOf('counter', key), ttlSeconds));
  },

  /** Whether Redis has it now, under its new score. Sorted sets have no end of their own. */
  async zAdd(key: string, score: number, member: string): Promise<boolean> {
    if (!Number.isFinite(score)) throw new ConfigError('score', 'must be a finite number');
    const name = await nameOf('sorted-set', key);
    const add = (kv: KvClient) => kv.command(['ZADD', kv.namespace + name, score, member]);
    return (await unlessAway('add to a sorted set', add)) !== null;
  },

  /** Members by rank, from the lowest score up; -1 is the last one. */
  async zRange(key: string, start: number, stop: number, { rev = false }: RangeOptions = {}): Promise<string[] | null> {
    for (const [option, rank] of Object.entries({ start, stop })) {
      if (!Number.isSafeInteger(rank)) throw new ConfigError(option, `must be a whole number, got ${rank}`);
    }
    const members = await unlessAway('read a sorted set', async (kv) => {
      const name = kv.namespace + (await nameOf('sorted-set', key));
      return kv.command(['ZRANGE', name, start, stop, ...(rev ? ['REV'] : [])]);
    });
    return Array.isArray(members) ? members.map(String) : null;
  },
} as const;

/** As `createRecordCache`, on the default client, which is made at first use. */
export function recordCache<R>(options: Omit<RecordCacheOptions<R>, 'kv' | 'localOnly'>): RecordCache<R> {
  return lateRecordCache(options.namespace, () => createRecordCache<R>({ ...options, ...onDefaults() }));
}

/** As `createSemanticCache`, on the default client, which is made at first use. */
export function semanticCache<T>(options: Omit<SemanticCacheOptions<T>, 'kv' | 'localOnly'> = {}): SemanticCache<T> {
  return lateSemanticCache(() => createSemanticCache<T>({ ...options, ...onDefaults() }));
}

/**
 * Puts a shared HTTP cache (RFC 9111) in front of a handler: see docs/cache.md. On the default client, which is made at
 * first use, or in the `cache` that is named. @throws ConfigError naming the option
 */
export function cacheResponse<Req extends Request, Rest extends readonly unknown[]>(
  handler: (request: Req, ...rest: Rest) => Response | Promise<Response>,
  options: Omit<ResponseCacheOptions<Req>, 'cache'> & Partial<Pick<ResponseCacheOptions<Req>, 'cache'>> = {},
): CachedHandler<Req, Rest> {
  const { cache = lateCache<StoredResponse>(RESPONSES.namespace, () => sharedCache(RESPONSES)) } = options;
  return cacheResponseIn(handler, { ...options, cache });
}

const RESPONSES = { namespace: 'responses', ttlMs: HOUR_MS, maxValueBytes: 2_097_152, ...STALE } as const;
const MANAGED = 'cache-manager';

function managed<T>(): Cache<T> {
  return sharedCache<T>({ namespace: MANAGED, ttlMs: HOUR_MS, ...STALE });
}

async function nameOf(kind: 'counter' | 'sorted-set', key: string): Promise<string> {
  return buildKey(`${KV_PREFIXES.CACHE}${MANAGED}:${kind}`, await boundPart(key));
}

function onDefaults(): { readonly kv: KvClient; readonly localOnly: boolean } {
  const { kv, settings } = getDefaults();
  return { kv, localOnly: !settings.redisCache };
}

/** Bundlers give routes copies of a module; what is known of a value here must be known once. */
const SLOT: unique symbol = Symbol.for('breakwater.caches.1');
const home = globalThis as typeof globalThis & { [SLOT]?: WeakMap<KvClient, Map<string, unknown>> };

/** One for each namespace of the default client. */
function sharedCache<T>(options: Omit<CacheOptions<T>, 'kv' | 'localOnly'>): Cache<T> {
  const defaults = onDefaults();
  home[SLOT] ??= new WeakMap();
  const caches = home[SLOT].get(defaults.kv) ?? new Map<string, unknown>();
  home[SLOT].set(defaults.kv, caches);
  const cache = caches.get(options.namespace) ?? createCache<T>({ ...options, ...defaults });
  caches.set(options.namespace, cache);
  return cache as Cache<T>;
}

const valueOrNull = <T>(read: CacheRead<T>): T | null => ('value' in read ? read.value : null);

function milliseconds(ttlSeconds: number): number {
  return atLeastOne('ttlSeconds', ttlSeconds) * 1_000;
}

function atLeastOne(option: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new ConfigError(option, `must be a whole number of at least 1, got ${value}`);
}

/** `null` when Redis is away, is not to be asked, or refuses the command. */
async function unlessAway<A>(operation: string, work: (kv: KvClient) => Promise<A>): Promise<A | null> {
  const { kv, settings, logFailure } = getDefaults();
  if (!settings.redisCache) return null;
  try {
    return await work(kv);
  } catch (error) {
    if (!isKvError(error) || error.code === 'CONFIG') throw error;
    // While the circuit is open the one line of its opening has said it.
    if (error.code !== 'CIRCUIT_OPEN') logFailure(operation, error);
    return null;
  }
}
