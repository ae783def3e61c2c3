import { abortedError } from './abort.ts';
import { isConnectionBound, runShareable } from './connection-bound.ts';
import type { RedisLink } from './redis-link.ts';
import { closedError } from './shared-link.ts';
import type { Command, Reply, Store } from './store.ts';
import { type LineTimes, subscriberLine } from './subscriber-line.ts';
import { createSubscriptions } from './subscriptions.ts';
import { discarded } from './transaction.ts';

type Run = (commands: readonly Command[], signal: AbortSignal | undefined) => Promise<readonly Reply[]>;

export interface ConnectionStoreOptions {
  /** Runs commands that a shared connection can take, one at least. */
  readonly each: Run;
  /** The same, as one transaction. */
  readonly together: Run;
  /** Opens the connection that subscriptions share. Has to bound itself, and to stop when its signal fires. */
  readonly openLine: (over: AbortSignal) => Promise<RedisLink>;
  readonly lineTimes: LineTimes;
  readonly close: () => Promise<void>;
}

export interface ConnectionStore {
  readonly store: Store;
  /** To be asked again after each wait. */
  readonly isClosed: () => boolean;
}

/** What all stores by TCP do alike: they send nothing for nobody, and nothing that a shared connection cannot take. */
export function connectionStore({
  each,
  together,
  openLine,
  lineTimes,
  close,
}: ConnectionStoreOptions): ConnectionStore {
  const line = subscriberLine(openLine, lineTimes);
  const subscriptions = createSubscriptions(line.feed, lineTimes.clock);
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
        closed ??= Promise.all([subscriptions.close().then(line.close), close()]).then(() => undefined);
        return closed;
      },
    },
    isClosed: () => closed !== undefined,
  };
}
