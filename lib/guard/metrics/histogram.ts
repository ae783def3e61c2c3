import type { DurationCounts } from './snapshot.ts';

/** Counts durations by their size, in place: no object is made for one. */
export interface Histogram {
  record(durationMs: number): void;
  counts(): DurationCounts;
}

/** From what a lease takes to what a deadline allows; 50 ms is what alerts ask for. */
const BOUNDS_MS = [0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000] as const;

export function createHistogram(): Histogram {
  const counts = new Float64Array(BOUNDS_MS.length + 1);
  let sumMs = 0;
  return {
    record(durationMs) {
      let index = 0;
      while (index < BOUNDS_MS.length && durationMs > (BOUNDS_MS[index] ?? 0)) index += 1;
      counts[index] = (counts[index] ?? 0) + 1;
      sumMs += durationMs;
    },
    // Microseconds are as much as anybody reads, and a header has little room.
    counts: () => ({ boundsMs: BOUNDS_MS, counts: [...counts], sumMs: Math.round(sumMs * 1_000) / 1_000 }),
  };
}
