import { describe, expect, it } from 'vitest';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import type { Command } from '../../lib/store/store.ts';
import { heapGrowth } from '../support/heap.ts';

const KEYS = 1_000;
const names = Array.from({ length: KEYS }, (_, index) => `k${index}`);

describe('what a store in memory evicts next', () => {
  it.each<[string, readonly Command[]]>([
    ['come and gone', [...names.map((name): Command => ['SET', name, 1]), ['DEL', ...names]]],
    ['been used', names.map((_, index): Command => ['GET', `k${KEYS + (index % 50)}`])],
  ])('is known without keeping anything of keys that have %s', async (_, commands) => {
    const store = memoryStore({ maxEntries: KEYS + 50 });
    // It has had to evict once.
    for (let index = 0; index < 2 * KEYS; index += 1) await store.execute([['SET', `k${index}`, 1]]);
    await store.execute([['DEL', ...names]]);
    const repeat = async (times: number) => {
      for (let time = 0; time < times; time += 1) await store.execute(commands);
    };
    await repeat(10);
    expect(await heapGrowth(() => repeat(200))).toBeLessThan(2_000_000);
    await store.close();
  });
});
