import { describe, expect, it } from 'vitest';
import { latency, rate, ratio, span } from '../../../../app/_console/model/format.ts';

describe('numbers for an operator', () => {
  it.each([
    [0, '0'],
    [0.4, '0.4'],
    [9.94, '9.9'],
    [9.95, '10'],
    [1_234.4, '1,234'],
    [undefined, '–'],
  ])('a rate of %s is %s', (value, text) => expect(rate(value)).toBe(text));

  it.each([
    [0.417, '0.42 ms'],
    [0.995, '1.0 ms'],
    [9.94, '9.9 ms'],
    [9.96, '10 ms'],
    [999.4, '999 ms'],
    [999.6, '1.0 s'],
    [undefined, '–'],
    [Number.POSITIVE_INFINITY, '> 2.5 s'],
  ])('a latency of %s ms is %s', (value, text) => expect(latency(value, 2_500)).toBe(text));

  it.each([
    [0, '0 s'],
    [-5, '0 s'],
    [6_001, '7 s'],
    [59_000, '59 s'],
    [59_001, '1 m'],
    [3_599_000, '59 m'],
    [3_600_000, '1 h'],
    [3_900_000, '1 h 5 m'],
    [90_000_000, '1 d 1 h'],
  ])('a span of %s ms is %s', (value, text) => expect(span(value)).toBe(text));

  it('a ratio that nobody knows is none', () => {
    expect(ratio(null)).toBe('–');
    expect(ratio(0.0612)).toBe('0.06');
  });
});
