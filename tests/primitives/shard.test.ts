import { describe, expect, it } from 'vitest';
import { shardOf } from '../../lib/primitives/shard.ts';

describe('the shard of a text', () => {
  it('is the same in every process and version', () => {
    expect(['', 'a', 'key_0001', 'ä😀'].map((text) => shardOf(text, 16))).toEqual([9, 0, 2, 2]);
  });

  it.each([1, 3, 16, 256])('is one of %i, all of which get about as much', (shards) => {
    const counts = Array.from({ length: shards }, () => 0);
    const each = 400;
    for (let index = 0; index < each * shards; index += 1) {
      const shard = shardOf(`key_${index}`, shards);
      counts[shard] = (counts[shard] ?? Number.NaN) + 1;
    }
    expect(counts).toHaveLength(shards);
    expect(Math.min(...counts)).toBeGreaterThan(each * 0.7);
    expect(Math.max(...counts)).toBeLessThan(each * 1.3);
  });
});
