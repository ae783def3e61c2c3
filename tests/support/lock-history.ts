/** A moment at which a holder could rely on its lock: it was still valid when the answer to `tick` had come. */
export interface Sighting {
  /** One visit is what one acquisition led to. */
  readonly visit: string;
  readonly contender: string;
  readonly fence: number;
  /** The tick before its acquisition began. */
  readonly askedAt: number;
  /** Ticks are numbered by one counter for all. */
  readonly tick: number;
  /** On the clock of the machine, in milliseconds. */
  readonly atMs: number;
}

/** Redis lost all its keys between two ticks. */
export interface Flush {
  readonly began: number;
  readonly ended: number;
  readonly atMs: number;
}

export interface LockHistory {
  readonly sightings: readonly Sighting[];
  readonly flushes: readonly Flush[];
  /** The longest life of a lock. */
  readonly ttlMs: number;
}

interface Visit {
  readonly id: string;
  readonly fence: number;
  readonly askedAt: number;
  readonly seen: readonly Sighting[];
  readonly first: number;
  readonly last: number;
}

export interface Judgement {
  /** What a lock promises and this history contradicts. */
  readonly violations: readonly string[];
  readonly visits: number;
  readonly contenders: number;
  /** Visits that overlapped because Redis had lost its keys. */
  readonly excused: number;
}

/**
 * No two holders rely on the lock at the same time, and whoever asks when another's fence has been seen gets a greater one,
 * also when Redis has lost its keys in between. Such a loss, and nothing else, lets two hold it: for the life of a lock.
 */
export function judgeLocks({ sightings, flushes, ttlMs }: LockHistory): Judgement {
  const visits = visitsOf(sightings);
  const violations: string[] = [];
  let excused = 0;
  const fences = new Set<number>();
  for (const { id, fence } of visits) {
    if (fences.has(fence)) violations.push(`${id}: fence ${fence} has been given before`);
    fences.add(fence);
  }
  for (const [index, one] of visits.entries()) {
    for (const other of visits.slice(index + 1)) {
      if (one.first < other.askedAt && one.fence > other.fence) {
        violations.push(`${other.id}: fence ${other.fence} after ${one.fence} of ${one.id}`);
      }
      if (other.first > one.last) continue;
      const together = one.seen.filter(({ tick }) => tick > other.first);
      const allowed = flushes.filter(({ began, ended }) => ended > one.askedAt && began < other.first);
      const wasLost = (atMs: number) => allowed.some((flush) => atMs <= flush.atMs + ttlMs);
      if (together.every(({ atMs }) => wasLost(atMs))) excused += 1;
      else violations.push(`${one.id} and ${other.id} hold it at tick ${together[0]?.tick}`);
    }
  }
  const contenders = new Set(sightings.map(({ contender }) => contender)).size;
  return { violations, visits: visits.length, contenders, excused };
}

/** In the order of their first sightings. */
function visitsOf(sightings: readonly Sighting[]): readonly Visit[] {
  const seenOf = new Map<string, Sighting[]>();
  for (const sighting of [...sightings].sort((a, b) => a.tick - b.tick)) {
    seenOf.set(sighting.visit, [...(seenOf.get(sighting.visit) ?? []), sighting]);
  }
  const visits = [...seenOf].flatMap(([id, seen]): readonly Visit[] => {
    const [first, last] = [seen[0], seen.at(-1)];
    if (!first || !last) return [];
    return [{ id, fence: first.fence, askedAt: first.askedAt, seen, first: first.tick, last: last.tick }];
  });
  return visits.sort((a, b) => a.first - b.first);
}
