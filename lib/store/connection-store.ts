import type { Clock } from '../clock.ts';
import { abortedError } from './abort.ts';
import { isConnectionBound, runShareable } from './connection-bound.ts';
import { closedError } from './shared-link.ts';
import type { Command, Reply, Store } from './store.ts';
import { createSubscriptions, type OpenFeed } from './subscriptions.ts';
import { discarded } from './transaction.ts';

type Run = (commands: readonly Command[], signal: AbortSignal | undefined) => Promise<readonly Reply[]>;

export interface ConnectionStoreOptions {
  /** Runs commands that a shared connection can take, one at least. */
  readonly each: Run;
  /** The same, as one transaction. */
  readonly together: Run;
  /** Opens a connection that listens. */
  readonly feed: OpenFeed;
  readonly close: () => Promise<void>;
  readonly clock: Clock;
}

export interface ConnectionStore {
  readonly store: Store;
  /** To be asked again after each wait. */
  readonly isClosed: () => boolean;
}

/** What all stores by TCP do alike: they send nothing for nobody, and nothing that a shared connection cannot take. */
export function connectionStore({ each, together, feed, close, clock }: ConnectionStoreOptions): ConnectionStore {
  const subscriptions = createSubscriptions(feed, clock);
  let closed: Promise<void> | undefined;
  return {
    store: {
      kind: 'redis',
      async execute(commands, { signal, atomic = false } = {}) {
        if (closed !== undefined) throw closedError();
        if (signal?.aborted) throw abortedError(signal, false);
        if (commands.length === 0) return [];
        if (!atomic) return runShareable(commands, (shareable) => each(shareable, signal));
        return commands.some(isConnectionBound) ? discarded(commands) : together(commands, signal);
      },
      subscribe: subscriptions.subscribe,
      close: () => {
        closed ??= Promise.all([subscriptions.close(), close()]).then(() => undefined);
        return closed;
      },
    },
    isClosed: () => closed !== undefined,
  };
}
