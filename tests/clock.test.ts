import { describe, expect, it } from 'vitest';
import { DAY_MS, isoDay, isoWeek } from '../lib/clock.ts';

describe('the week of an instant', () => {
  it.each([
    ['1970-01-01', '1970-W01'],
    ['1970-01-04', '1970-W01'],
    ['1970-01-05', '1970-W02'],
    ['2008-12-28', '2008-W52'],
    ['2008-12-29', '2009-W01'],
    ['2010-01-03', '2009-W53'],
    ['2010-01-04', '2010-W01'],
    ['2016-01-03', '2015-W53'],
    ['2024-12-29', '2024-W52'],
    ['2024-12-30', '2025-W01'],
    ['2026-11-21', '2026-W47'],
    ['2027-01-03', '2026-W53'],
    ['2027-01-04', '2027-W01'],
    ['9999-12-31', '9999-W52'],
  ])('of %s is %s, from its first to its last millisecond', (day, week) => {
    const start = Date.parse(day);
    expect([isoWeek(start), isoWeek(start + DAY_MS - 1)]).toEqual([week, week]);
  });

  it('changes with each Monday and at no other time', () => {
    let week = '';
    for (let at = Date.parse('1995-01-01'); at < Date.parse('2040-01-01'); at += DAY_MS) {
      const isMonday = new Date(at).getUTCDay() === 1;
      const next = isoWeek(at);
      if (week !== '') expect([isoDay(at), next !== week]).toEqual([isoDay(at), isMonday]);
      week = next;
    }
  });
});
