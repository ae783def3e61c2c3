/** Counted since the cache was made, in this process. */
export interface CacheCounts {
  /** Fresh, from this process; from Redis. */
  memoryHits: number;
  storeHits: number;
  /** Past their end, and served all the same. */
  staleHits: number;
  negativeHits: number;
  misses: number;
  /** Reads while Redis was away that found nothing here. */
  unavailable: number;
  /** Times that the loader was called, in the background too, and that it failed. */
  loads: number;
  loadErrors: number;
  /** Callers who waited for a load that was under way. */
  coalesced: number;
  /** Loads that were left out because another process had made, or was making, them. */
  sparedLoads: number;
  /** Values that Redis took, and did not take: it was away, or something newer stood there. */
  writes: number;
  droppedWrites: number;
  outrunWrites: number;
  /** Values that were larger than `maxValueBytes`, or had no text. */
  unstorable: number;
  /** Entries that could not be read: damaged, of another version, codec or compression, or too large. */
  unreadable: number;
  invalidations: number;
}

/** What one cache has counted, and holds in this process. */
export interface CacheStats extends Readonly<CacheCounts> {
  /** Values served of values asked for; `undefined` before anything was asked for. */
  readonly hitRate: number | undefined;
  /** Entries and bytes in this process. */
  readonly entries: number;
  readonly bytes: number;
  /** Invalidations that Redis has not heard of. */
  readonly pendingInvalidations: number;
}

export function createCounts(): CacheCounts {
  return {
    memoryHits: 0,
    storeHits: 0,
    staleHits: 0,
    negativeHits: 0,
    misses: 0,
    unavailable: 0,
    loads: 0,
    loadErrors: 0,
    coalesced: 0,
    sparedLoads: 0,
    writes: 0,
    droppedWrites: 0,
    outrunWrites: 0,
    unstorable: 0,
    unreadable: 0,
    invalidations: 0,
  };
}

export function hitRateOf(counts: CacheCounts): number | undefined {
  const served = counts.memoryHits + counts.storeHits + counts.staleHits + counts.negativeHits;
  const asked = served + counts.misses + counts.unavailable;
  return asked === 0 ? undefined : served / asked;
}
