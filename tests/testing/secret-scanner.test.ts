import { describe, expect, it } from 'vitest';
import { createKeyFormat } from '../../lib/keys/key-format.ts';
import { createSecretScanner, partsOfKey, waysToWrite } from '../support/secret-scanner.ts';

const key = createKeyFormat('bw', 'live').generate();
const scan = createSecretScanner([...partsOfKey('key', key), { name: 'pepper', text: 'a pepper of the tests' }]);

describe('the scanner for secrets', () => {
  it.each(waysToWrite(key))('finds each part of a key that is written %s, in the middle of something', (_, written) => {
    const leaks = scan([{ place: 'here', content: Buffer.from(`{"x":"${written}"}`, 'latin1') }]);
    expect(new Set(leaks.map(({ secret }) => secret))).toEqual(new Set(['key, part 1', 'key, part 2', 'key, part 3']));
    expect(leaks.every(({ place }) => place === 'here')).toBe(true);
  });

  it.each(waysToWrite('a pepper of the tests'))('finds a secret that is written %s', (_, written) => {
    expect(scan([{ place: 'here', content: Buffer.from(written, 'latin1') }])).toContainEqual(
      expect.objectContaining({ secret: 'pepper' }),
    );
  });

  it('finds 22 characters of a key, wherever they are from', () => {
    const random = key.slice('bw_live_'.length, -4);
    for (let from = 0; from + 22 <= random.length; from += 1) {
      expect(scan([{ place: 'here', content: random.slice(from, from + 22) }])).not.toEqual([]);
    }
  });

  it('takes neither what may be shown of a key nor another key for a leak', () => {
    const other = createKeyFormat('bw', 'live').generate();
    const harmless = [`bw_live_…${key.slice(-4)}`, ...waysToWrite(other).map(([, written]) => written)];
    expect(scan(harmless.map((content) => ({ place: 'here', content })))).toEqual([]);
  });
});
