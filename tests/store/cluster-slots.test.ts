import { describe, expect, it } from 'vitest';
import { hashTag, keySlot } from '../../lib/store/cluster-slots.ts';

describe('the slot of a key', () => {
  it.each([
    ['123456789', 0x31c3],
    ['foo', 12_182],
    ['bar', 5061],
    ['', 0],
    ['{foo}', 12_182],
    ['a{foo}b{bar}', 12_182],
  ])('of %j is %i', (key, slot) => {
    expect(keySlot(key)).toBe(slot);
  });

  it.each([
    ['foo{}{bar}', undefined],
    ['foo{{bar}}zap', '{bar'],
    ['foo{bar', undefined],
    ['}foo{', undefined],
    ['}{a}', 'a'],
  ])('has in %j the hash tag %j', (key, tag) => {
    expect(hashTag(key)).toBe(tag);
  });
});
