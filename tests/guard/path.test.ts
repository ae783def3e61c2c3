import { describe, expect, it } from 'vitest';
import { canonicalPath } from '../../lib/guard/path.ts';

describe('the canonical form of a path', () => {
  it.each(['/api/keys', '/api/keys/', '//api///keys', '/%61pi/ke%79s', '/api/%6B%65ys//'])(
    'is one for all that servers look up alike: %s',
    (path) => {
      expect(canonicalPath(path)).toBe('/api/keys');
    },
  );

  it.each([
    ['/api/keys', '/api%2Fkeys'],
    ['/api/keys', '/api%2fkeys'],
    ['/api/keys', '/api/keys%2f'],
    ['/api/keys', '/api/keys%20'],
    ['/api/keys', '/api/keys%00'],
    ['/api/keys', '/api/Keys'],
    ['/api/%2573', '/api/%73'],
    ['/', '/%20'],
  ])('tells %s from %s', (one, other) => {
    expect(canonicalPath(one)).not.toBe(canonicalPath(other));
  });

  it('is found for what is no UTF-8 as well', () => {
    expect(canonicalPath('/%ff/%zz/%')).toBe('/%25ff/%25zz/%25');
  });
});
