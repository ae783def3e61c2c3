import { type Background, createBackground } from '../../client/background.ts';
import type { KvClient } from '../../client/kv-client.ts';
import { wholeNumber } from '../../client/whole-number.ts';
import { createJournal, type Journal } from './journal.ts';
import { createKnownMode, type KnownMode, type KnownModeOptions } from './known-mode.ts';
import { checkName, type MigrationNames, migrationNames } from './migration-names.ts';
import type { MigrationSettings, RecordMigrationOptions } from './migration-options.ts';
import { createMirror, type Mirror } from './mirror.ts';
import { isDual, type MigrationMode, modeFrom, otherSide, type SideName, sideOf } from './mode.ts';
import { isSameValue } from './same-value.ts';
import { createSide, type Side } from './side.ts';
import type { MigrationKind, Standing } from './standing.ts';
import { createTally, type Tally } from './tally.ts';

/** What a migration of any kind stands on. */
export interface MigrationBase {
  readonly kv: KvClient;
  readonly name: string;
  readonly names: Promise<MigrationNames>;
  readonly known: KnownMode;
  readonly tally: Tally;
  readonly background: Background;
  readonly refreshMs: number;
  readonly timeoutMs: number;
  readonly mirrorTimeoutMs: number;
  /** The side with authority over a key, in a mode. */
  authority(mode: MigrationMode, key: string): SideName;
}

/** What the parts of a migration of records share. */
export interface MigrationCore<V> extends MigrationBase {
  readonly sides: Readonly<Record<SideName, Side<V>>>;
  readonly journal: Journal;
  readonly mirror: Mirror<V>;
  isSame(a: V | undefined, b: V | undefined): boolean;
  /** Notes that the other side does not have the latest of these keys, for all that is known. */
  diverged(keys: readonly string[], from: SideName): void;
  /** Notes that a write of these keys has failed, and may have taken effect: nobody was told that it has. */
  unsure(keys: readonly string[], from: SideName): void;
}

const MAX_MS = 3_600_000;

/** @throws ConfigError */
export function createBase(
  options: MigrationSettings,
  kind: MigrationKind,
  heard: Pick<KnownModeOptions, 'onLook' | 'misses'>,
): MigrationBase {
  const { kv, name, initial = 'old', refreshMs = 5_000, readOld = false, waitUntil } = options;
  const { timeoutMs = 1_000, mirrorTimeoutMs = 500 } = options;
  const names = migrationNames(kv, checkName(name));
  const tally = createTally();
  const background = createBackground(waitUntil);
  wholeNumber('timeoutMs', timeoutMs, 1, MAX_MS);
  wholeNumber('mirrorTimeoutMs', mirrorTimeoutMs, 1, MAX_MS);
  const known = createKnownMode({
    ...{ kv, name, names, kind, tally, background, ...heard },
    initial: modeFrom('initial', initial),
    refreshMs: wholeNumber('refreshMs', refreshMs, 1, MAX_MS),
    operationMs: timeoutMs + mirrorTimeoutMs,
  });
  const authority = (mode: MigrationMode, key: string): SideName =>
    readOld && isDual(mode) && known.last().behind !== 'old' ? 'old' : sideOf(mode, key);
  return { ...{ kv, name, names, known, tally, background, refreshMs, timeoutMs, mirrorTimeoutMs }, authority };
}

/** @throws ConfigError */
export function createCore<V>(options: RecordMigrationOptions<V>): MigrationCore<V> {
  const { maxDiverged = 10_000, isSame: isSameRecord = isSameValue } = options;
  const journal = createJournal({
    maxSize: wholeNumber('maxDiverged', maxDiverged, 1, 10_000_000),
    count(what, side, period) {
      base.tally.missed(side, period, what === 'missed' ? 1 : -1);
    },
  });
  const base = createBase(options, 'records', {
    onLook(standing) {
      if (journal.heed(standing)) base.known.tellSoon();
    },
    misses: (side) => base.tally.missedBy(side, base.known.last().period) > 0,
  });
  const { clock } = options.kv;
  const sides = { old: createSide(options.old, clock), new: createSide(options.new, clock) };
  const isSame = (a: V | undefined, b: V | undefined): boolean =>
    a === undefined || b === undefined ? a === b : isSameRecord(a, b);
  return {
    ...base,
    ...{ sides, journal, isSame },
    mirror: createMirror({ sides, clock, isSame }),
    diverged(keys, from) {
      if (keys.length === 0) return;
      journal.note(keys, from, base.known.last().period);
      base.known.tellSoon();
    },
    unsure: (keys, from) => journal.noteUnsure(keys, from, base.known.last().period),
  };
}

/**
 * The side to copy from where nothing else is known of a key: the one with authority, but never one that lacks what was
 * written before, whatever it has authority over by now.
 */
export function sourceOf({ behind }: Standing, authority: SideName): SideName {
  return behind === undefined ? authority : otherSide(behind);
}
