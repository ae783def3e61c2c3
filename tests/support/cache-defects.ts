import type { CacheStore, CacheStoreOptions } from '../../lib/cache/cache-store.ts';
import type { Changes } from '../../lib/cache/invalidation/changes.ts';
import type { StampWriter, StampWriterOptions } from '../../lib/cache/invalidation/stamp-writer.ts';
import type { Stamps } from '../../lib/cache/invalidation/stamps.ts';
import type { Loading } from '../../lib/cache/loading.ts';
import type { Grounds, Reader, ReaderOptions } from '../../lib/cache/reader.ts';

/** Parts of a cache as they are, and what becomes of them with a defect. What is not named is as it is. */
export interface CacheDefect {
  readonly store?: <T>(sound: CacheStore<T>, options: CacheStoreOptions<T>) => CacheStore<T>;
  readonly changes?: (sound: Changes) => Changes;
  readonly stamps?: (sound: Stamps) => Stamps;
  readonly stampWriter?: (sound: StampWriter, options: StampWriterOptions) => StampWriter;
  readonly loading?: <T>(sound: Loading<T>) => Loading<T>;
  readonly reader?: <T>(create: (options: ReaderOptions<T>) => Reader<T>, options: ReaderOptions<T>) => Reader<T>;
}

/** Writes whatever stands there by now. */
export const BLIND_WRITES: CacheDefect = {
  store: (sound, { kv }) => ({
    ...sound,
    async replace(key, entry, _expected, lifeMs) {
      await kv.execute([await sound.put(key, entry, lifeMs)]);
      return true;
    },
  }),
};

/** Deletes, and leaves nothing that would keep those away who began to load before. */
export const NO_TOMBSTONES: CacheDefect = {
  store: (sound, { names }) => ({
    ...sound,
    async burial(key) {
      const name = await names.entry(key);
      return () => ['DEL', name];
    },
  }),
};

/** An entry is good under whatever stamps. */
export const NO_MATCHING: CacheDefect = { stamps: (sound) => ({ ...sound, stands: () => true }) };

/** Asks for the stamps to write under when the value has been loaded. */
export const LATE_STAMPS: CacheDefect = {
  stampWriter: (sound, { kv, stamps }) => ({
    ...sound,
    async stampsFor(basis, lateParts) {
      const parts = basis.tags.map(([part]) => part);
      const askedAt = stamps.asking();
      stamps.learn(parts, await kv.execute(stamps.query(parts)), askedAt);
      return sound.stampsFor(stamps.basis(parts) ?? basis, lateParts);
    },
  }),
};

/** Takes what Redis says of a tag that only the loader named, whatever was invalidated during the load. */
export const DISTURBANCE_UNSEEN: CacheDefect = {
  stampWriter: (sound, { kv, stamps }) => ({
    ...sound,
    async stampsFor(basis, lateParts) {
      const askedAt = stamps.asking();
      stamps.learn([], await kv.execute(stamps.query([])), askedAt);
      return sound.stampsFor({ ...basis, disturbance: stamps.basis([])?.disturbance ?? null }, lateParts);
    },
  }),
};

/** Asks Redis also for what it has not been told to forget. */
export const JOURNAL_UNREAD: CacheDefect = {
  reader: (create, options) => create({ ...options, journal: { ...options.journal, has: () => false } }),
};

/** Keeps what was asked for before it was changed here. */
export const CHANGES_UNSEEN: CacheDefect = { changes: (sound) => ({ ...sound, isSince: () => false }) };

/** Whoever wants a key joins who loads it, whatever he has found in Redis. */
export const BLIND_JOINS: CacheDefect = {
  loading(sound) {
    const under = new Map<string, Grounds>();
    return {
      ...sound,
      async miss(wish, grounds) {
        const joined = under.get(wish.key) ?? grounds;
        under.set(wish.key, joined);
        return sound.miss(wish, joined).finally(() => under.delete(wish.key));
      },
    };
  },
};
