import type { Clock } from '../../clock.ts';
import type { Journal } from './journal.ts';
import { otherSide, type SideName } from './mode.ts';
import type { Side } from './side.ts';
import type { Comparison, Tally } from './tally.ts';

export interface ComparerOptions<V> {
  readonly sides: Readonly<Record<SideName, Side<V>>>;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly isSame: (a: V | undefined, b: V | undefined) => boolean;
  readonly journal: Journal;
  readonly tally: Tally;
  /** What stands for a key where it is reported. */
  readonly digestOf: (key: string) => Promise<string>;
  /** Notes keys that were served from one side, and that the other has to be given. */
  readonly diverged: (keys: readonly string[], served: SideName) => void;
}

/** A read that has been answered. */
export interface Served<V> {
  readonly key: string;
  readonly side: SideName;
  readonly value: V | undefined;
  readonly tookMs: number;
}

/**
 * Asks the other side for what was just read, and counts what it finds. Two reads are not one moment: what differs is
 * looked at again, on both sides, and only what differs then too has diverged; it is repaired like a write that was missed.
 */
export function createComparer<V>(options: ComparerOptions<V>): (served: Served<V>) => Promise<void> {
  const { sides, clock, timeoutMs, isSame, journal, tally, diverged } = options;

  const valueOn = async (side: SideName, key: string): Promise<V | undefined> =>
    (await sides[side].read([key], timeoutMs)).get(key);

  return async ({ key, side, value, tookMs }) => {
    const other = otherSide(side);
    const startedAt = clock.monotonic();
    let found: V | undefined;
    try {
      found = await valueOn(other, key);
    } catch {
      tally.count(`failures.${other}`);
      return;
    }
    tally.took(side, tookMs);
    tally.took(other, clock.monotonic() - startedAt);
    // It is known to differ, and will be repaired.
    if (journal.has(key)) return;
    if (isSame(value, found)) return tally.count('compared.same');

    const again = { [side]: await valueOn(side, key), [other]: await valueOn(other, key) };
    if (isSame(again.old, again.new)) return tally.count('compared.same');
    tally.count(`compared.${kindOf(again.old, again.new)}`);
    tally.divergent(await options.digestOf(key));
    diverged([key], side);
  };
}

function kindOf(old: unknown, fresh: unknown): Comparison {
  if (fresh === undefined) return 'missingInNew';
  return old === undefined ? 'missingInOld' : 'different';
}
