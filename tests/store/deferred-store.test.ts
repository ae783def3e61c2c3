import { describe, expect, it } from 'vitest';
import { deferredStore } from '../../lib/store/deferred-store.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import type { Store } from '../../lib/store/store.ts';
import { eventually } from '../support/eventually.ts';
import { heardSubscription } from '../support/heard-subscription.ts';

function deferred(failures = 0) {
  const calls: string[] = [];
  let left = failures;
  const real: Store = {
    kind: 'redis',
    execute: async (commands) => {
      calls.push('execute');
      return commands.map(() => 'OK');
    },
    close: async () => {
      calls.push('close');
    },
  };
  const store = deferredStore('redis', async () => {
    calls.push('load');
    left -= 1;
    if (left >= 0) throw new Error('no such module yet');
    return real;
  });
  return { store, calls };
}

describe('a deferred store', () => {
  it('loads nothing until it is asked, and loads once', async () => {
    const { store, calls } = deferred();
    expect(store.kind).toBe('redis');
    expect(calls).toEqual([]);
    expect(await Promise.all([store.execute([['PING']]), store.execute([['PING']])])).toEqual([['OK'], ['OK']]);
    expect(calls).toEqual(['load', 'execute', 'execute']);
  });

  it('tries again after a load that failed, which fails those alone who waited for it', async () => {
    const { store, calls } = deferred(1);
    const both = await Promise.allSettled([store.execute([['PING']]), store.execute([['PING']])]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await store.execute([['PING']])).toEqual(['OK']);
    expect(calls).toEqual(['load', 'load', 'execute']);
  });

  it('closes what it has loaded, after what was asked before', async () => {
    const { store, calls } = deferred();
    const asked = store.execute([['PING']]);
    await store.close();
    await asked;
    expect(calls).toEqual(['load', 'execute', 'close']);
    await expect(store.execute([['PING']])).rejects.toMatchObject({ kind: 'local', mayHaveRun: false });
    expect(calls).toHaveLength(3);
  });

  it('loads nothing to be closed, and nothing after that', async () => {
    const { store, calls } = deferred();
    await store.close();
    await expect(store.execute([['PING']])).rejects.toMatchObject({ kind: 'local', mayHaveRun: false });
    expect(calls).toEqual([]);
  });

  it('closes without an error while its load is failing', async () => {
    const { store } = deferred(1);
    const asked = store.execute([['PING']]);
    await expect(store.close()).resolves.toBeUndefined();
    await expect(asked).rejects.toThrow('no such module yet');
  });

  it('subscribes on what it loads, and closes that', async () => {
    const real = memoryStore();
    const store = deferredStore('memory', async () => real);
    const subscription = heardSubscription(store);
    await subscription.connected();
    await subscription.hears(real);
    await subscription.close();
    expect(subscription.states.at(-1)).toEqual({ state: 'closed', error: undefined });
    const withStore = heardSubscription(store);
    await withStore.connected();
    await store.close();
    expect(withStore.states.at(-1)).toEqual({ state: 'closed', error: undefined });
    expect(() => heardSubscription(store)).toThrow(expect.objectContaining({ kind: 'local' }));
  });

  it('opens no subscription that is closed while it loads', async () => {
    let loaded = (_store: Store): void => undefined;
    const store = deferredStore('memory', () => new Promise((resolve) => (loaded = resolve)));
    const subscription = heardSubscription(store);
    const closing = subscription.close();
    const real = memoryStore();
    loaded(real);
    await closing;
    expect(subscription.states).toEqual([{ state: 'closed', error: undefined }]);
    expect(await real.execute([['PUBLISH', 'news', 'unheard']])).toEqual([0]);
  });

  it('tells a subscription that it cannot be had', async () => {
    const notLoaded = heardSubscription(deferred(1).store);
    await eventually(() => notLoaded.states.length > 0);
    expect(notLoaded.states).toEqual([{ state: 'closed', error: new Error('no such module yet') }]);
    const unable = heardSubscription(deferred().store);
    await eventually(() => unable.states.length > 0);
    expect(unable.states).toMatchObject([{ state: 'closed', error: { code: 'CONFIG' } }]);
  });
});
