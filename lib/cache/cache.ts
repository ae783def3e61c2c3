import { createBackground } from '../client/background.ts';
import { StoreError } from '../errors.ts';
import { createBackoff } from './backoff.ts';
import { cacheNames } from './cache-names.ts';
import type { Cache, CacheOptions } from './cache-options.ts';
import { cacheSettings, checkTags, checkTtl } from './cache-settings.ts';
import { createCounts, hitRateOf } from './cache-stats.ts';
import { createCacheStore } from './cache-store.ts';
import { createFetching } from './fetching.ts';
import { createChanges } from './invalidation/changes.ts';
import { createInvalidations } from './invalidation/invalidations.ts';
import { createJournal } from './invalidation/journal.ts';
import { createStampWriter } from './invalidation/stamp-writer.ts';
import { createStamps } from './invalidation/stamps.ts';
import { createKeeper } from './keeper.ts';
import { createLoadGate } from './load-gate.ts';
import { createLoading } from './loading.ts';
import { createMemoryTier } from './memory-tier.ts';
import { createPacker } from './payload/packer.ts';
import { platformCompression } from './payload/platform-compression.ts';
import { createReader } from './reader.ts';
import { withTally } from './tally.ts';
import { createValueWriter } from './value-writer.ts';

export type * from './cache-options.ts';

/** Invalidations kept while Redis is away; with more, everything is invalidated. */
const MAX_NOTICES = 1_000;
/** Beyond the time in which a value may be written: clocks do not run alike. */
const BURY_SLACK_MS = 1_000;

/**
 * A cache of two tiers, in this process and in Redis, that answers also while Redis is away. See {@link Cache}.
 *
 * @throws ConfigError
 */
export function createCache<T>(options: CacheOptions<T>): Cache<T> {
  const { clock } = options.kv;
  const settings = cacheSettings(options);
  const { namespace, ttlMs, loadTimeoutMs, compressAboveBytes, maxValueBytes } = settings;
  const compression = settings.compression ?? platformCompression();
  const packer = createPacker({ codec: settings.codec, compression, compressAboveBytes, maxValueBytes });
  const counts = createCounts();
  const names = cacheNames(options.kv, namespace);
  const stamps = createStamps(names, clock);
  const memory = createMemoryTier(settings.maxMemoryBytes, clock);
  const changes = createChanges();
  const backoff = createBackoff(clock, settings.errorBackoffMs);
  const background = createBackground(settings.waitUntil);
  const kv = settings.tally ? withTally({ kv: options.kv, names, counts, background }) : options.kv;
  const stampWriter = createStampWriter({ kv, namespace, names, stamps });
  const onUnreadable = () => {
    counts.unreadable += 1;
  };
  const store = createCacheStore({ kv, names, stamps, packer, maxValueBytes, trustMs: settings.trustMs, onUnreadable });

  const partsOf = async (tags: readonly string[] | undefined): Promise<readonly string[]> =>
    tags === undefined || tags.length === 0 ? [] : Promise.all(checkTags(tags).map(names.tagPart));

  const journal = createJournal({ kv, maxNotices: MAX_NOTICES, onOverflow: () => invalidations.allLater() });
  // To read, to ask for stamps and to make them, each of which may take all of its time.
  const writeWithinMs = loadTimeoutMs + 5 * kv.requestTimeoutMs;
  const buryMs = writeWithinMs + kv.requestTimeoutMs + BURY_SLACK_MS;
  const keeper = createKeeper({
    ...{ kv, settings, store, memory, stamps, stampWriter, changes, packer, counts, writeWithinMs, buryMs, partsOf },
  });
  const reader = createReader({ clock, settings, store, memory, stamps, journal, changes, packer });
  const loading = createLoading({
    ...{ clock, settings, reader, backoff, background, counts, keeper },
    gate: createLoadGate(clock, settings.maxConcurrentLoads, writeWithinMs),
    shares: kv.sharesPromises,
    claimMs: loadTimeoutMs + kv.requestTimeoutMs,
  });
  const invalidations = createInvalidations({
    ...{ kv, namespace, names, stamps, store, memory, changes, backoff, journal, counts, loading },
    buryMs,
    localOnly: settings.localOnly,
  });
  const fetching = createFetching({ kv, settings, reader, loading, backoff, counts });
  const writer = createValueWriter({
    ...{ kv, settings, store, memory, stamps, stampWriter, changes, packer, keeper, journal, invalidations, counts },
  });

  /** What Redis has missed it hears with the next traffic. */
  const replay = (): void => {
    const replaying = journal.size > 0 ? journal.replay() : undefined;
    if (replaying) background.run(() => replaying);
  };

  const cache: Cache<T> = {
    namespace,
    async get(key, { signal, tags } = {}) {
      signal?.throwIfAborted();
      replay();
      return fetching.read(key, { parts: await partsOf(tags), signal });
    },
    async getOrFetch(key, load, { signal, tags, ttlMs: own = ttlMs, mayServeStale } = {}) {
      signal?.throwIfAborted();
      replay();
      return fetching.answer({ key, load, ttlMs: checkTtl(own), parts: await partsOf(tags), signal, mayServeStale });
    },
    async set(key, value, { signal, tags, ttlMs: own = ttlMs } = {}) {
      signal?.throwIfAborted();
      replay();
      return writer.set(key, value, { ttlMs: checkTtl(own), parts: await partsOf(tags), signal });
    },
    delete: (key) => invalidations.delete(key),
    async has(key, look) {
      const { status } = await cache.get(key, look);
      return status === 'hit' || status === 'stale';
    },
    wrap: (work, { key: keyOf, ttlMs: own, tags: tagsOf, absent }) => {
      return async (...args) => {
        const wanted = { ttlMs: own, tags: tagsOf?.(...args) };
        const fetched = await cache.getOrFetch(keyOf(...args), (context) => work(context, ...args), wanted);
        if (fetched.status === 'negative') return absent;
        if (fetched.status !== 'unavailable') return fetched.value;
        throw new StoreError('local', 'Too many values are being loaded at once', { mayHaveRun: false });
      };
    },
    invalidateTags: async (tags) => invalidations.tags(await partsOf(tags)),
    clear: () => invalidations.all(),
    stats: () => ({
      ...counts,
      hitRate: hitRateOf(counts),
      entries: memory.size,
      bytes: memory.bytes,
      pendingInvalidations: journal.size,
    }),
    settled: () => background.settled(),
  };
  return cache;
}
