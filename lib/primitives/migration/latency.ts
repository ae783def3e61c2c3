/** What a side took to answer the reads that were compared, as far as buckets tell: to within a tenth. */
export interface Latency {
  readonly count: number;
  /** Half of the reads took no longer, in milliseconds; `undefined` before the first. */
  readonly p50Ms: number | undefined;
  readonly p95Ms: number | undefined;
}

/** Each bucket ends a fifth above the one before: from 0.05 ms to over a minute. */
const GROWTH = 1.2;
const SMALLEST_MS = 0.05;
export const BUCKETS = 80;

export function bucketOf(durationMs: number): number {
  if (durationMs <= SMALLEST_MS) return 0;
  return Math.min(BUCKETS - 1, Math.ceil(Math.log(durationMs / SMALLEST_MS) / Math.log(GROWTH) - 1e-9));
}

/** @param counts of each bucket */
export function latencyFrom(counts: readonly number[]): Latency {
  const count = counts.reduce((sum, one) => sum + one, 0);
  return { count, p50Ms: quantile(counts, count, 0.5), p95Ms: quantile(counts, count, 0.95) };
}

function quantile(counts: readonly number[], total: number, share: number): number | undefined {
  if (total === 0) return undefined;
  let seen = 0;
  const bucket = counts.findIndex((count) => {
    seen += count;
    return seen >= share * total;
  });
  // The middle of the bucket.
  return Number((SMALLEST_MS * GROWTH ** (bucket - 0.5)).toPrecision(3));
}
