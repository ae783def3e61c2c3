import { describe, expect, it } from 'vitest';
import {
  type MigrationMode,
  modeFrom,
  newShareOf,
  parseMode,
  rankOf,
  sideOf,
} from '../../../lib/primitives/migration/mode.ts';

const MODES: readonly MigrationMode[] = ['old', 'dual:read-old', 'dual:read-percent(25)', 'dual:read-new', 'new'];
const KEYS = Array.from({ length: 2_000 }, (_, index) => `user:${index}`);

describe('a mode', () => {
  it('is read back from its text, and nothing else is', () => {
    for (const mode of MODES) expect(parseMode(mode)).toBe(mode);
    for (const text of ['', 'dual', 'OLD', 'dual:read-percent', 'dual:read-percent(0)', 'dual:read-percent(100)']) {
      expect(parseMode(text)).toBeUndefined();
      expect(() => modeFrom('initial', text)).toThrow('initial must be old, dual:read-old');
    }
    expect([parseMode('dual:read-percent(1)'), parseMode('dual:read-percent(99)')]).not.toContain(undefined);
    expect(parseMode('dual:read-percent(05)')).toBeUndefined();
  });

  it('has its place between old and new', () => {
    expect(MODES.map(rankOf)).toEqual([0, 1, 2, 3, 4]);
    expect(MODES.map(newShareOf)).toEqual([0, 0, 25, 100, 100]);
  });
});

describe('the side that has authority over a key', () => {
  it('is one for all keys, but for a percentage', () => {
    for (const key of KEYS.slice(0, 50)) {
      expect(MODES.filter((mode) => mode !== 'dual:read-percent(25)').map((mode) => sideOf(mode, key))).toEqual([
        ...['old', 'old', 'new', 'new'],
      ]);
    }
  });

  it('is new for about as many keys as the mode says', () => {
    for (const percent of [1, 10, 50, 99]) {
      const share = KEYS.filter((key) => sideOf(`dual:read-percent(${percent})`, key) === 'new').length / KEYS.length;
      expect(Math.abs(100 * share - percent)).toBeLessThan(3);
    }
  });

  it('never goes back to old while the percentage grows', () => {
    for (const key of KEYS.slice(0, 200)) {
      const sides = Array.from({ length: 99 }, (_, index) => sideOf(`dual:read-percent(${index + 1})`, key));
      expect(sides.lastIndexOf('old')).toBe(sides.indexOf('new') === -1 ? 98 : sides.indexOf('new') - 1);
    }
  });

  it('is the same in every process: by the key alone', () => {
    expect(['a', 'b', 'user:7', '', 'ü', '\ud800'].map((key) => sideOf('dual:read-percent(50)', key))).toEqual([
      ...['new', 'old', 'old', 'old', 'new', 'new'],
    ]);
  });
});
