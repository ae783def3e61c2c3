import { describe, expect, it } from 'vitest';
import { createHistogram } from '../../../lib/guard/metrics/histogram.ts';

describe('a histogram of durations', () => {
  it('counts a duration below the first bound that it does not exceed', () => {
    for (const [index, bound] of createHistogram().counts().boundsMs.entries()) {
      const histogram = createHistogram();
      histogram.record(bound);
      expect(histogram.counts().counts.indexOf(1)).toBe(index);
      histogram.record(bound + 0.001);
      expect(histogram.counts().counts.slice(index, index + 2)).toEqual([1, 1]);
    }
  });

  it('has one place more than bounds, for what exceeds them all', () => {
    const histogram = createHistogram();
    histogram.record(1e9);
    const { boundsMs, counts, sumMs } = histogram.counts();
    expect(counts).toHaveLength(boundsMs.length + 1);
    expect(counts.at(-1)).toBe(1);
    expect(sumMs).toBe(1e9);
  });

  it('adds durations up, to the microsecond', () => {
    const histogram = createHistogram();
    for (let index = 0; index < 10; index += 1) histogram.record(0.1);
    expect(histogram.counts().sumMs).toBe(1);
  });

  it('hands out copies', () => {
    const histogram = createHistogram();
    const before = histogram.counts();
    histogram.record(1);
    expect(before.counts.every((count) => count === 0)).toBe(true);
  });
});
