import { elapsedSince, instant } from '../../clock.ts';
import { DeadlineError } from '../../errors.ts';
import type { Copy } from './backfill.ts';
import type { MigrationCore } from './migration-core.ts';
import { otherSide, type SideName } from './mode.ts';

/**
 * Gives the other side what it does not have, and overwrites nothing. What was read may have changed by the time that it is
 * written: a write brings the other side along by itself, but a deletion found nothing there to delete. So the source is
 * looked at again afterwards, and what has changed there is copied as it is then.
 */
export function fillWith<V>(core: MigrationCore<V>): Copy {
  const { sides, diverged } = core;
  return async (keys, from) => {
    const left = remaining(core);
    const both = await readBoth(core, keys, left);
    const missing = keys.filter((key) => both[from].has(key) && !both[otherSide(from)].has(key));
    const others = keys.filter((key) => !missing.includes(key) && !core.isSame(both.old.get(key), both.new.get(key)));
    const different = (await differing(core, others, left)).length;
    if (missing.length === 0) return { copied: 0, different, failed: 0 };

    const target = sides[otherSide(from)];
    const made: string[] = [];
    const put = async (key: string): Promise<void> => {
      const value = both[from].get(key);
      if (value !== undefined && (await target.setIfAbsent(key, value, left()))) made.push(key);
    };
    const outcomes = await Promise.allSettled(missing.map(put));
    const unsure = missing.filter((_, index) => outcomes[index]?.status === 'rejected');
    try {
      const now = await sides[from].read(made, left());
      const changed = made.filter((key) => !core.isSame(now.get(key), both[from].get(key)));
      if (changed.length > 0) {
        const { restless } = await core.mirror(from, changed, left());
        diverged(restless, from);
      }
    } catch {
      // What was written may have been deleted on the source by then.
      diverged([...made, ...unsure], from);
      return { copied: 0, different, failed: missing.length };
    }
    if (unsure.length > 0) diverged(unsure, from);
    return { copied: made.length, different, failed: unsure.length };
  };
}

/** Has the other side hold what the source holds, where it does not. */
export function reconcileWith<V>(core: MigrationCore<V>): Copy {
  return async (keys, from) => {
    const left = remaining(core);
    const unlike = await differing(core, keys, left);
    if (unlike.length === 0) return { copied: 0, different: 0, failed: 0 };
    try {
      const { alike, restless } = await core.mirror(from, unlike, left());
      if (restless.length > 0) core.diverged(restless, from);
      return { copied: alike.length, different: 0, failed: restless.length };
    } catch {
      core.diverged(unlike, from);
      return { copied: 0, different: 0, failed: unlike.length };
    }
  };
}

/** The keys that differ, and do so still when they are looked at again: two reads are not one moment. */
export async function differing<V>(
  core: MigrationCore<V>,
  keys: readonly string[],
  left: () => number = remaining(core),
): Promise<readonly string[]> {
  let differ = keys;
  for (let look = 0; look < 2 && differ.length > 0; look += 1) {
    const both = await readBoth(core, differ, left);
    differ = differ.filter((key) => !core.isSame(both.old.get(key), both.new.get(key)));
  }
  return differ;
}

async function readBoth<V>(
  { sides }: MigrationCore<V>,
  keys: readonly string[],
  left: () => number,
): Promise<Readonly<Record<SideName, ReadonlyMap<string, V>>>> {
  const [old, fresh] = await Promise.all([sides.old.read(keys, left()), sides.new.read(keys, left())]);
  return { old, new: fresh };
}

/**
 * A batch takes no longer than an operation may: others count on that when they change the mode. After that nothing of it is
 * begun any more, also by a process that was frozen. @throws DeadlineError
 */
export function remaining<V>({ kv, timeoutMs, mirrorTimeoutMs }: MigrationCore<V>): () => number {
  const begun = instant(kv.clock);
  const limitMs = timeoutMs + mirrorTimeoutMs;
  return () => {
    const left = limitMs - elapsedSince(begun, kv.clock);
    if (left <= 0) throw new DeadlineError(limitMs, true);
    return left;
  };
}
