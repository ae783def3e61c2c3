import type { CacheEntry, CacheHandler } from 'next/cache.js';
import type { KvClient } from '../../client/kv-client.ts';
import { DeadlineError } from '../../errors.ts';
import { withDeadline } from '../../resilience/deadline.ts';
import { readBytes, streamOf } from './byte-stream.ts';
import type { CacheHandlerStats } from './cache-handler-stats.ts';
import { readBody, writeBody } from './entry-body.ts';
import { createEntryStore, type EntryKey, type EntryStore } from './entry-store.ts';
import { type CacheHandlerOptions, cacheHandlerSettings } from './handler-options.ts';

/** What Next asks of a handler in `cacheHandlers`. Nothing here rejects, and nothing waits longer than `requestTimeoutMs`. */
export interface RemoteCacheHandler extends CacheHandler {
  /** Of this process. No I/O. */
  stats(): CacheHandlerStats;
}

/**
 * A cache for `'use cache: remote'`, or any other name in `cacheHandlers`, that all processes on one Redis share. A read is
 * one request, in which the revalidations of all processes come along; a write is one; `revalidateTag` is one. Redis away:
 * a read finds what this process has kept, else nothing, a write is kept here only, and a revalidation is in force here
 * and told with the next answer.
 *
 * @throws ConfigError
 * @example
 * ```ts
 * export default createRemoteCacheHandler({ kv: createKv({ store: redisStore({ url: 'redis://localhost:6379' }) }) });
 * ```
 */
export function createRemoteCacheHandler(options: CacheHandlerOptions): RemoteCacheHandler {
  const entries = createEntryStore(cacheHandlerSettings(options));
  return { ...remoteCacheHandlerOn(() => entries), stats: entries.stats };
}

/** @param open `undefined` where nothing can be kept anywhere */
export function remoteCacheHandlerOn(open: () => EntryStore | undefined): CacheHandler {
  /** What is being stored: a read of the same key waits for it. */
  const storing = new Map<string, Promise<void>>();

  return {
    async get(cacheKey, softTags) {
      const entries = open();
      const pending = storing.get(cacheKey);
      if (entries && pending) await within(entries.settings.kv, pending);
      const found = await entries?.read(keyOf(cacheKey), softTags ?? [], readBody);
      if (!found) return undefined;
      const { bytes, revalidate, ...life } = found.value;
      // Below zero: serve it, and make a newer one.
      return { ...life, tags: [...found.tags], revalidate: found.isStale ? -1 : revalidate, value: streamOf(bytes) };
    },
    async set(cacheKey, pendingEntry) {
      const work = store(open(), cacheKey, pendingEntry);
      storing.set(cacheKey, work);
      await work;
      if (storing.get(cacheKey) === work) storing.delete(cacheKey);
    },
    async refreshTags() {
      // Each read brings the revalidations along. Only what is made before any read has nothing to be dated by.
      const entries = open();
      if (entries?.log.positionAt(entries.settings.now()) === undefined)
        await entries?.log.ask([]).catch(() => undefined);
    },
    // The tags of the path are judged with each entry, by the clock of Redis.
    getExpiration: async () => Number.POSITIVE_INFINITY,
    async updateTags(tags, durations) {
      await open()?.log.revalidate(tags, durations && (durations.expire ?? Number.POSITIVE_INFINITY));
    },
  };
}

function keyOf(cacheKey: string): EntryKey {
  return ['use-cache', cacheKey];
}

/** Never rejects: what the stream fails with is the render's business. */
async function store(
  entries: EntryStore | undefined,
  cacheKey: string,
  pendingEntry: Promise<CacheEntry>,
): Promise<void> {
  try {
    const { value, tags, ...life } = await pendingEntry;
    const { timestamp, expire } = life;
    const ttlMs = entries ? expire * 1_000 - Math.max(0, entries.settings.now() - timestamp) : 0;
    if (!entries || !(ttlMs > 0)) return await value.cancel();
    const bytes = await readBytes(value, entries.settings.maxEntryBytes);
    if (bytes === undefined) {
      entries.counts.oversized += 1;
      return;
    }
    const position = entries.log.positionAt(timestamp);
    await entries.write(keyOf(cacheKey), {
      tags,
      body: writeBody({ ...life, bytes }),
      ttlMs,
      position,
      since: timestamp,
    });
  } catch {
    if (entries) entries.counts.broken += 1;
  }
}

/** Waits for `work`, but no longer than a request may take: a render may hang. */
async function within({ clock, requestTimeoutMs }: KvClient, work: Promise<void>): Promise<void> {
  const expired = () => new DeadlineError(requestTimeoutMs, false);
  const controller = new AbortController();
  await withDeadline({ clock, timeoutMs: requestTimeoutMs, controller, expired }, () => work).catch(() => undefined);
}
