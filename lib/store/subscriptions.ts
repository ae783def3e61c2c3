import type { Clock } from '../clock.ts';
import { isKvError, StoreError } from '../errors.ts';
import { untilAborted } from './abort.ts';
import { closedError } from './shared-link.ts';
import type { Store, StoreSubscription, SubscriptionListener, SubscriptionState } from './store.ts';

/** Channels that are being heard, until they are not any more. */
export interface Feed {
  /** Resolves with what ended it. */
  readonly lost: Promise<Error>;
  /** Releases its connections. */
  close(): void;
}

export type Heard = (channel: string, text: string) => void;

/** Resolves once all channels are heard. Has to bound itself, and to stop when the signal fires. */
export type OpenFeed = (channels: readonly string[], heard: Heard, over: AbortSignal) => Promise<Feed>;

export interface Subscriptions {
  readonly subscribe: NonNullable<Store['subscribe']>;
  /** Closes all of them, and takes no more. */
  close(): Promise<void>;
}

const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 3000;

/** Subscriptions of a store, each on a feed of its own that is opened again whenever it is lost. */
export function createSubscriptions(open: OpenFeed, clock: Clock): Subscriptions {
  const all = new Set<StoreSubscription>();
  let closed = false;

  return {
    subscribe: (channels, listener, { signal } = {}) => {
      if (closed) throw closedError();
      const over = new AbortController();
      const end = (): void => over.abort();
      signal?.addEventListener('abort', end);
      if (signal?.aborted) end();
      // A channel that is named twice is heard once.
      const distinct = [...new Set(channels)];
      const done = keepOpen({ open, channels: distinct, listener, clock }, over.signal).finally(() => {
        signal?.removeEventListener('abort', end);
        all.delete(subscription);
      });
      const subscription: StoreSubscription = {
        close: () => {
          end();
          return done;
        },
      };
      all.add(subscription);
      return subscription;
    },
    close: async () => {
      closed = true;
      await Promise.all([...all].map((subscription) => subscription.close()));
    },
  };
}

interface Kept {
  readonly open: OpenFeed;
  readonly channels: readonly string[];
  readonly listener: SubscriptionListener;
  readonly clock: Clock;
}

/** Resolves when it is over, and never rejects. */
async function keepOpen({ open, channels, listener, clock }: Kept, over: AbortSignal): Promise<void> {
  const heard: Heard = (channel, text) => {
    if (!over.aborted) listener.message(channel, text);
  };
  let pauseMs = FIRST_PAUSE_MS;
  let connectedBefore = false;
  // Nobody is told anything before he has the subscription.
  await Promise.resolve();
  while (!over.aborted) {
    const { error, lastedMs } = await hear();
    if (over.aborted) break;
    if (!connectedBefore && needsMending(error)) {
      listener.state({ state: 'closed', error });
      return;
    }
    // A connection that breaks off at once is no reason to hurry.
    if (lastedMs >= MAX_PAUSE_MS) pauseMs = FIRST_PAUSE_MS;
    listener.state({ state: 'reconnecting', error, retryInMs: pauseMs });
    await pause(pauseMs, over, clock);
    pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS);
  }
  listener.state({ state: 'closed', error: undefined });

  /** From the attempt to the loss. */
  async function hear(): Promise<{ readonly error: Error; readonly lastedMs: number }> {
    let feed: Feed | undefined;
    const opened = async (): Promise<Feed> => {
      feed = await open(channels, heard, over);
      // Too late for anybody else to do it.
      if (over.aborted) feed.close();
      return feed;
    };
    try {
      const { lost } = await untilAborted(opened(), over, closedError);
      const openedAt = clock.monotonic();
      const state: SubscriptionState = { state: 'connected', missed: connectedBefore };
      connectedBefore = true;
      listener.state(state);
      const error = await untilAborted(lost, over, closedError);
      return { error, lastedMs: clock.monotonic() - openedAt };
    } catch (error) {
      return { error: asError(error), lastedMs: 0 };
    } finally {
      feed?.close();
    }
  }
}

/**
 * Whether trying again is in vain. Only while it has never been otherwise: a Redis that is set up anew may refuse for a
 * while what it accepted before.
 */
function needsMending(error: Error): boolean {
  return isKvError(error) && (error.code === 'CONFIG' || (error.code === 'STORE' && error.kind === 'auth'));
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new StoreError('network', 'The subscription was lost', { cause: error });
}

async function pause(ms: number, over: AbortSignal, clock: Clock): Promise<void> {
  let cancel = (): void => undefined;
  const waited = new Promise<void>((resolve) => {
    cancel = clock.after(ms, resolve);
  });
  await untilAborted(waited, over, closedError).catch(() => undefined);
  cancel();
}
