import { describe, expect, it } from 'vitest';
import type { EntryHead } from '../../lib/cache/entry.ts';
import { createMemoryTier } from '../../lib/cache/memory-tier.ts';
import { instant } from '../../lib/clock.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';

const HEAD: EntryHead = { marks: 'j', id: 'i', createdAt: 0, freshUntil: 1, costMs: 0, generation: 'g', tags: [] };

describe('the copies in this process', () => {
  const rig = (maxBytes: number) => {
    const clock = manualClock();
    const memory = createMemoryTier(maxBytes, clock);
    const put = (key: string, text: string | undefined, head = HEAD) =>
      memory.set(key, { head, text, verifiedAt: instant(clock) });
    return { clock, memory, put };
  };

  it('are what was put there, with when it was asked for and when it came', () => {
    const { clock, memory } = rig(10_000);
    const verifiedAt = instant(clock);
    clock.advance(30);
    memory.set('k', { head: HEAD, text: 'v', verifiedAt });
    expect(memory.get('k')).toEqual({ head: HEAD, text: 'v', verifiedAt, keptAt: instant(clock) });
  });

  it('weigh two bytes for each letter of key and text, 100 for each tag, and 400 more', () => {
    const { memory, put } = rig(10_000);
    put('abc', 'x'.repeat(50));
    expect([memory.size, memory.bytes]).toEqual([1, 506]);
    put('n', undefined, { ...HEAD, tags: [['a', 's'] as const, ['b', 's'] as const] });
    expect([memory.size, memory.bytes]).toEqual([2, 506 + 602]);
    put('abc', '');
    expect([memory.size, memory.bytes]).toEqual([2, 406 + 602]);
    memory.delete('n');
    expect([memory.size, memory.bytes]).toEqual([1, 406]);
    memory.clear();
    expect([memory.size, memory.bytes, memory.get('abc')]).toEqual([0, 0, undefined]);
  });

  it('go, the longest unused first, as soon as they are heavier than they may be', () => {
    const { memory, put } = rig(3 * 404);
    for (const key of ['a', 'b', 'c']) put(key, 'v');
    expect(memory.size).toBe(3);
    memory.get('a');
    put('d', 'v!');
    expect(['a', 'b', 'c', 'd'].filter((key) => memory.get(key))).toEqual(['a', 'd']);
  });

  it('are not kept where one alone is heavier, and nothing older in its place', () => {
    const { memory, put } = rig(500);
    put('k', 'x'.repeat(49));
    expect(memory.bytes).toBe(500);
    put('k', 'x'.repeat(50));
    expect([memory.get('k'), memory.size]).toEqual([undefined, 0]);
  });

  it('are none where there is no room for any', () => {
    const { memory, put } = rig(0);
    put('k', undefined);
    expect(memory.size).toBe(0);
  });
});
