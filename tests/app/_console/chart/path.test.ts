import { describe, expect, it } from 'vitest';
import { columnsPath, linePath } from '../../../../app/_console/chart/path.ts';
import { logarithmic, roundTop } from '../../../../app/_console/chart/scale.ts';

describe('a line', () => {
  it('goes through its places, from the left of the box to the right', () => {
    const places = [0, 0.5, 1].map((x) => ({ x, y: x }));
    expect(linePath(places, 1)).toBe('M0 100h0L300 50L600 0');
  });

  it('is interrupted where nobody knows, and where nothing was seen for too long', () => {
    const unknown = [
      { x: 0, y: 0 },
      { x: 0.1, y: null },
      { x: 0.2, y: 0 },
    ];
    expect(linePath(unknown, 1)).toBe('M0 100h0M120 100h0');
    const late = [
      { x: 0, y: 0 },
      { x: 0.5, y: 0 },
    ];
    expect(linePath(late, 0.49)).toBe('M0 100h0M300 100h0');
    expect(linePath(late, 0.5)).toBe('M0 100h0L300 100');
  });
});

describe('columns', () => {
  it('stand on what is below them', () => {
    expect(columnsPath([{ x: 1, from: 0.25, to: 0.75 }], 0.1)).toBe('M540 25H600v50H540z');
  });

  it('are left out without height, and outside of the box', () => {
    expect(columnsPath([{ x: 1, from: 0.5, to: 0.5 }], 0.1)).toBe('');
    expect(columnsPath([{ x: 0, from: 0, to: 1 }], 0.1)).toBe('');
  });
});

describe('scales', () => {
  it.each([
    [0, 5, 5],
    [5, 5, 5],
    [5.1, 5, 10],
    [78, 5, 100],
    [101, 5, 200],
    [1_999, 5, 2_000],
    [0.3, 1, 1],
  ])('of at most %s and at least %s end at %s', (highest, least, top) => {
    expect(roundTop(highest, least)).toBe(top);
  });

  it('show powers of ten at equal distances, and 0 at the bottom', () => {
    expect(logarithmic(0.1, 0.1, 100)).toBe(0);
    expect(logarithmic(1, 0.1, 100)).toBeCloseTo(1 / 3);
    expect(logarithmic(100, 0.1, 100)).toBe(1);
    expect(logarithmic(0, 0.1, 100)).toBe(0);
    expect(logarithmic(Number.POSITIVE_INFINITY, 0.1, 100)).toBe(1);
  });
});
