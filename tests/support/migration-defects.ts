import type { Copy } from '../../lib/primitives/migration/backfill.ts';
import type { Journal } from '../../lib/primitives/migration/journal.ts';
import type { MigrationCore } from '../../lib/primitives/migration/migration-core.ts';
import type { RecordMigration, RecordMigrationOptions } from '../../lib/primitives/migration/migration-options.ts';
import type { Mirror, MirrorOptions } from '../../lib/primitives/migration/mirror.ts';
import { type MigrationMode, otherSide, type SideName } from '../../lib/primitives/migration/mode.ts';
import { dice } from './dice.ts';
import { CALL } from './migration-rig.ts';

/** Parts of a migration as they are, and what becomes of them with a defect. What is not named is as it is. */
export interface MigrationDefect {
  readonly mirror?: <V>(sound: Mirror<V>, options: MirrorOptions<V>) => Mirror<V>;
  readonly fill?: <V>(core: MigrationCore<V>) => Copy;
  readonly journal?: (sound: Journal) => Journal;
  readonly side?: (sound: SideName, mode: MigrationMode) => SideName;
  readonly migration?: <V>(sound: RecordMigration<V>, options: RecordMigrationOptions<V>) => RecordMigration<V>;
  /** Whether every change of the mode is forced. */
  readonly isForced?: boolean;
}

/** A deletion is for the side with authority only. */
export const DELETIONS_NOT_MIRRORED: MigrationDefect = {
  mirror: (sound) => async (from, keys, timeoutMs, known) => {
    const kept = known && new Map([...known].filter(([, value]) => value !== undefined));
    if (kept?.size === 0) return { alike: keys, restless: [] };
    return sound(from, keys, timeoutMs, kept);
  },
};

/** Writes both sides, and does not look whether somebody else has written meanwhile. */
export const NO_SECOND_LOOK: MigrationDefect = {
  mirror:
    (_, { sides }) =>
    async (from, keys, timeoutMs, known) => {
      const found = known ?? (await sides[from].read(keys, timeoutMs));
      await sides[otherSide(from)].write(new Map(keys.map((key) => [key, found.get(key)] as const)), timeoutMs);
      return { alike: keys, restless: [] };
    },
};

/** A backfill writes what it has read, whatever is there by then. */
export const OVERWRITING_BACKFILL: MigrationDefect = {
  fill:
    ({ sides, timeoutMs }) =>
    async (keys, from) => {
      const found = await sides[from].read(keys, timeoutMs);
      await sides[otherSide(from)].write(found, timeoutMs);
      return { copied: found.size, different: 0, failed: 0 };
    },
};

/** What the other side misses is nobody's concern. */
export const MISSES_FORGOTTEN: MigrationDefect = {
  journal: (sound) => ({ ...sound, note: () => {}, noteUnsure: () => {} }),
};

/** Half of all reads come from new, whatever their key. */
export const FLAPPING: MigrationDefect = (() => {
  const random = dice(7);
  return { side: (sound, mode) => (mode.includes('percent') ? random.pick(['old', 'new']) : sound) };
})();

/** A write fails when either side does. */
export const BOTH_SIDES_SURFACE: MigrationDefect = {
  migration: (sound, options) => ({
    ...sound,
    async set(key, value) {
      await sound.set(key, value);
      await Promise.all([options.old.get(key, CALL), options.new.get(key, CALL)]);
    },
  }),
};

/** Modes are changed as soon as somebody wants to. */
export const NO_GATES: MigrationDefect = { isForced: true };
