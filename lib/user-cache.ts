import type { Invalidation } from './cache/cache-options.ts';
import { createRecordCache, type RecordCache, type RecordCacheOptions } from './cache/records/record-cache.ts';
import type { KvClient } from './client/kv-client.ts';
import { getDefaults } from './default-client.ts';
import { ConfigError } from './errors.ts';

/** As for `createRecordCache`: `load` asks the database for a user, and there is nothing else that has no default. */
export type UserCacheConfiguration<User> = Omit<RecordCacheOptions<User>, 'kv' | 'namespace' | 'localOnly'>;

interface Configured {
  readonly configuration: UserCacheConfiguration<unknown>;
  made?: { readonly kv: KvClient; readonly cache: RecordCache<unknown> };
}

/** Bundlers give routes copies of a module; what is known of a user here must be known once. */
const SLOT: unique symbol = Symbol.for('breakwater.user-cache.1');
const home = globalThis as typeof globalThis & { [SLOT]?: Configured };

/**
 * Where `getUserCached` has its users from. To be called where a module is loaded that all bundles with such calls import.
 * No I/O. Calling it again replaces what was said before, and what this process remembers.
 *
 * @example
 * ```ts
 * configureUserCache<User>({ load: (id) => db.users.find(id) });
 * ```
 */
export function configureUserCache<User>(configuration: UserCacheConfiguration<User>): void {
  if (typeof configuration.load !== 'function') throw new ConfigError('load', 'must be a function');
  home[SLOT] = { configuration: configuration as UserCacheConfiguration<unknown> };
}

/**
 * The user, from this process, from Redis, or from the database, in this order; `null` where there is none. Fresh for
 * 5 minutes, "there is none" for 10 s, unless configured otherwise. At most one request. While Redis is away users come
 * from this process or the database.
 *
 * @throws ConfigError before {@link configureUserCache}; what `load` throws; DeadlineError when that takes longer than 10 s;
 *   StoreError of kind `local` when 100 loads are under way.
 */
export async function getUserCached<User>(id: string): Promise<User | null> {
  return (await users().get(id)) as User | null;
}

/** Those of these users that exist, of at most 1,000. One request for about 250 of them. @throws as {@link getUserCached} */
export async function getUsersCached<User>(ids: readonly string[]): Promise<ReadonlyMap<string, User>> {
  return (await users().getMany(ids)) as ReadonlyMap<string, User>;
}

/** The database has something else of this user now: call it when it has committed. One request. */
export async function invalidateUser(id: string): Promise<Invalidation> {
  return users().invalidate(id);
}

function users(): RecordCache<unknown> {
  const configured = home[SLOT];
  if (!configured) throw new ConfigError('load', 'is missing: call configureUserCache first');
  const { kv, settings } = getDefaults();
  if (configured.made?.kv !== kv) {
    const localOnly = !settings.redisCache;
    const cache = createRecordCache<unknown>({ ...configured.configuration, kv, namespace: 'users', localOnly });
    configured.made = { kv, cache };
  }
  return configured.made.cache;
}
