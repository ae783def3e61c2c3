import { randomBytes } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fflateCompression } from '../../../lib/cache/fflate.ts';
import type { Compression } from '../../../lib/cache/payload/compression.ts';
import { platformCompression } from '../../../lib/cache/payload/platform-compression.ts';
import { allowNoUnhandledRejection } from '../../support/unhandled-rejections.ts';

const platform = platformCompression();
if (platform === undefined) throw new Error('This platform has no compression');

const COMPRESSIONS: readonly (readonly [name: string, own: Compression, other: Compression])[] = [
  ['of the platform', platform, fflateCompression()],
  ['of fflate', fflateCompression(), platform],
];

/** Noise, repetition, and both: stored blocks, long matches, Huffman codes. */
const someBytes = fc
  .array(fc.tuple(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 1, max: 60 })), { maxLength: 8 })
  .map((parts) =>
    Uint8Array.from(
      parts.flatMap(([bytes, times]) =>
        Array(times)
          .fill([...bytes])
          .flat(),
      ),
    ),
  );

/** Several kilobytes deflated, in more than one block: what is read in pieces is cut within codes and headers. */
const large = new TextEncoder().encode(
  JSON.stringify(Array.from({ length: 4_000 }, (_, id) => ({ id, name: `n${(id * 7919) % 9973}` }))),
);

const AMPLE = 1_000_000;
/** Much quicker to compare than bytes one by one. */
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe.each(COMPRESSIONS)('the compression %s', (_name, own, other) => {
  allowNoUnhandledRejection();

  it('gives back what it was given', async () => {
    await fc.assert(
      fc.asyncProperty(someBytes, async (bytes) => {
        expect(hex(await own.inflate(await own.deflate(bytes), AMPLE))).toBe(hex(bytes));
      }),
      { numRuns: 60 },
    );
    const noise = new Uint8Array(randomBytes(200_000));
    for (const bytes of [large, noise]) {
      expect(hex(await own.inflate(await own.deflate(bytes), AMPLE))).toBe(hex(bytes));
    }
  });

  it('reads what the other has written', async () => {
    await fc.assert(
      fc.asyncProperty(someBytes, async (bytes) => {
        expect(hex(await own.inflate(await other.deflate(bytes), AMPLE))).toBe(hex(bytes));
      }),
      { numRuns: 60 },
    );
    expect(hex(await own.inflate(await other.deflate(large), AMPLE))).toBe(hex(large));
  });

  it.each([0, 1, 9])('reads what zlib writes at level %d', async (level) => {
    expect(hex(await own.inflate(deflateRawSync(large, { level }), AMPLE))).toBe(hex(large));
  });

  it('makes text smaller', async () => {
    expect((await own.deflate(large)).length).toBeLessThan(large.length / 2);
  });

  it('inflates up to the bound, and says by a RangeError when there is a byte more', async () => {
    const deflated = await own.deflate(large);
    expect(await own.inflate(deflated, large.length)).toHaveLength(large.length);
    await expect(own.inflate(deflated, large.length - 1)).rejects.toThrow(RangeError);
    await expect(own.inflate(await own.deflate(Uint8Array.of(1)), 0)).rejects.toThrow(RangeError);
    expect(await own.inflate(await own.deflate(new Uint8Array(0)), 0)).toHaveLength(0);
  });

  it('refuses what was cut off, wherever', async () => {
    for (const bytes of [large.subarray(0, 3_000), new Uint8Array(300), Uint8Array.of(1)]) {
      const deflated = await own.deflate(bytes);
      for (let length = 0; length < deflated.length; length += Math.ceil(deflated.length / 60)) {
        await expect(own.inflate(deflated.subarray(0, length), AMPLE)).rejects.toThrow();
      }
      await expect(own.inflate(deflated.subarray(0, -1), AMPLE)).rejects.toThrow();
    }
  });

  it('refuses what was cut off between two blocks', async () => {
    // A stored block that is not the last one.
    const block = Uint8Array.of(0x00, 0x02, 0x00, 0xfd, 0xff, 0x68, 0x69);
    await expect(own.inflate(block, AMPLE)).rejects.toThrow();
    expect(hex(await own.inflate(Uint8Array.of(...block, 0x03, 0x00), AMPLE))).toBe('6869');
  });

  it('refuses bytes behind the end', async () => {
    for (const bytes of [large, Uint8Array.of(1), new Uint8Array(0)]) {
      const deflated = await own.deflate(bytes);
      for (const rest of [Uint8Array.of(0), Uint8Array.of(1, 2, 3), new Uint8Array(5_000), deflated]) {
        await expect(own.inflate(Uint8Array.of(...deflated, ...rest), AMPLE)).rejects.toThrow(TypeError);
      }
    }
  });

  it('makes of damaged bytes an error or other bytes, never more than the bound', async () => {
    const deflated = await own.deflate(large.subarray(0, 5_000));
    const at = fc.integer({ min: 0, max: deflated.length - 1 });
    await fc.assert(
      fc.asyncProperty(at, fc.integer({ min: 1, max: 255 }), async (index, change) => {
        const damaged = deflated.map((byte, place) => (place === index ? byte ^ change : byte));
        const inflated = await own.inflate(damaged, 6_000).catch(() => undefined);
        expect(inflated?.length ?? 0).toBeLessThanOrEqual(6_000);
      }),
    );
  });

  it('makes of any bytes an error or bytes, never more than the bound', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        const inflated = await own.inflate(bytes, 500).catch(() => undefined);
        expect(inflated?.length ?? 0).toBeLessThanOrEqual(500);
      }),
    );
  });

  it('inflates several at a time', async () => {
    const all = Array.from({ length: 8 }, (_, index) => large.subarray(index * 1_000));
    const deflated = await Promise.all(all.map((bytes) => own.deflate(bytes)));
    const inflated = await Promise.all(deflated.map((bytes) => own.inflate(bytes, AMPLE)));
    expect(inflated.map(hex)).toEqual(all.map(hex));
  });
});
