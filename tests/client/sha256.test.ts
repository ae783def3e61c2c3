import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sha256 } from '../../lib/client/crypto.ts';
import { sha256Sync } from '../../lib/client/sha256.ts';

describe('SHA-256 without a promise', () => {
  it('has the digests of FIPS 180-4', () => {
    const hex = (text: string) => Buffer.from(sha256Sync(text), 'base64url').toString('hex');
    expect(hex('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    expect(hex('')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    expect(hex('abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq')).toBe(
      '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
    );
  });

  it('is the platform’s at every length around the ends of blocks', async () => {
    for (let length = 0; length <= 260; length += 1) {
      const text = 'x'.repeat(length);
      expect(sha256Sync(text), String(length)).toBe(await sha256(text));
    }
  });

  it('is the platform’s for any text, lone surrogates included', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(0xffff), { maxLength: 300 }), async (units) => {
        const text = String.fromCharCode(...units);
        expect(sha256Sync(text)).toBe(await sha256(text));
      }),
      { numRuns: 100 },
    );
    const large = 'grüße '.repeat(50_000);
    expect(sha256Sync(large)).toBe(await sha256(large));
  });
});
