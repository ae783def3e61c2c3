/** Counted since the handler was made, in this process. */
export interface CacheHandlerCounts {
  /** Entries served as Redis had them, those included that were stale. */
  hits: number;
  /** Served although one of their tags had been revalidated: by a profile, which allows it. */
  staleHits: number;
  /** Served from this process, because Redis was away. */
  localHits: number;
  misses: number;
  /** Entries that were there, and had been revalidated since they were made. */
  revalidated: number;
  /** Entries that Redis took, and did not take: it was away, or nothing was known of revalidations when they were begun. */
  writes: number;
  droppedWrites: number;
  /** Entries that were larger than `maxEntryBytes`, and those whose stream broke off. */
  oversized: number;
  broken: number;
  /** Entries in Redis that could not be read: damaged, of another version, or too large. */
  unreadable: number;
}

/** What a cache handler of Next has counted, and holds in this process. */
export interface CacheHandlerStats extends Readonly<CacheHandlerCounts> {
  /** Revalidations that Redis has not heard of. */
  readonly pendingRevalidations: number;
}

export function createCacheHandlerCounts(): CacheHandlerCounts {
  return {
    hits: 0,
    staleHits: 0,
    localHits: 0,
    misses: 0,
    revalidated: 0,
    writes: 0,
    droppedWrites: 0,
    oversized: 0,
    broken: 0,
    unreadable: 0,
  };
}
