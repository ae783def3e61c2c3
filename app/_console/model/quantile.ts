import type { DurationCounts } from '../../../lib/guard/metrics/snapshot.ts';

/** What `now` counts beyond `before`, both of one process. */
export function durationsSince(before: DurationCounts, now: DurationCounts): DurationCounts {
  return {
    boundsMs: now.boundsMs,
    counts: now.counts.map((count, at) => Math.max(0, count - (before.counts[at] ?? 0))),
    sumMs: Math.max(0, now.sumMs - before.sumMs),
  };
}

/**
 * The duration in milliseconds that a share `q` of all do not exceed, as far as a histogram tells: exact at its bounds,
 * and in between as if all of a bucket lay on a logarithmic line. Infinity above the last bound, `null` where none are.
 */
export function quantile(q: number, { boundsMs, counts }: DurationCounts): number | null {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  const wanted = q * total;
  let below = 0;
  for (const [at, count] of counts.entries()) {
    if (count === 0 || below + count < wanted) {
      below += count;
      continue;
    }
    const upper = boundsMs[at];
    if (upper === undefined) return Number.POSITIVE_INFINITY;
    // The first bucket begins at 0, which has no logarithm: half of its bound stands for that.
    const lower = boundsMs[at - 1] ?? upper / 2;
    return lower * (upper / lower) ** ((wanted - below) / count);
  }
  return Number.POSITIVE_INFINITY;
}
