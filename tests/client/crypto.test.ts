import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  base62OfUint32,
  base64urlDecode,
  base64urlEncode,
  constantTimeEqual,
  createMac,
  randomBase62,
  randomDigits,
  randomShare,
  sha1Hex,
  sha256,
} from '../../lib/client/crypto.ts';

describe('digests', () => {
  it('are those of the standards', async () => {
    expect(await sha1Hex('abc')).toBe('a9993e364706816aba3e25717850c26c9cd0d89d');
    expect(await sha1Hex('return 1')).toBe('e0e1f9fabfc9d4800c877a703b823ac0578ff8db');
    expect(await sha256('abc')).toBe('ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0');
    // RFC 4231, test case 2.
    expect(await createMac('Jefe')('what do ya want for nothing?')).toBe('W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM');
  });

  it('under one secret are always the same, under another never', async () => {
    const mac = createMac('one');
    expect(await mac('text')).toBe(await mac('text'));
    expect(await mac('text')).not.toBe(await mac('text '));
    expect(await mac('text')).not.toBe(await createMac('other')('text'));
  });
});

describe('a comparison', () => {
  it.each([
    ['', '', true],
    ['', 'a', false],
    ['a', '', false],
    ['abc', 'abc', true],
    ['abc', 'abd', false],
    ['abc', 'xbc', false],
    ['ab', 'abab', false],
    ['abab', 'ab', false],
    ['\u0100', '\u0200', false],
    ['\0', '', false],
    ['', '\0', false],
  ])('of %j and %j is %s', (a, b, equal) => {
    expect(constantTimeEqual(a, b)).toBe(equal);
  });

  it('agrees with that of the language', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 4 });
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(constantTimeEqual(a, b)).toBe(a === b);
      }),
    );
  });
});

afterEach(() => vi.restoreAllMocks());

describe('base62', () => {
  it('of random bytes has every character equally often: bytes that would favour some are drawn again', () => {
    const drawn = [255, 248, 61, 0];
    vi.spyOn(crypto, 'getRandomValues').mockImplementation((bytes) => {
      (bytes as Uint8Array).fill(drawn.shift() ?? 1).set([247], 0);
      return bytes;
    });
    // The first two draws give one character each.
    expect(randomBase62(4)).toBe('zzzz');
    expect(drawn).toEqual([0]);
  });

  it.each([0, 1, 43, 200])('of random bytes has %d characters when asked for as many', (length) => {
    expect(randomBase62(length)).toMatch(new RegExp(`^[0-9A-Za-z]{${length}}$`));
  });

  it('of random bytes uses its whole alphabet and does not repeat itself', () => {
    expect(new Set(randomBase62(20_000)).size).toBe(62);
    expect(new Set(Array.from({ length: 1_000 }, () => randomBase62(22))).size).toBe(1_000);
  });

  it.each([
    [0, '000000'],
    [61, '00000z'],
    [62, '000010'],
    [0xffff_ffff, '4gfFC3'],
  ])('of the number %d is %s', (value, text) => {
    expect(base62OfUint32(value)).toBe(text);
  });
});

describe('digits at random', () => {
  it('come each equally often: bytes that would favour some are drawn again', () => {
    const drawn = [255, 250, 9, 0];
    vi.spyOn(crypto, 'getRandomValues').mockImplementation((bytes) => {
      (bytes as Uint8Array).fill(drawn.shift() ?? 1).set([249], 0);
      return bytes;
    });
    // The first two draws give one digit each.
    expect(randomDigits(4)).toBe('9999');
    expect(drawn).toEqual([0]);
  });

  it.each([0, 1, 6, 8, 200])('are %d when asked for as many', (length) => {
    expect(randomDigits(length)).toMatch(new RegExp(`^[0-9]{${length}}$`));
  });

  it('are distributed evenly, at each place and one after another', () => {
    const pairs = new Array<number>(100).fill(0);
    const places = Array.from({ length: 6 }, () => new Array<number>(10).fill(0));
    for (let count = 0; count < 50_000; count += 1) {
      const code = randomDigits(6);
      places.forEach((digits, place) => {
        digits[Number(code[place])] = (digits[Number(code[place])] ?? 0) + 1;
      });
      const pair = Number(code.slice(0, 2));
      pairs[pair] = (pairs[pair] ?? 0) + 1;
    }
    const all = places[0]?.map((_, digit) => places.reduce((sum, digits) => sum + (digits[digit] ?? 0), 0)) ?? [];
    // Each is exceeded once in ten million runs: chi-square with 9 and with 99 degrees of freedom.
    for (const digits of [all, ...places]) expect(chiSquare(digits)).toBeLessThan(50);
    expect(chiSquare(pairs)).toBeLessThan(190);
  });

  it('would not pass for even with the bias of a plain remainder, where as many are drawn', () => {
    const digits = new Array<number>(10).fill(0);
    for (let byte = 0; byte < 256; byte += 1) digits[byte % 10] = (digits[byte % 10] ?? 0) + 300_000 / 256;
    expect(chiSquare(digits)).toBeGreaterThan(50);
  });
});

/** How far counts are from equal ones. */
function chiSquare(counts: readonly number[]): number {
  const expected = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

describe('a share drawn at random', () => {
  it('is from 0 up to 1, and never the same', () => {
    const shares = Array.from({ length: 1_000 }, randomShare);
    expect(shares.filter((share) => !(share >= 0 && share < 1))).toEqual([]);
    expect(new Set(shares).size).toBeGreaterThan(990);
  });
});

describe('base64url', () => {
  it('gives back every well-formed text, with a byte order mark too', () => {
    const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('', '\ufeffx', '🔑', '\0'));
    fc.assert(
      fc.property(text, (original) => {
        const encoded = base64urlEncode(original);
        expect(encoded).toMatch(/^[\w-]*$/);
        expect(base64urlDecode(encoded)).toBe(original);
      }),
    );
  });

  it.each([
    ['has white space in it', 'Y W J j'],
    ['has the other alphabet', '+/+/'],
    ['is padded', 'YQ=='],
    ['ends too soon', 'Y'],
    ['is not UTF-8', '_w'],
    ['is something else', 'a.b'],
  ])('is refused when it %s', (_, encoded) => {
    expect(base64urlDecode(encoded)).toBeUndefined();
  });
});
