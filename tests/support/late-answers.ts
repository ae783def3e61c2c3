import { setTimeout as delay } from 'node:timers/promises';

/** Answers that have been found and that nobody has heard of yet. */
export interface LateAnswers {
  /** Hands over what has been found, late. `count` is how many lookups it answers. */
  pass<T>(finding: Promise<T>, count?: number): Promise<T>;
  /** From now on what is found is held. */
  hold(): void;
  /** Holds nothing new; what is held stays so. */
  holdNoMore(): void;
  release(): void;
  /** Lookups whose answers are held. */
  readonly waiting: number;
  /** How long the slowest finding took by itself, in milliseconds. */
  readonly slowestMs: number;
}

/** Each answer comes a random time of up to `delayMs` after it has been found. */
export function lateAnswers(delayMs: number): LateAnswers {
  let gate: Promise<void> | undefined;
  let open: (() => void) | undefined;
  let waiting = 0;
  let slowestMs = 0;
  return {
    async pass(finding, count = 1) {
      const startedAt = performance.now();
      const found = await finding;
      slowestMs = Math.max(slowestMs, performance.now() - startedAt);
      if (gate) {
        waiting += count;
        await gate;
        waiting -= count;
      } else if (delayMs > 0) await delay(Math.random() * delayMs);
      return found;
    },
    hold() {
      gate = new Promise<void>((resolve) => {
        open = resolve;
      });
    },
    holdNoMore() {
      gate = undefined;
    },
    release() {
      gate = undefined;
      open?.();
    },
    get waiting() {
      return waiting;
    },
    get slowestMs() {
      return slowestMs;
    },
  };
}
