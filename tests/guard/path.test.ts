import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalPath, isDecodable } from '../../lib/guard/path.ts';

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

describe('a path', () => {
  const decodes = (text: string) => {
    try {
      return typeof decodeURIComponent(text) === 'string';
    } catch {
      return false;
    }
  };
  const HEX = [...'0123456789abcdefABCDEF'];

  it('is decodable when the platform can decode it, whatever its bytes', () => {
    const seconds = ['', '%7f', '%80', '%8f', '%90', '%9f', '%a0', '%bf', '%c0'];
    for (const first of HEX.flatMap((one) => HEX.map((two) => `%${one}${two}`))) {
      for (const second of seconds) {
        for (const tail of ['', '%80', '%bf', '%BF%80', '%80%80%80', '%', '%8', 'x']) {
          const path = `/a${first}${second}${tail}/b`;
          expect([path, isDecodable(path)]).toEqual([path, decodes(path)]);
        }
      }
    }
  });

  it('is decodable as a whole when all of its segments are, to the platform too', () => {
    const part = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 3 }).map((text) => encodeURIComponent(text)),
      fc.constantFrom('/', '%', '%2f', '%2F', '%ff', '%ed%a0%80', '%c0%af', '%f4%90%80%80', '%zz', 'é', '\n', 'a'),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
        const path = parts.join('');
        expect(isDecodable(path)).toBe(decodes(path));
        expect(isDecodable(path)).toBe(path.split('/').every(isDecodable));
      }),
    );
  });

  it('is looked at in one go, however long', () => {
    expect(isDecodable('/%C3%A9'.repeat(100_000))).toBe(true);
    expect(isDecodable(`${'/%C3%A9'.repeat(100_000)}%`)).toBe(false);
    expect(canonicalPath('/%'.repeat(100_000))).toBe('/%25'.repeat(100_000));
  });
});
