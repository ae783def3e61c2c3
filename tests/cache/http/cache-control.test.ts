import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { durationMs, readDirectives } from '../../../lib/cache/http/cache-control.ts';

const read = (field: string | null) => {
  const directives = readDirectives(field);
  return directives && Object.fromEntries(directives);
};
const maxAge = (field: string) => {
  const directives = readDirectives(field);
  return directives && durationMs(directives, 'max-age');
};

describe('the directives of Cache-Control', () => {
  it('are known by their names in lower case, with their arguments', () => {
    expect(read('Public, MAX-AGE=60, no-cache="set-cookie, x"')).toEqual({
      public: [true],
      'max-age': ['60'],
      'no-cache': ['set-cookie, x'],
    });
  });

  it('are none where nothing is said', () => {
    for (const field of [null, '', ' ', ',', ' , ,\t']) expect(read(field)).toEqual({});
  });

  it('may be quoted, escaped, and stand between empty members', () => {
    expect(read('max-age="60",, x="a\\"b\\\\c" ,')).toEqual({ 'max-age': ['60'], x: ['a"b\\c'] });
  });

  it('are all kept where one is said twice', () => {
    expect(read('max-age=1, Max-Age=2, max-age')).toEqual({ 'max-age': ['1', '2', true] });
  });

  it.each([
    'max-age = 60',
    'a b',
    'x="',
    'x="a" b',
    'x=',
    '=1',
    'x="a',
    'private;max-age=1',
    'no-store\u00e9',
    'a=b=c',
  ])('cannot be read of %j: nothing of it is believed', (field) => {
    expect(readDirectives(field)).toBeUndefined();
  });

  it('are not looked for in a field of more than 4096 characters', () => {
    expect(read('x'.repeat(4_096))).toEqual({ ['x'.repeat(4_096)]: [true] });
    expect(readDirectives('x'.repeat(4_097))).toBeUndefined();
    expect(readDirectives(`no-store, ${'a,'.repeat(500_000)}`)).toBeUndefined();
  });

  it('take their time from the length of the field only', () => {
    const slow = `a,${' '.repeat(4_000)}"`;
    // A reader that went over the spaces once for each of them would be here for half a minute.
    for (let at = 0; at < 1_000; at += 1) expect(readDirectives(slow)).toBeUndefined();
  });

  it('are found whatever is sent, and nothing is thrown', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200, unit: 'binary-ascii' }), (field) => {
        const directives = readDirectives(field);
        return directives === undefined || [...directives.keys()].every((name) => name === name.toLowerCase());
      }),
    );
  });
});

describe('a duration', () => {
  it('is in seconds, and comes in milliseconds', () => {
    expect(maxAge('max-age=60')).toBe(60_000);
    expect(maxAge('max-age=0060')).toBe(60_000);
    expect(maxAge('max-age="60"')).toBe(60_000);
    expect(maxAge('s-maxage=60')).toBeUndefined();
  });

  it.each([
    'max-age',
    'max-age=-1',
    'max-age=1.5',
    'max-age=abc',
    'max-age=""',
    'max-age=60, max-age=-1',
    'max-age=1e9',
  ])('is over at once where it is no number of seconds: %s', (field) => {
    expect(maxAge(field)).toBe(0);
  });

  it('is the shorter one of two', () => {
    expect(maxAge('max-age=60, max-age=30')).toBe(30_000);
    expect(maxAge('max-age=30, max-age=60')).toBe(30_000);
  });

  it('is 2^31 seconds at most, however many digits it has', () => {
    expect(maxAge(`max-age=${'9'.repeat(1_000)}`)).toBe(2 ** 31 * 1_000);
    expect(maxAge(`max-age=${2 ** 31}`)).toBe(2 ** 31 * 1_000);
  });
});
