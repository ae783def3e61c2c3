/** Uses of one key on one day. */
export interface Uses {
  readonly day: string;
  readonly keyId: string;
  readonly count: number;
}

/** Uses that Redis has not been told of. */
export interface UseBuffer {
  /** `false` where there was no room for another key and day. */
  add(uses: Uses): boolean;
  countOf(day: string, keyId: string): number;
  /** Takes everything out. */
  takeAll(): readonly Uses[];
  /** Keys and days. */
  readonly size: number;
  /** All uses together. */
  readonly total: number;
}

export function createUseBuffer(maxSize: number): UseBuffer {
  let entries = new Map<string, Uses>();
  let total = 0;
  // A day has no colon.
  const placeOf = (day: string, keyId: string) => `${day}:${keyId}`;
  return {
    add({ day, keyId, count }) {
      const place = placeOf(day, keyId);
      const there = entries.get(place);
      // What is new is refused, so that a flood of ids drops the flood's own counts.
      if (!there && entries.size >= maxSize) return false;
      entries.set(place, { day, keyId, count: (there?.count ?? 0) + count });
      total += count;
      return true;
    },
    countOf: (day, keyId) => entries.get(placeOf(day, keyId))?.count ?? 0,
    takeAll() {
      const taken = [...entries.values()];
      entries = new Map();
      total = 0;
      return taken;
    },
    get size() {
      return entries.size;
    },
    get total() {
      return total;
    },
  };
}
