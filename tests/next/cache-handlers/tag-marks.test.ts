import { describe, expect, it } from 'vitest';
import { createTagMarks, memberOf } from '../../../lib/next/cache-handlers/tag-marks.ts';

const never = () => false;

describe('a mark', () => {
  it.each([
    [undefined, 'x:tag'],
    [0, 'x:tag'],
    [-1, 'x:tag'],
    [0.5, 's1:tag'],
    [60, 's60:tag'],
    [Number.POSITIVE_INFINITY, 's:tag'],
    [1e21, 's:tag'],
  ])('of a revalidation with an end of %s is %s', (expire, member) => {
    expect(memberOf('tag', expire)).toBe(member);
  });

  it('is the latest of its kind, and the strictest of the tag counts', () => {
    const marks = createTagMarks();
    marks.put('s60:tag', 5);
    marks.put('s60:tag', 3);
    expect(marks.judge(['tag'], (at) => at <= 4, 5)).toBe('stale');
    expect(marks.judge(['tag'], never, 60_004)).toBe('stale');
    expect(marks.judge(['tag'], never, 60_005)).toBe('expired');
    marks.put('x:tag', 2);
    expect(marks.judge(['other', 'tag'], never, 5)).toBe('expired');
    expect(marks.size).toBe(2);
  });

  it('is taken away only as it is known', () => {
    const marks = createTagMarks();
    marks.put('x:a:b', 5);
    marks.delete('x:a:b', 4);
    expect(marks.members()).toEqual([['x:a:b', 5]]);
    expect(marks.judge(['a:b'], never, 0)).toBe('expired');
    marks.delete('x:a:b', 5);
    expect([marks.size, marks.judge(['a:b'], never, 0)]).toEqual([0, 'fresh']);
  });

  it('of a form that nobody writes here is left out', () => {
    const marks = createTagMarks();
    for (const member of ['', 'tag', 'y:tag', 's1.5:tag']) marks.put(member, 5);
    expect(marks.size).toBe(0);
  });
});
