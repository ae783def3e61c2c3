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
  let closed = false;
  const opening = loading.then(
    (store) => {
      if (closed) return end();
      if (store.subscribe === undefined) return end(new ConfigError('store', 'cannot subscribe'));
      return store.subscribe(channels, listener, options);
    },
    (error: unknown) => end(error instanceof Error ? error : new StoreError('local', 'The store cannot be loaded')),
  );

  function end(error?: Error): undefined {
    listener.state({ state: 'closed', error });
  }

  return {
    close: async () => {
      closed = true;
      await (await opening)?.close();
    },
  };
}
