import { ConfigError, StoreError } from '../../errors.ts';
import { createCache } from '../cache.ts';
import type { CacheFetch, CacheOptions, Invalidation } from '../cache-options.ts';
import type { CacheStats } from '../cache-stats.ts';
import { type Marked, notFound } from '../loaded.ts';
import { createLoadBatch } from './load-batch.ts';

/** What the loader of records is told. */
export interface RecordLoadContext {
  /** Aborted at the deadline, and when nobody waits any more. */
  readonly signal: AbortSignal;
}

/** Settings of a cache of records. Wrong ones throw a ConfigError when it is made. */
export interface RecordCacheOptions<R> extends Omit<CacheOptions<R>, 'ttlMs'> {
  /** Asks the database. `null` and `undefined` say that there is no such record. */
  readonly load: (id: string, context: RecordLoadContext) => Promise<R | null | undefined> | R | null | undefined;
  /** Asks it for several at once, for {@link RecordCache.getMany}; what is not in the answer does not exist. @default `load` for each */
  readonly loadMany?:
    | ((ids: readonly string[], context: RecordLoadContext) => Promise<ReadonlyMap<string, R>>)
    | undefined;
  /** How long a record is fresh, in milliseconds. @default 300_000 */
  readonly ttlMs?: number | undefined;
  /** How long "there is no such record" is believed, in milliseconds. @default 10_000 */
  readonly negativeTtlMs?: number | undefined;
}

/**
 * Records of a database, read through a cache. With Redis away reads come from this process or the database, at most
 * `maxConcurrentLoads` at once.
 */
export interface RecordCache<R> {
  readonly namespace: string;
  /**
   * The record, `null` where there is none. Callers of one id share a question to the database. At most one request.
   *
   * @throws what `load` throws, and DeadlineError when it takes longer than `loadTimeoutMs`, where nothing stale may be
   *   served; StoreError of kind `local` when too many loads are under way.
   */
  get(id: string): Promise<R | null>;
  /**
   * Those of these records that exist, of at most 1,000. One request for about 250 of them. What it does not find is one
   * question to `loadMany`; where that is more than `maxConcurrentLoads`, several. @throws as `get`
   */
  getMany(ids: readonly string[]): Promise<ReadonlyMap<string, R>>;
  /**
   * The database has this record now: call it when it has committed. Whether Redis has it too; where not, what it had is
   * deleted, now or when it is back. Where two may write at once use `invalidate`, since the later call wins, not the later
   * commit. One request.
   */
  update(id: string, record: R): Promise<boolean>;
  /** The database has something else now: call it when it has committed. What is being loaded is not kept. One request. */
  invalidate(id: string): Promise<Invalidation>;
  /** Forgets all records. One request, whatever their number. */
  clear(): Promise<Invalidation>;
  /** What this cache has counted in this process. No request. */
  stats(): CacheStats;
  /** When what runs in the background now has ended. */
  settled(): Promise<void>;
}

const MAX_IDS = 1_000;
const MAX_ID_LENGTH = 1_024;

/**
 * @throws ConfigError
 * @example
 * ```ts
 * const users = createRecordCache<User>({ kv, namespace: 'users', load: (id) => db.users.find(id) });
 * const user = await users.get('u_1');
 * ```
 */
export function createRecordCache<R>(options: RecordCacheOptions<R>): RecordCache<R> {
  const { load, loadMany, ttlMs = 300_000, negativeTtlMs = 10_000, ...rest } = options;
  const cache = createCache<R>({ ...rest, ttlMs, negativeTtlMs });

  const loadOne = async (id: string, context: RecordLoadContext): Promise<R | Marked<R>> =>
    found(await load(id, context));

  const get = async (id: string): Promise<R | null> =>
    recordOf(await cache.getOrFetch(checkId(id), ({ signal }) => loadOne(id, { signal })));

  const getThrough = (ids: readonly string[]): Promise<readonly (R | null)[]> => {
    if (!loadMany) return Promise.all(ids.map(get));
    const batch = createLoadBatch({ clock: options.kv.clock, load: loadMany });
    const getOne = async (id: string): Promise<R | null> =>
      recordOf(await cache.getOrFetch(id, async ({ signal }) => found(await batch.load(id, signal))));
    return Promise.all(ids.map(getOne));
  };

  return {
    namespace: cache.namespace,
    get,
    async getMany(given) {
      if (given.length > MAX_IDS) throw new ConfigError('ids', `must be at most ${MAX_IDS}`);
      const ids = [...new Set(given)];
      ids.forEach(checkId);
      const records = await getThrough(ids);
      const existing = new Map<string, R>();
      for (const [index, id] of ids.entries()) {
        const record = records[index];
        if (record !== undefined && record !== null) existing.set(id, record);
      }
      return existing;
    },
    update: (id, record) => cache.set(checkId(id), record),
    invalidate: (id) => cache.delete(checkId(id)),
    clear: cache.clear,
    stats: cache.stats,
    settled: cache.settled,
  };
}

function found<R>(record: R | null | undefined): R | Marked<R> {
  return record === null || record === undefined ? notFound() : record;
}

function recordOf<R>(fetched: CacheFetch<R>): R | null {
  if (fetched.status === 'negative') return null;
  if (fetched.status !== 'unavailable') return fetched.value;
  throw new StoreError('local', 'Too many records are being loaded at once', { mayHaveRun: false });
}

function checkId(id: string): string {
  if (typeof id === 'string' && id.length > 0 && id.length <= MAX_ID_LENGTH) return id;
  throw new ConfigError('id', `must have 1 to ${MAX_ID_LENGTH} characters`);
}
