import type { Clock } from '../clock.ts';

export interface DeadlineOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** Aborted when the deadline passes. Aborting it from outside ends the wait with its reason. */
  readonly controller: AbortController;
  /** What to reject with when the deadline passes. */
  readonly expired: () => Error;
}

/**
 * Runs `work` with a limit. The timer decides: the promise settles at the deadline whether or not `work` heeds the
 * signal, because aborts are not honoured everywhere (hosted Edge runtimes, sockets already written to). What `work`
 * answers later is dropped.
 */
export function withDeadline<T>(options: DeadlineOptions, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { clock, timeoutMs, controller, expired } = options;
  return new Promise<T>((resolve, reject) => {
    const { signal } = controller;
    signal.throwIfAborted();
    const end = () => {
      cancel();
      signal.removeEventListener('abort', abandon);
    };
    const abandon = () => {
      end();
      reject(signal.reason);
    };
    const cancel = clock.after(timeoutMs, () => {
      const error = expired();
      end();
      reject(error);
      controller.abort(error);
    });
    signal.addEventListener('abort', abandon);
    // `async`: what `work` throws at once must not leave the timer behind.
    (async () => work(signal))().then(
      (value) => {
        end();
        resolve(value);
      },
      (error: unknown) => {
        end();
        reject(error);
      },
    );
  });
}
