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

  it('rejects for what it cannot read, and does not throw', async () => {
    const promise = fflateCompression().inflate(Uint8Array.of(0xff), 10);
    await expect(promise).rejects.toThrow();
  });
});
