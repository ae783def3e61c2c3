import { StoreError } from '../errors.ts';
import type { Store, StoreKind } from './store.ts';

/**
 * A store whose module is loaded with the first request, so that nobody pays for it, or needs it, who does not use it.
 * A load that fails is not remembered: the next request tries again.
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
    async close() {
      closed = true;
      const opened = await loading?.catch(() => undefined);
      await opened?.close();
    },
  };
}
