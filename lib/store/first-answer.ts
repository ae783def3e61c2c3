import type { Clock } from '../clock.ts';

export interface FirstAnswerOptions<T> {
  /** Milliseconds to wait for one before the next is asked as well. One that fails is followed at once. */
  readonly staggerMs: number;
  /** Gets every answer that comes too late. */
  readonly discard?: ((answer: T) => void) | undefined;
  readonly clock: Clock;
}

/**
 * Asks one after the other until one answers, and does not wait long for one that is silent. A node that is gone often
 * says nothing at all.
 *
 * @throws what the last one that failed did, when all have.
 */
export function firstAnswer<Q, T>(
  candidates: readonly [Q, ...Q[]],
  ask: (candidate: Q) => Promise<T>,
  { staggerMs, discard, clock }: FirstAnswerOptions<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const waiting = [...candidates];
    let out = 0;
    let over = false;
    let stopClock = (): void => undefined;

    function next(): void {
      stopClock();
      const candidate = waiting.shift();
      if (over || candidate === undefined) return;
      out += 1;
      if (waiting.length > 0) stopClock = clock.after(staggerMs, next);
      ask(candidate).then(answered, failed);
    }

    function answered(answer: T): void {
      if (over) {
        discard?.(answer);
        return;
      }
      over = true;
      stopClock();
      resolve(answer);
    }

    function failed(error: unknown): void {
      out -= 1;
      if (waiting.length > 0) next();
      else if (out === 0) reject(error);
    }

    next();
  });
}
