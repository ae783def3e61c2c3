import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { entryWrite, idOf, UNREADABLE_ID } from '../../lib/cache/entry-write.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import type { Reply, Store } from '../../lib/store/store.ts';
import { contentsOf, onEveryStore, realRedis } from '../support/every-store.ts';

const entryText = (id: string, wire = 'v') => `1 j ${id} 1700000000000 1700000060000 12 G - ${wire}`;

const write = async (store: Store, key: string, expected: string, text: string, lifeMs = 3_600_000): Promise<Reply> => {
  const [reply] = await store.execute([['EVAL', entryWrite.lua, 1, key, expected, text, lifeMs]]);
  return reply ?? null;
};

onEveryStore('the write of an entry', (current) => {
  it('takes place where nothing is, if nothing was found, for as long as it is to live', async () => {
    expect(await write(current(), 'k', '', entryText('a'), 60_000)).toBe(1);
    const { value, ttlMs } = (await contentsOf(current())).get('k') ?? {};
    expect(value).toBe(entryText('a'));
    expect(ttlMs).toBeGreaterThan(50_000);
    expect(ttlMs).toBeLessThanOrEqual(60_000);
  });

  it('does not take place where something was found that is not there any more', async () => {
    expect(await write(current(), 'k', 'a', entryText('b'))).toBe(0);
    expect((await contentsOf(current())).size).toBe(0);
  });

  it('takes place over what was found, and over nothing else', async () => {
    await write(current(), 'k', '', entryText('a'));
    expect(await write(current(), 'k', '', entryText('b'))).toBe(0);
    expect(await write(current(), 'k', 'b', entryText('b'))).toBe(0);
    expect((await contentsOf(current())).get('k')?.value).toBe(entryText('a'));
    expect(await write(current(), 'k', 'a', entryText('b'))).toBe(1);
    expect((await contentsOf(current())).get('k')?.value).toBe(entryText('b'));
  });

  it('does not take place over a tombstone, for who did not find it', async () => {
    await current().execute([['SET', 'k', '1 x tomb 1 1 0 0 - ']]);
    expect(await write(current(), 'k', '', entryText('a'))).toBe(0);
    expect(await write(current(), 'k', 'tomb', entryText('a'))).toBe(1);
  });

  it.each(['nonsense', '2 j a 1 2 3 G - v', '{"value":"1 j a "}'])(
    'takes place over what nobody can read: %s',
    async (text) => {
      await current().execute([['SET', 'k', text]]);
      expect(await write(current(), 'k', '', entryText('a'))).toBe(0);
      expect(await write(current(), 'k', UNREADABLE_ID, entryText('a'))).toBe(1);
    },
  );
});

describe('the id of what stands there', () => {
  const redis = realRedis();
  const texts = fc.oneof(
    fc.constantFrom(
      '',
      '1',
      '1 j',
      '1 j ',
      '1 j a',
      '1 jz abc d',
      '1 jjj abc d',
      '1 J a b',
      '1 j a-b c',
      ' 1 j a b',
      '1 j é b',
    ),
    fc.integer({ min: 55, max: 66 }).map((length) => entryText('a'.repeat(length))),
    fc.string({ unit: fc.constantFrom('1', ' ', 'j', 'z', 'A', '0', '-', 'é', '😀'), maxLength: 12 }),
    fc.string({ unit: fc.constantFrom('1', ' ', 'j', 'a'), maxLength: 12 }).map((rest) => `1 j ${rest}`),
    fc.string({ unit: 'binary', maxLength: 80 }).map((wire) => entryText('abc', wire)),
  );

  it('is one to reader, script and twin, also where all the rest is damaged', async () => {
    await fc.assert(
      fc.asyncProperty(texts, fc.constantFrom('', 'a', 'abc', UNREADABLE_ID), async (text, guess) => {
        const stores = [redis.store, memoryStore()];
        for (const expected of new Set([idOf(text), guess])) {
          const outcomes = [];
          for (const store of stores) {
            await store.execute([['SET', 'k', text]]);
            outcomes.push(await write(store, 'k', expected, entryText('new')));
          }
          expect(outcomes).toEqual(expected === idOf(text) ? [1, 1] : [0, 0]);
        }
      }),
      { numRuns: 400 },
    );
  });
});
