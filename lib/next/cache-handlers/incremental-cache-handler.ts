import type {
  CacheHandler,
  CacheHandlerContext,
  CacheHandlerValue,
} from 'next/dist/server/lib/incremental-cache/index.js';
import { createLru } from '../../client/lru.ts';
import { readBuildId } from './build-id.ts';
import type { CacheHandlerStats } from './cache-handler-stats.ts';
import { type CachedValue, readCachedValue, writeCachedValue } from './cached-value.ts';
import { createEntryStore, type EntryKey, type EntryStore } from './entry-store.ts';
import { type CacheHandlerOptions, cacheHandlerSettings } from './handler-options.ts';
import type { Position } from './position.ts';

type GetContext = Parameters<CacheHandler['get']>[1];
type SetContext = Parameters<CacheHandler['set']>[2];
type Value = CacheHandlerValue['value'];

/** What Next makes one of for each request. Nothing of it rejects, and nothing waits longer than `requestTimeoutMs`. */
export type IncrementalCacheHandlerClass = new (context: CacheHandlerContext) => CacheHandler;

/**
 * A `cacheHandler`: pages and responses (ISR), `fetch` and `unstable_cache`, and images where `images.customCacheHandler`
 * says so, shared by all processes on one Redis. Pages and responses are those of one build. A read is one request, in
 * which the revalidations of all processes come along; a write is one; `revalidateTag` is one. Redis away: as with
 * `createRemoteCacheHandler`.
 *
 * @throws ConfigError
 * @example
 * ```ts
 * export default createIncrementalCacheHandler({ kv: createKv({ store: redisStore({ url: 'redis://localhost:6379' }) }) });
 * ```
 */
export function createIncrementalCacheHandler(options: CacheHandlerOptions): IncrementalCacheHandlerClass & {
  /** What this process has counted. No request. */
  readonly stats: () => CacheHandlerStats;
} {
  const entries = createEntryStore(cacheHandlerSettings(options));
  return Object.assign(
    incrementalCacheHandlerOn(() => entries),
    { stats: entries.stats },
  );
}

/** Keys of which one request remembers when it looked for them. */
const MAX_LOOKS = 1_000;
const TAGS_HEADER = 'x-next-cache-tags';

/** @param open `undefined` where nothing can be kept anywhere */
export function incrementalCacheHandlerOn(open: () => EntryStore | undefined): IncrementalCacheHandlerClass {
  return class IncrementalCacheHandler implements CacheHandler {
    readonly #context: CacheHandlerContext;
    readonly #known: Position | undefined;
    /** What was known when a key was looked for: what is made of it then is no older than that. */
    readonly #looks = createLru<Position>(MAX_LOOKS);

    constructor(context: CacheHandlerContext) {
      this.#context = context;
      this.#known = knownNow(open());
    }

    async get(key: string, context: GetContext): Promise<CacheHandlerValue | null> {
      const entries = open();
      if (!entries) return null;
      const tags =
        'softTags' in context ? [...(context.tags ?? []), ...(context.softTags ?? [])] : (tagsOf(context) ?? []);
      const found = await entries.read(this.#keyOf(key, context.kind), tags, readCachedValue);
      const position = knownNow(entries);
      if (position) this.#looks.set(key, position);
      if (!found) return null;
      return found.isStale ? outdated(found.value, context, entries.settings.now()) : found.value;
    }

    async set(key: string, value: Value, context: SetContext): Promise<void> {
      const entries = open();
      if (!entries) return;
      const { now } = entries.settings;
      const cacheControl = context.fetchCache ? undefined : context.cacheControl;
      const lastModified = now();
      await entries.write(this.#keyOf(key, value?.kind), {
        tags: [...new Set([...(tagsOf(context) ?? []), ...tagsOfValue(value)])],
        body: writeCachedValue({ value, lastModified, ...(cacheControl && { cacheControl }) }),
        ttlMs: (cacheControl?.expire ?? Number.POSITIVE_INFINITY) * 1_000,
        position: this.#looks.get(key) ?? this.#known,
        since: lastModified,
      });
    }

    async revalidateTag(tags: string | string[], durations?: { expire?: number }): Promise<void> {
      const all = typeof tags === 'string' ? [tags] : tags;
      await open()?.log.revalidate(all, durations && (durations.expire ?? Number.POSITIVE_INFINITY));
    }

    /** Nothing is kept for one request. */
    resetRequestCache(): void {}

    /** A page names the files of its build; what was fetched, and an image, does not. */
    #keyOf(key: string, kind: string | undefined): EntryKey {
      if (kind === 'FETCH' || kind === 'IMAGE') return [kind.toLowerCase(), key];
      return ['response', readBuildId(this.#context), key];
    }
  };
}

function knownNow(entries: EntryStore | undefined): Position | undefined {
  return entries?.log.positionAt(entries.settings.now());
}

/** Of a fetch. */
function tagsOf(context: GetContext | SetContext): readonly string[] | undefined {
  return 'tags' in context ? context.tags : undefined;
}

/** Next puts the tags of a page into a header of it. */
function tagsOfValue(value: Value): readonly string[] {
  if (value === null) return [];
  if ('tags' in value) return value.tags ?? [];
  const header = 'headers' in value ? value.headers?.[TAGS_HEADER] : undefined;
  return typeof header === 'string' && header !== '' ? header.split(',') : [];
}

/** In Next's words for "serve it, and make a newer one": older than it may be, and not past its end. */
function outdated(found: CachedValue, context: GetContext, now: number): CacheHandlerValue {
  const { value, lastModified, cacheControl } = found;
  if (value?.kind === 'FETCH') {
    const ours = 'revalidate' in context && context.revalidate ? context.revalidate : value.revalidate;
    return { ...found, lastModified: Math.min(lastModified, now - (Number(ours) + 1) * 1_000) };
  }
  return {
    ...found,
    lastModified: Math.min(lastModified, now - 2_000),
    cacheControl: { revalidate: 1, expire: cacheControl?.expire },
  };
}
