'use client';

import { createContext, type ReactNode, use, useEffect, useState, useSyncExternalStore } from 'react';
import { type ConsoleStore, createConsoleStore, FIRST_STATE, type LiveState } from './console-store.ts';

const Store = createContext<ConsoleStore | undefined>(undefined);

/** What all panels inside share. Connects by itself where the server has put the token of the demo into the page. */
export function Live({
  demoToken,
  children,
}: {
  readonly demoToken?: string | undefined;
  readonly children: ReactNode;
}) {
  const [store] = useState(createConsoleStore);
  useEffect(() => {
    if (demoToken !== undefined) store.connect({ kind: 'demo', token: demoToken });
    return () => store.close();
  }, [store, demoToken]);
  return <Store value={store}>{children}</Store>;
}

export function useConsole(): ConsoleStore {
  const store = use(Store);
  if (store === undefined) throw new Error('A panel stands outside of <Live>');
  return store;
}

/** What `select` takes of the state; a panel is drawn again only when that is another. */
export function useLive<T>(select: (state: LiveState) => T): T {
  const store = useConsole();
  return useSyncExternalStore(
    store.subscribe,
    () => select(store.current()),
    () => select(FIRST_STATE),
  );
}
