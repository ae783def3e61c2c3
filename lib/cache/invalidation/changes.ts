import { createLru } from '../../client/lru.ts';

/**
 * Which keys were changed from here, and in which order: what was asked for before a change is not kept after it. Counted,
 * not timed, so that nothing falls into one instant. Bounded.
 */
export interface Changes {
  /** The moment of a question. */
  moment(): number;
  changed(key: string): void;
  /** Whether `key` may have been changed since. */
  isSince(key: string, moment: number): boolean;
}

const MAX_KEYS = 10_000;

export function createChanges(): Changes {
  const latest = createLru<number>(MAX_KEYS);
  let count = 0;
  /** Of a change that is not remembered any more. */
  let forgotten = 0;
  return {
    moment: () => count,
    changed(key) {
      count += 1;
      if (latest.size >= MAX_KEYS && latest.get(key) === undefined) {
        for (const [, moment] of latest.take(1)) forgotten = Math.max(forgotten, moment);
      }
      latest.set(key, count);
    },
    isSince: (key, moment) => (latest.get(key) ?? forgotten) > moment,
  };
}
