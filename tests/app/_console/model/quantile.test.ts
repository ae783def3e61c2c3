import { describe, expect, it } from 'vitest';
import { durationsSince, quantile } from '../../../../app/_console/model/quantile.ts';

const durations = (...counts: number[]) => ({ boundsMs: [1, 10, 100], counts, sumMs: 0 });

describe('a quantile of a histogram', () => {
  it('is exact at the bound that a share reaches', () => {
    expect(quantile(0.5, durations(50, 50, 0, 0))).toBeCloseTo(1);
    expect(quantile(1, durations(50, 50, 0, 0))).toBeCloseTo(10);
  });

  it('lies within its bucket, on a logarithmic line', () => {
    expect(quantile(0.5, durations(0, 100, 0, 0))).toBeCloseTo(Math.sqrt(10));
    expect(quantile(0.99, durations(0, 0, 100, 0))).toBeCloseTo(10 * 10 ** 0.99);
  });

  it('never leaves the first bucket for 0, which a logarithmic scale cannot show', () => {
    expect(quantile(0.01, durations(100, 0, 0, 0))).toBeGreaterThan(0.5);
  });

  it('is beyond all bounds where the last bucket holds it', () => {
    expect(quantile(0.99, durations(98, 0, 0, 2))).toBe(Number.POSITIVE_INFINITY);
    expect(quantile(0.98, durations(98, 0, 0, 2))).toBeCloseTo(1);
  });

  it('is unknown, and not 0, where nothing was counted', () => {
    expect(quantile(0.5, durations(0, 0, 0, 0))).toBeNull();
  });
});

describe('the difference of two histograms', () => {
  it('is what the later one has counted more', () => {
    expect(durationsSince(durations(1, 2, 3, 4), durations(1, 3, 5, 7)).counts).toEqual([0, 1, 2, 3]);
  });

  it('is never less than nothing', () => {
    expect(durationsSince(durations(9, 9, 9, 9), durations(1, 10, 1, 1)).counts).toEqual([0, 1, 0, 0]);
  });
});
