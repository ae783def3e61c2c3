import { ConfigError, StoreError } from '../errors.ts';
import type { Store, StoreKind, StoreSubscribeOptions, StoreSubscription, SubscriptionListener } from './store.ts';

/**
 * A store whose module is loaded with the first request, so that nobody pays for it, or needs it, who does not use it.
 * A load that fails is not remembered: the next request tries again. A subscription whose load fails is closed.
 */
export function deferredStore(kind: StoreKind, load: () => Promise<Store>): Store {
  let loading: Promise<Store> | undefined;
  let closed = false;
  const store = () => {
    if (closed) throw new StoreError('local', 'The store is closed', { mayHaveRun: false });
    loading ??= load().catch((error: unknown) => {
      loading = undefined;
      throw error;
    });
    return loading;
  };
  return {
    kind,
    execute: async (commands, options) => (await store()).execute(commands, options),
    subscribe: (channels, listener, options) => lateSubscription(store(), channels, listener, options),
    async close() {
      closed = true;
      const opened = await loading?.catch(() => undefined);
      await opened?.close();
    },
  };
}

function lateSubscription(
  loading: Promise<Store>,
  channels: readonly string[],
  listener: SubscriptionListener,
  options: StoreSubscribeOptions | undefined,
): StoreSubscription {
  async function open(): Promise<StoreSubscription | undefined> {
    try {
      const { subscribe } = await loading;
      if (subscribe === undefined) throw new ConfigError('store', 'cannot subscribe');
      return subscribe(channels, listener, options);
    } catch (error) {
      listener.state({ state: 'closed', error: error instanceof Error ? error : undefined });
      return undefined;
    }
  }

  const opening = open();
  return { close: async () => (await opening)?.close() };
}
