import { createKv, type KvClient, type KvOptions } from '../../lib/client/kv-client.ts';
import type { LocksOptions } from '../../lib/primitives/lock/lock-options.ts';
import { acquireScript, extendScript, releaseScript } from '../../lib/primitives/lock/lock-scripts.ts';
import { createLocks } from '../../lib/primitives/lock/locks.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import type { Store } from '../../lib/store/store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { heldStore } from './held-store.ts';
import { watchedStore } from './watched-store.ts';

const SCRIPTS = { acquire: acquireScript, extend: extendScript, release: releaseScript };

/** The names of the scripts by their sums, known to the store: from then on all happens in microtasks. */
export async function preparedScripts(store: Store): Promise<ReadonlyMap<string, string>> {
  const names = new Map<string, string>();
  for (const [name, script] of Object.entries(SCRIPTS)) {
    await store.execute([['SCRIPT', 'LOAD', script.lua]]);
    names.set(await script.sha1(), name);
  }
  return names;
}

/** Locks of 30 s, asked for every 100 ms at most, on a clock and a store that do what the test says. */
export async function lockRig(options: Partial<LocksOptions> = {}, kvOptions: Partial<KvOptions> = {}) {
  const clock = manualClock();
  const memory = memoryStore({ clock });
  const names = await preparedScripts(memory);
  const held = heldStore(memory);
  const store = watchedStore(held);
  const kv = createKv({ store, clock, slowMs: false, ...kvOptions });
  const errors: unknown[] = [];
  const kept: Promise<unknown>[] = [];
  const on = (client: KvClient, own: Partial<LocksOptions> = {}) =>
    createLocks({
      kv: client,
      random: () => 0.5,
      onError: (error) => errors.push(error),
      waitUntil: (promise) => kept.push(promise),
      ...options,
      ...own,
    });
  return {
    clock,
    kv,
    /** Can be taken away. */
    store,
    /** Can hold its replies. */
    held,
    /** Behind all that. */
    memory,
    errors,
    kept,
    locks: on(kv),
    /** Those of another process. */
    elsewhere: on(createKv({ store: memory, clock })),
    /** What Redis was asked, by the names of the scripts. */
    asked: () => store.requests.flat().map(([name, sum]) => names.get(String(sum)) ?? name),
    /** What is under the name of a lock. */
    value: async (key: string) => (await memory.execute([['GET', `lock:{${key}}`]]))[0],
    lifeMs: async (key: string) => (await memory.execute([['PTTL', `lock:{${key}}`]]))[0],
  };
}

/** How a promise stands, without waiting for it. */
export function outcomeOf<T>(promise: Promise<T>): { value?: T; error?: unknown } {
  const outcome: { value?: T; error?: unknown } = {};
  promise.then(
    (value) => {
      outcome.value = value;
    },
    (error: unknown) => {
      outcome.error = error;
    },
  );
  return outcome;
}

/** Of an acquisition that has to succeed. */
export function acquired<A extends { readonly status: string }>(outcome: A): Extract<A, { status: 'acquired' }> {
  if (outcome.status !== 'acquired') throw new Error(`not acquired: ${outcome.status}`);
  return outcome as Extract<A, { status: 'acquired' }>;
}
