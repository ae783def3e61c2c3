import { describe, expect, it } from 'vitest';
import { createRecentEntries } from '../../../lib/next/cache-handlers/recent-entries.ts';

const entry = (length: number) => ({ tags: [], position: undefined, body: 'x'.repeat(length), since: 0 });
/** Of a name with one letter: two bytes for a unit, and 256 for the rest. */
const bytesOf = (length: number) => 2 * (1 + length) + 256;

describe('what a process keeps', () => {
  it('is so many bytes: what was unused for longest goes first', () => {
    const entries = createRecentEntries(3 * bytesOf(100));
    for (const name of ['a', 'b', 'c']) entries.set(name, entry(100));
    entries.get('a');
    entries.set('d', entry(100));
    expect(['a', 'b', 'c', 'd'].filter((name) => entries.get(name))).toEqual(['a', 'c', 'd']);
  });

  it('counts what was replaced, and what was taken out, no more', () => {
    const entries = createRecentEntries(2 * bytesOf(100));
    for (let round = 0; round < 10; round += 1) {
      entries.set('a', entry(100));
      entries.set('b', entry(100));
      entries.delete('b');
      entries.delete('b');
    }
    entries.set('c', entry(100));
    expect(['a', 'b', 'c'].filter((name) => entries.get(name))).toEqual(['a', 'c']);
  });

  it('is nothing that is larger than all of it may be', () => {
    const entries = createRecentEntries(bytesOf(100));
    entries.set('a', entry(100));
    entries.set('b', entry(101));
    expect(['a', 'b'].filter((name) => entries.get(name))).toEqual(['a']);
    entries.set('a', entry(101));
    expect(entries.get('a')).toBeUndefined();
  });
});
