import { describe, expect, it } from 'vitest';
import { inChunks } from '../../../lib/cache/adapters/chunks.ts';

const chunksOf = async (sizes: readonly number[]): Promise<readonly (readonly number[])[]> =>
  inChunks(
    sizes,
    (size) => size,
    async (chunk) => chunk,
  );

describe('work in portions', () => {
  it('has none for nothing', async () => {
    expect(await chunksOf([])).toEqual([]);
  });

  it('has at most 256 items in one', async () => {
    expect((await chunksOf(Array(256).fill(1))).map(({ length }) => length)).toEqual([256]);
    expect((await chunksOf(Array(513).fill(1))).map(({ length }) => length)).toEqual([256, 256, 1]);
  });

  it('has at most 524,288 units in one, unless a single item has more', async () => {
    expect(await chunksOf([500_000, 24_288])).toEqual([[500_000, 24_288]]);
    expect(await chunksOf([500_000, 24_289, 1])).toEqual([[500_000], [24_289, 1]]);
    expect(await chunksOf([1, 900_000, 1])).toEqual([[1], [900_000], [1]]);
  });

  it('is done one after the other, and ends with the first that fails', async () => {
    const begun: number[] = [];
    const work = inChunks([600_000, 600_001, 600_002], Number, async ([size = 0]) => {
      begun.push(size);
      await Promise.resolve();
      if (size === 600_001) throw new Error('no');
    });
    await expect(work).rejects.toThrow('no');
    expect(begun).toEqual([600_000, 600_001]);
  });
});
