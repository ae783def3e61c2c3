import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { hasBytes } from '../../../lib/cache/payload/text-size.ts';

describe('the size of a text', () => {
  it('is that of its UTF-8', () => {
    const text = fc.array(fc.constantFrom('a', '\0', '\u00e9', '\u20ac', '\u{1f511}')).map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, (sample) => {
        const size = new TextEncoder().encode(sample).length;
        expect([size, size + 1].map((bytes) => hasBytes(sample, bytes))).toEqual([true, false]);
      }),
    );
  });

  it.each(['a', '\x7f', '\x80', '\u07ff', '\u0800', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{10ffff}'])(
    'counts %j as UTF-8 does',
    (character) => {
      const text = character.repeat(3);
      const size = Buffer.byteLength(text);
      expect([size, size + 1].map((bytes) => hasBytes(text, bytes))).toEqual([true, false]);
    },
  );

  it('is not counted where the length says enough', () => {
    const read = vi.spyOn(String.prototype, 'charCodeAt');
    const answers = [hasBytes('a'.repeat(100), 100), hasBytes('a'.repeat(100), 301)];
    expect(read).not.toHaveBeenCalled();
    read.mockRestore();
    expect(answers).toEqual([true, false]);
  });
});
