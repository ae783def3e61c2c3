import { randomBytes } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { fflateCompression } from '../../lib/cache/fflate.ts';

const seen = vi.hoisted(() => ({ bytes: 0 }));

vi.mock('fflate', async (original) => {
  const real = await original<typeof import('fflate')>();
  class Watched extends real.Inflate {
    constructor(listener: import('fflate').FlateStreamHandler) {
      super((chunk, isLast) => {
        seen.bytes += chunk.length;
        listener(chunk, isLast);
      });
    }
  }
  return { ...real, Inflate: Watched };
});

beforeEach(() => {
  seen.bytes = 0;
});

describe('the compression of fflate', () => {
  it('inflates two megabytes more of a bomb than the bound, at most', async () => {
    const bomb = deflateRawSync(new Uint8Array(10_000_000));
    await expect(fflateCompression().inflate(bomb, 65_536)).rejects.toThrow(RangeError);
    expect(seen.bytes).toBeGreaterThan(65_536);
    expect(seen.bytes).toBeLessThan(65_536 + 2_048 * 1_032);
  });

  it('notices a cut where one of the pieces ends that it reads', async () => {
    // Noise is stored as it is: the first piece is a whole one, and ends within a block.
    const deflated = deflateRawSync(randomBytes(10_000));
    for (const length of [2_048, 4_096, 8_192]) {
      await expect(fflateCompression().inflate(deflated.subarray(0, length), 20_000)).rejects.toThrow();
    }
  });

  it('reads what ends where a piece ends', async () => {
    // A stored block takes five bytes more than what is in it.
    const bytes = new Uint8Array(randomBytes(2_048 - 5));
    const deflated = deflateRawSync(bytes, { level: 0 });
    expect(deflated).toHaveLength(2_048);
    expect(await fflateCompression().inflate(deflated, 2_048)).toEqual(bytes);
  });

  it('says of nothing that it is nothing', async () => {
    await expect(fflateCompression().inflate(new Uint8Array(0), 10)).rejects.toThrow('There are no bytes');
  });

  it('rejects for what it cannot read, and does not throw', async () => {
    const promise = fflateCompression().inflate(Uint8Array.of(0xff), 10);
    await expect(promise).rejects.toThrow();
  });
});
