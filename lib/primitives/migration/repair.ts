import { elapsedSince, type Instant, instant } from '../../clock.ts';
import { differing, remaining } from './copies.ts';
import type { Divergence } from './journal.ts';
import { type MigrationCore, sourceOf } from './migration-core.ts';
import { isDual, otherSide, type SideName } from './mode.ts';
import type { Standing } from './standing.ts';

export interface Repair {
  /** In the background, where there is something to repair, and `refreshMs` after it was noted or tried. */
  soon(): void;
  /** As far as that can be done now. Answers how many keys are left. @throws ConfigError */
  now(): Promise<number>;
}

/** Keys that are repaired together, at most. */
const MAX_BATCH = 100;

export function createRepair<V>(core: MigrationCore<V>): Repair {
  const { kv, known, journal, sides, mirror, background, refreshMs } = core;
  let triedAt: Instant | undefined;
  /** Fewer after a failure, more after a success: a key that one side never takes keeps no other waiting. */
  let batch = MAX_BATCH;

  /** A write that nobody waits for any more might land behind the repair. */
  const isSettled = ({ key, from }: Divergence): boolean =>
    !sides[from].isUnsettled(key) && !sides[otherSide(from)].isUnsettled(key);

  /** Answers how many of them are alike now. */
  const repairSome = async (some: readonly Divergence[]): Promise<number> => {
    let repaired = 0;
    const { last } = known;
    const left = remaining(core);
    for (const from of ['old', 'new'] as const) {
      const group = some.filter((divergence) => sourceFor(divergence, last()) === from);
      if (group.length === 0) continue;
      const keys = group.map(({ key }) => key);
      try {
        // Most are alike by now: only what is not is written.
        const unlike = await differing(core, keys, left);
        const restless = new Set(unlike);
        if (unlike.length > 0) for (const key of (await mirror(from, unlike, left())).alike) restless.delete(key);
        const settled = group.filter(({ key }) => !restless.has(key));
        journal.settle(settled);
        repaired += settled.length;
        batch = Math.min(MAX_BATCH, 2 * batch);
      } catch {
        batch = Math.max(1, Math.floor(batch / 2));
        core.tally.count(`failures.${otherSide(from)}`);
      }
    }
    return repaired;
  };

  /** What nobody was told is written must not replace what others have written since, under another authority. */
  const sourceFor = ({ key, from, isMissed }: Divergence, standing: Standing): SideName =>
    isMissed ? from : sourceOf(standing, core.authority(standing.mode, key));

  const now = async (): Promise<number> => {
    triedAt = instant(kv.clock);
    for (let left = journal.size; left > 0; ) {
      if (!isDual(await known.current())) break;
      const size = batch;
      if ((await repairSome(journal.some(size, isSettled))) > 0) left -= size;
      // The same again in smaller batches, if there are any.
      else if (batch >= size) break;
    }
    return journal.size;
  };

  return {
    now,
    soon() {
      if (journal.size === 0) {
        triedAt = undefined;
        return;
      }
      // What has just failed is not tried again at once.
      triedAt ??= instant(kv.clock);
      if (elapsedSince(triedAt, kv.clock) < refreshMs) return;
      triedAt = instant(kv.clock);
      background.run(now);
    },
  };
}
