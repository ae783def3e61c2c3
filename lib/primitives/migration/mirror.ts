import { type Clock, elapsedSince, instant } from '../../clock.ts';
import { DeadlineError } from '../../errors.ts';
import { otherSide, type SideName } from './mode.ts';
import type { Changes, Side } from './side.ts';

export interface MirrorOptions<V> {
  readonly sides: Readonly<Record<SideName, Side<V>>>;
  readonly clock: Clock;
  readonly isSame: (a: V | undefined, b: V | undefined) => boolean;
}

/** What became of keys that were to be the same on both sides. */
export interface Mirrored {
  /** Keys that both sides have seen alike. */
  readonly alike: readonly string[];
  /** Those that kept changing while they were copied. */
  readonly restless: readonly string[];
}

/**
 * Has the other side hold what `from` holds under these keys.
 *
 * Whoever copies looks at `from` again afterwards, and copies again what has changed by then. So it does not matter who
 * else writes meanwhile, in whatever order writes arrive, and not even in which direction others copy: whoever has written
 * the other side last has then seen the same on `from`.
 *
 * @param known what `from` was just given; without it, it is asked
 * @throws what either side throws; DeadlineError after `timeoutMs`
 */
export type Mirror<V> = (
  from: SideName,
  keys: readonly string[],
  timeoutMs: number,
  known?: Changes<V>,
) => Promise<Mirrored>;

/** More than two that write a key in turn take; who still has no rest by then is copied later. */
const MAX_ROUNDS = 4;

export function createMirror<V>({ sides, clock, isSame }: MirrorOptions<V>): Mirror<V> {
  return async (from, keys, timeoutMs, known) => {
    const begun = instant(clock);
    const leftMs = (): number => {
      const left = timeoutMs - elapsedSince(begun, clock);
      if (left <= 0) throw new DeadlineError(timeoutMs, true);
      return left;
    };
    const look = async (looked: readonly string[]): Promise<Changes<V>> => {
      const found = await sides[from].read(looked, leftMs());
      return new Map(looked.map((key) => [key, found.get(key)] as const));
    };

    const alike: string[] = [];
    let pending = known ?? (await look(keys));
    for (let round = 0; round < MAX_ROUNDS && pending.size > 0; round += 1) {
      await sides[otherSide(from)].write(pending, leftMs());
      const now = await look([...pending.keys()]);
      const changed = new Map<string, V | undefined>();
      for (const [key, value] of now) {
        if (isSame(value, pending.get(key))) alike.push(key);
        else changed.set(key, value);
      }
      pending = changed;
    }
    return { alike, restless: [...pending.keys()] };
  };
}
