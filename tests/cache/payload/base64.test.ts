import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { base64Decode, base64Encode, base64Length } from '../../../lib/cache/payload/base64.ts';

describe('base64', () => {
  it('is that of the standard, and gives back every bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const text = base64Encode(bytes);
        expect(text).toBe(Buffer.from(bytes).toString('base64'));
        expect(text).toHaveLength(base64Length(bytes.length));
        expect(base64Decode(text)).toEqual(bytes);
      }),
    );
    const every = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    expect(base64Decode(base64Encode(every))).toEqual(every);
  });

  it.each([
    ['is not a multiple of four long', 'AAA'],
    ['lacks padding', 'AA'],
    ['has padding only', '===='],
    ['has padding within', 'AA=='.repeat(2)],
    ['has too much padding', 'A==='],
    ['has white space in it', 'AA A'],
    ['has a line break in it', 'AAA\n'],
    ['has the other alphabet', '-_-_'],
    ['has letters beyond ASCII', 'AAAé'],
    ['has letters far beyond ASCII', 'AAA\uff21'],
    ['has bits set behind the last byte, of one', 'AB=='],
    ['has bits set behind the last byte, of two', 'AAB='],
  ])('is not read when it %s', (_what, text) => {
    expect(base64Decode(text)).toBeUndefined();
  });

  it('is read only as it would be written: what was damaged is noticed, or is other bytes', () => {
    const character = fc.constantFrom(...'AZaz09+/=- \n\u0100');
    fc.assert(
      fc.property(fc.string({ unit: character, maxLength: 12 }), (text) => {
        const bytes = base64Decode(text);
        if (bytes !== undefined) expect(base64Encode(bytes)).toBe(text);
      }),
      { numRuns: 2_000 },
    );
  });
});
