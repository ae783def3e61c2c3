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

interface Waiter {
  readonly endsAt: number;
  readonly enter: (leave: () => void) => void;
}

/**
 * Nobody holds a place for longer than `longestMs`, or waits for longer than he said: some runtimes end a request whose
 * client has gone, so that nothing of it runs again, not even what gives a place back.
 */
export function createLoadGate(clock: Clock, places: number, longestMs: number): LoadGate {
  const waiting = new Set<Waiter>();
  /** In the order in which they were taken. */
  const held = new Set<{ readonly endsAt: number }>();

  const take = (): (() => void) => {
    const place = { endsAt: clock.monotonic() + longestMs };
    held.add(place);
    return () => {
      if (held.delete(place)) admit();
    };
  };

  /** Lets in who waits, as far as there are places. */
  const admit = (): void => {
    const now = clock.monotonic();
    for (const place of held) {
      if (place.endsAt > now) break;
      held.delete(place);
    }
    for (const waiter of waiting) {
      if (held.size >= places) return;
      waiting.delete(waiter);
      if (waiter.endsAt > now) waiter.enter(take());
    }
  };

  const tryEnter = () => {
    admit();
    return held.size < places ? take() : undefined;
  };

  return {
    tryEnter,
    async enter(signal, timeoutMs) {
      signal.throwIfAborted();
      const place = tryEnter();
      if (place) return place;
      if (waiting.size >= MAX_WAITING) throw busy();
      return new Promise((resolve, reject) => {
        const end = () => {
          waiting.delete(waiter);
          cancel();
          signal.removeEventListener('abort', leave);
        };
        const enter = (leaving: () => void) => {
          end();
          resolve(leaving);
        };
        const waiter: Waiter = { endsAt: clock.monotonic() + timeoutMs, enter };
        const leave = () => {
          end();
          reject(signal.reason);
        };
        const cancel = clock.after(timeoutMs, () => {
          end();
          reject(busy());
        });
        signal.addEventListener('abort', leave);
        waiting.add(waiter);
      });
    },
  };
}
