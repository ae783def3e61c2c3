import { abortedError } from './abort.ts';

export interface SharedAttempt<T> {
  /**
   * What the attempt under way comes to, or one begun now.
   *
   * @throws StoreError `aborted` with `mayHaveRun: false` when the signal fires; else what the latest attempt threw.
   */
  join(signal: AbortSignal | undefined): Promise<T>;
  underWay(): boolean;
  /** Stops what is under way, and with it the wait of those who wait for it. Nothing is begun after that. */
  end(): void;
}

export interface SharedAttemptOptions<T> {
  /** Has to bound itself, and to stop when its signal fires. */
  readonly begin: (over: AbortSignal) => Promise<T>;
  /** How many may be under way beside each other. Where there are as many the youngest gives way. */
  readonly atMost: number;
  /** Gets the first result, before those who wait for it do, and also where nobody does any more. */
  readonly keep: (result: T) => void;
  /** Gets what another attempt has made superfluous. */
  readonly discard?: ((result: T) => void) | undefined;
}

interface Attempt {
  readonly over: AbortController;
  /** Somebody has waited for it, and for nothing else, as long as he could. */
  suspect: boolean;
}

interface Waiter<T> {
  /** The latest attempt when he came. */
  readonly joined: Attempt;
  readonly resolve: (result: T) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * One attempt for all who want its result at the same time. It goes on when they give up, or deadlines shorter than the
 * way would never see a result.
 *
 * But what nobody has waited out may hang for good: begun in a black hole, it does not notice that the hole is gone. So
 * an attempt that somebody has given up on is under suspicion: those who come later, and those who still wait, get
 * another one beside it, and the first to succeed serves them all. The eldest is left alone, because it may only be slow.
 */
export function shareAttempt<T>({ begin, atMost, keep, discard }: SharedAttemptOptions<T>): SharedAttempt<T> {
  /** From the eldest to the latest. */
  const attempts: Attempt[] = [];
  const waiters = new Set<Waiter<T>>();
  let ended = false;

  function start(): Attempt {
    while (attempts.length >= atMost) attempts.pop()?.over.abort();
    const attempt: Attempt = { over: new AbortController(), suspect: false };
    attempts.push(attempt);
    begin(attempt.over.signal).then(
      (result) => succeeded(attempt, result),
      (error: unknown) => failed(attempt, error),
    );
    return attempt;
  }

  function succeeded(attempt: Attempt, result: T): void {
    if (!attempts.includes(attempt)) {
      discard?.(result);
      return;
    }
    for (const other of attempts.splice(0)) if (other !== attempt) other.over.abort();
    keep(result);
    for (const { resolve } of settled()) resolve(result);
  }

  function failed(attempt: Attempt, error: unknown): void {
    const wasLatest = attempts.at(-1) === attempt;
    if (attempts.includes(attempt)) attempts.splice(attempts.indexOf(attempt), 1);
    if (!wasLatest) return;
    for (const { reject } of settled()) reject(error);
  }

  function settled(): readonly Waiter<T>[] {
    const all = [...waiters];
    waiters.clear();
    return all;
  }

  return {
    join: (signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) {
          reject(abortedError(signal, false));
          return;
        }
        const latest = attempts.at(-1);
        const joined = latest === undefined || latest.suspect ? start() : latest;
        const giveUp = (): void => {
          waiters.delete(waiter);
          reject(abortedError(signal, false));
          if (attempts.at(-1) !== joined) return;
          joined.suspect = true;
          if (waiters.size > 0 && !ended) start();
        };
        const stopListening = (): void => signal?.removeEventListener('abort', giveUp);
        const waiter: Waiter<T> = {
          joined,
          resolve: (result) => {
            stopListening();
            resolve(result);
          },
          reject: (error) => {
            stopListening();
            reject(error);
          },
        };
        waiters.add(waiter);
        signal?.addEventListener('abort', giveUp, { once: true });
      }),
    underWay: () => attempts.length > 0,
    end: () => {
      ended = true;
      for (const { over } of attempts) over.abort();
    },
  };
}
