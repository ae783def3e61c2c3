import { ConfigError } from '../../errors.ts';

/** The side that is being left, and the one that is being moved to. */
export type SideName = 'old' | 'new';

/**
 * Where a migration stands. In the `dual` modes every write goes to both sides; reads come from the one that is named, or
 * with `dual:read-percent(25)` from new for a quarter of all keys, always the same ones.
 */
export type MigrationMode = 'old' | 'dual:read-old' | `dual:read-percent(${number})` | 'dual:read-new' | 'new';

/** @throws ConfigError for a text that names no mode */
export function modeFrom(option: string, text: string): MigrationMode {
  const mode = parseMode(text);
  if (mode !== undefined) return mode;
  throw new ConfigError(
    option,
    'must be old, dual:read-old, dual:read-percent(n) with n from 1 to 99, dual:read-new or new',
  );
}

/** The mode that a text names, if it names one. */
export function parseMode(text: string): MigrationMode | undefined {
  if (text === 'old' || text === 'dual:read-old' || text === 'dual:read-new' || text === 'new') return text;
  const [, digits] = /^dual:read-percent\(([1-9]\d?)\)$/.exec(text) ?? [];
  return digits === undefined ? undefined : `dual:read-percent(${Number(digits)})`;
}

/** The mode's place on the way from old to new: modes of neighbouring ranks may be in force together. */
export function rankOf(mode: MigrationMode): number {
  if (mode === 'old') return 0;
  if (mode === 'dual:read-old') return 1;
  if (mode === 'dual:read-new') return 3;
  return mode === 'new' ? 4 : 2;
}

/** Of a hundred keys, how many are read from new. */
export function newShareOf(mode: MigrationMode): number {
  const rank = rankOf(mode);
  if (rank === 2) return Number(/\d+/.exec(mode)?.[0]);
  return rank < 2 ? 0 : 100;
}

/** Whether writes go to both sides. */
export function isDual(mode: MigrationMode): boolean {
  return mode !== 'old' && mode !== 'new';
}

/**
 * The side that has authority over a key: it is read, its errors surface, and writes go there first. The same in every
 * process, and what was read from new under one share is read from new under every greater one.
 */
export function sideOf(mode: MigrationMode, key: string): SideName {
  const share = newShareOf(mode);
  if (share === 0 || share === 100) return share === 0 ? 'old' : 'new';
  return placeOf(key) < share ? 'new' : 'old';
}

export function otherSide(side: SideName): SideName {
  return side === 'old' ? 'new' : 'old';
}

/** From 0 up to, not including, 100: FNV-1a over the key's UTF-16 units, mixed so that similar keys are far apart. */
function placeOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index += 1) hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32) * 100;
}
