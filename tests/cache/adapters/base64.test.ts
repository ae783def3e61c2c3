import { describe, expect, it } from 'vitest';
import { base64Decode, base64Encode } from '../../../lib/cache/adapters/base64.ts';

describe('base64', () => {
  it.each([0, 1, 2, 3, 255, 8_191, 8_192, 8_193, 1_000_000])(
    'of %d bytes is as Node writes it, and read again',
    (length) => {
      const bytes = Uint8Array.from({ length }, (_, index) => (index * 7) % 256);
      expect(base64Encode(bytes) === Buffer.from(bytes).toString('base64')).toBe(true);
      expect(Buffer.compare(base64Decode(base64Encode(bytes)) ?? Buffer.from('none'), bytes)).toBe(0);
    },
  );

  it.each(['!', 'a', 'ü', '===='])('is not %j', (text) => {
    expect(base64Decode(text)).toBeUndefined();
  });
});
