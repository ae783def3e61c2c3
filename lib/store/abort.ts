import { StoreError } from '../errors.ts';

export function abortedError(signal: AbortSignal | undefined, mayHaveRun: boolean): StoreError {
  return new StoreError('aborted', 'The caller gave up', { cause: signal?.reason, mayHaveRun });
}

/**
 * `work`, or a rejection with the error of `onAbort` as soon as the signal fires. `work` itself is not stopped; how it
 * ends after that is ignored.
 */
export function untilAborted<T>(
  work: Promise<T>,
  signal: AbortSignal | undefined,
  onAbort: (signal: AbortSignal) => StoreError,
): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const giveUp = (): void => reject(onAbort(signal));
    if (signal.aborted) giveUp();
    else signal.addEventListener('abort', giveUp, { once: true });
    work.then(resolve, reject).then(() => signal.removeEventListener('abort', giveUp));
  });
}
