import type { Command, Store } from '../../lib/store/store.ts';

export interface WatchedStore extends Store {
  /** Every request so far. */
  readonly requests: readonly (readonly Command[])[];
  /** From now on every request fails. */
  takeAway(error?: Error): void;
  giveBack(): void;
}

/** A store that keeps what it was sent and can be taken away. */
export function watchedStore(store: Store): WatchedStore {
  const requests: (readonly Command[])[] = [];
  let away: Error | undefined;
  return {
    kind: store.kind,
    requests,
    execute(commands, options) {
      requests.push(commands);
      return away ? Promise.reject(away) : store.execute(commands, options);
    },
    close: () => store.close(),
    takeAway(error = new Error('gone')) {
      away = error;
    },
    giveBack() {
      away = undefined;
    },
  };
}
