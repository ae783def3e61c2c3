import { createLru } from '../../client/lru.ts';
import { otherSide, type SideName } from './mode.ts';
import type { Standing } from './standing.ts';

/** A key whose latest value one side may not have. */
export interface Divergence {
  readonly key: string;
  /** The side that has it. */
  readonly from: SideName;
  /** See {@link Standing.period}. */
  readonly period: number;
  /** Whether a side lacks something that somebody was told is written; else nobody was told, and it may be there or not. */
  readonly isMissed: boolean;
}

/** Keys of which this process knows that the sides may differ. */
export interface Journal {
  /** A side misses these keys, which `from` has. */
  note(keys: readonly string[], from: SideName, period: number): void;
  /** Nobody knows what became of a write that failed: the other side is to have whatever `from` has. */
  noteUnsure(keys: readonly string[], from: SideName, period: number): void;
  /** Nobody is told that these are written after all. */
  doubt(keys: readonly string[]): void;
  /** Whether it is known of a key that the sides may differ. */
  has(key: string): boolean;
  /** The side that has the latest value of a key that somebody was told is written, where the other misses it. */
  holderOf(key: string): SideName | undefined;
  /** The oldest of them, at most so many, as far as they are `wanted`. They come last the next time. */
  some(count: number, wanted: (divergence: Divergence) => boolean): readonly Divergence[];
  /** Both sides have what was noted; a key that was noted again since stays. */
  settle(settled: readonly Divergence[]): void;
  /** Both sides have the latest of this key. */
  clear(key: string): void;
  /** Goes by a standing that was heard of: forgets what it makes pointless. Whether there is something to tell of anew. */
  heed(standing: Standing): boolean;
  readonly size: number;
}

export interface JournalOptions {
  /** Beyond it the oldest are forgotten: the tally has them for pending from then on, and a reconciliation mends them. */
  readonly maxSize: number;
  /** Told when a side misses a key, and when it has it. */
  readonly count: (what: 'missed' | 'caughtUp', side: SideName, period: number) => void;
}

export function createJournal({ maxSize, count }: JournalOptions): Journal {
  const noted = createLru<Divergence>(maxSize);
  let period: number | undefined;

  const forget = (divergence: Divergence): void => {
    noted.delete(divergence.key);
    if (divergence.isMissed) count('caughtUp', otherSide(divergence.from), divergence.period);
  };

  const noteOne = (key: string, from: SideName, ofPeriod: number): void => {
    const before = noted.get(key);
    if (!before?.isMissed || before.from !== from || before.period !== ofPeriod) {
      if (before) forget(before);
      count('missed', otherSide(from), ofPeriod);
    }
    noted.set(key, { key, from, period: ofPeriod, isMissed: true });
  };

  return {
    note(keys, from, ofPeriod) {
      for (const key of keys) noteOne(key, from, ofPeriod);
    },
    noteUnsure(keys, from, ofPeriod) {
      for (const key of keys) {
        const before = noted.get(key);
        // What somebody was told is written goes before what nobody was. A new note, for whoever is repairing the one before.
        noted.set(key, before?.isMissed ? { ...before } : { key, from, period: ofPeriod, isMissed: false });
      }
    },
    doubt(keys) {
      for (const key of keys) {
        const divergence = noted.get(key);
        if (divergence?.isMissed) forget(divergence);
        if (divergence) noted.set(key, { ...divergence, isMissed: false });
      }
    },
    has: (key) => noted.size > 0 && noted.get(key) !== undefined,
    holderOf(key) {
      const divergence = noted.size === 0 ? undefined : noted.get(key);
      return divergence?.isMissed ? divergence.from : undefined;
    },
    some(most, wanted) {
      const looked = noted.take(most);
      for (const [key, divergence] of looked) noted.set(key, divergence);
      return looked.map(([, divergence]) => divergence).filter(wanted);
    },
    settle(settled) {
      for (const divergence of settled) if (noted.get(divergence.key) === divergence) forget(divergence);
    },
    clear(key) {
      const divergence = noted.size === 0 ? undefined : noted.get(key);
      if (divergence) forget(divergence);
    },
    heed(standing) {
      const isNew = period !== standing.period;
      period = standing.period;
      // One side is kept up alone: what the other has missed is a matter of the next period.
      if (standing.mode === 'old' || standing.mode === 'new') noted.clear();
      if (!isNew) return false;
      for (const [key, divergence] of noted.take(maxSize)) {
        // A side that was not written for a while must not overwrite the one that was.
        if (divergence.from === standing.behind) continue;
        if (divergence.isMissed) noteOne(key, divergence.from, standing.period);
        else noted.set(key, divergence);
      }
      return noted.size > 0;
    },
    get size() {
      return noted.size;
    },
  };
}
