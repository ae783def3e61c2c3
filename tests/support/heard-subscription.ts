import type { Store, StoreSubscription, SubscriptionState } from '../../lib/store/store.ts';
import { eventually } from './eventually.ts';

export interface HeardSubscription extends StoreSubscription {
  readonly texts: readonly string[];
  readonly states: readonly SubscriptionState[];
  /** Resolves when it has been connected so often. */
  connected(times?: number): Promise<void>;
  /** Publishes on `store` until a further message arrives. */
  hears(store: Store): Promise<void>;
}

/** A subscription that keeps what it is told. */
export function heardSubscription(store: Store, channels: readonly string[] = ['news']): HeardSubscription {
  const texts: string[] = [];
  const states: SubscriptionState[] = [];
  if (store.subscribe === undefined) throw new Error('The store cannot subscribe');
  const { close } = store.subscribe(channels, {
    message: (channel, text) => {
      if (!channels.includes(channel)) throw new Error(`Nobody has asked for ${channel}`);
      texts.push(text);
    },
    state: (state) => states.push(state),
  });
  return {
    texts,
    states,
    close,
    connected: (times = 1) => eventually(() => states.filter(({ state }) => state === 'connected').length >= times),
    hears: async (publisher) => {
      const before = texts.length;
      await publisher.execute([['PUBLISH', channels[0] ?? '', `message ${before}`]]);
      await eventually(() => texts.length > before);
    },
  };
}
