import type { Store, StoreKind } from './store.ts';

/** A store whose module is loaded with the first request, so that nobody pays for it, or needs it, who does not use it. */
export function deferredStore(kind: StoreKind, load: () => Promise<Store>): Store {
  let loading: Promise<Store> | undefined;
  const store = () => {
    loading ??= load();
    return loading;
  };
  return {
    kind,
    execute: async (commands, options) => (await store()).execute(commands, options),
    close: async () => (await store()).close(),
  };
}
