import type { Clock } from '../clock.ts';
import { StoreError } from '../errors.ts';

/** Bounds how many loads run at once, so that an outage of the cache is none of the origin. */
export interface LoadGate {
  /** A place, at once or not at all. */
  tryEnter(): (() => void) | undefined;
  /**
   * Waits for a place, first come, first served. Answers how to give it back.
   *
   * @throws StoreError of kind `local` when there is none within `timeoutMs`; the reason of `signal`.
   */
  enter(signal: AbortSignal, timeoutMs: number): Promise<() => void>;
}

const MAX_WAITING = 10_000;

const refusals = new WeakSet<object>();

/** Whether that is how a gate refuses: loaders may throw errors of the same kind. */
export function isGateRefusal(error: unknown): boolean {
  return typeof error === 'object' && error !== null && refusals.has(error);
}

function busy(): StoreError {
  const error = new StoreError('local', 'Too many values are being loaded at once', { mayHaveRun: false });
  refusals.add(error);
  return error;
}

export function createLoadGate(clock: Clock, places: number): LoadGate {
  const waiting = new Set<(leave: () => void) => void>();
  let taken = 0;

  const take = (): (() => void) => {
    let isHeld = true;
    taken += 1;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      taken -= 1;
      for (const next of waiting) {
        waiting.delete(next);
        next(take());
        return;
      }
    };
  };

  const tryEnter = () => (taken < places ? take() : undefined);

  return {
    tryEnter,
    async enter(signal, timeoutMs) {
      signal.throwIfAborted();
      const place = tryEnter();
      if (place) return place;
      if (waiting.size >= MAX_WAITING) throw busy();
      return new Promise((resolve, reject) => {
        const end = () => {
          waiting.delete(enter);
          cancel();
          signal.removeEventListener('abort', leave);
        };
        const enter = (held: () => void) => {
          end();
          resolve(held);
        };
        const leave = () => {
          end();
          reject(signal.reason);
        };
        const cancel = clock.after(timeoutMs, () => {
          end();
          reject(busy());
        });
        signal.addEventListener('abort', leave);
        waiting.add(enter);
      });
    },
  };
}
