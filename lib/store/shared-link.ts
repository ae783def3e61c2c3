import type { Clock } from '../clock.ts';
import { isKvError, StoreError } from '../errors.ts';
import { abortedError, untilAborted } from './abort.ts';
import { shareAttempt } from './shared-attempt.ts';

/** An open connection, as much of it as its sharing needs to know. */
export interface Link {
  /** Whether a request may be written to it now. */
  usable(): boolean;
  /** Nobody new will use it: ends as soon as the requests on it are answered or given up. */
  retire(): void;
  /** Lets the requests on it finish, within a bound of its own. */
  close(): Promise<void>;
}

export interface SharedLink<L extends Link> {
  /**
   * The open connection, or one opened now. Requests that come together share an attempt; one that finds none under way
   * makes one at once, however many failed before.
   *
   * @throws StoreError that says `mayHaveRun: false`
   */
  attempt(signal: AbortSignal | undefined): Promise<L>;
  /** Whether there is an open connection that a request may be written to now. */
  usable(): boolean;
  /** Nobody needs the connection now. It ends when its requests have, and the next attempt opens another one. */
  release(): void;
  close(): Promise<void>;
}

const ATTEMPTS = 3;
const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 3000;

/** One that may only be slow, and one begun after somebody has given up on that. */
const ATTEMPTS_AT_ONCE = 2;

/**
 * One connection for all requests, made when it is needed. There is no reconnecting in the background: while nobody
 * asks nothing happens, and whoever asks does not wait for somebody else's back-off, nor for an attempt that another
 * request has given up on.
 *
 * An attempt goes on when those who wait for it give up, or a deadline shorter than the way to Redis would never meet
 * an open connection. `open` therefore has to bound itself, and to stop when its signal fires.
 */
export function shareLink<L extends Link>(open: (signal: AbortSignal) => Promise<L>): SharedLink<L> {
  let closed = false;
  let current: L | undefined;
  const opening = shareAttempt<L>({
    begin: (over) => {
      current?.retire();
      current = undefined;
      return open(over);
    },
    atMost: ATTEMPTS_AT_ONCE,
    keep: (link) => {
      if (closed) link.retire();
      else current = link;
    },
    discard: (link) => link.retire(),
  });

  async function attempt(signal: AbortSignal | undefined): Promise<L> {
    if (closed) throw closedError();
    if (signal?.aborted) throw abortedError(signal, false);
    if (current?.usable()) return current;
    const link = await opening.join(signal);
    if (closed) throw closedError();
    if (!link.usable()) throw new StoreError('network', 'The connection closed at once', { mayHaveRun: false });
    return link;
  }

  return {
    attempt,
    usable: () => current?.usable() === true,
    release: () => current?.retire(),
    close: async () => {
      closed = true;
      opening.end();
      await current?.close();
    },
  };
}

/**
 * What `attempt` gives within three attempts, 100 and 200 ms apart, while the signal lasts.
 *
 * @throws StoreError `aborted`, or the error of the last attempt. One of credentials or settings is the last.
 */
export async function withinAttempts<T>(
  attempt: () => Promise<T>,
  signal: AbortSignal | undefined,
  clock: Clock,
): Promise<T> {
  for (let made = 1; ; made += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (made === ATTEMPTS || !isWorthAnother(error)) throw error;
    }
    await pause(Math.min(FIRST_PAUSE_MS * 2 ** (made - 1), MAX_PAUSE_MS), signal, clock);
  }
}

export function closedError(): StoreError {
  return new StoreError('local', 'The store is closed', { mayHaveRun: false });
}

function isWorthAnother(error: unknown): boolean {
  return isKvError(error) && error.code === 'STORE' && (error.kind === 'network' || error.kind === 'unavailable');
}

async function pause(ms: number, signal: AbortSignal | undefined, clock: Clock): Promise<void> {
  let cancel = (): void => undefined;
  const over = new Promise<void>((resolve) => {
    cancel = clock.after(ms, resolve);
  });
  await untilAborted(over, signal, (fired) => {
    cancel();
    return abortedError(fired, false);
  });
}
