import { fengariEngine } from '../../lib/store/lua.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import type { Store } from '../../lib/store/store.ts';
import { type RestEndpoint, startRestEndpoint } from '../rest/endpoint.ts';
import { type DemoKey, makeDemoKeys } from './demo-keys.ts';
import { startFaultSwitch } from './fault-switch.ts';

/**
 * What the demo does to its store. `refuse`: nobody listens. `black-hole`: requests are taken and never answered. `slow`:
 * answers come two seconds late. `kill`: the store is gone with all that it held; `ok` then begins with a new one, which has
 * nothing but the keys of the run, as a Redis that reads them from its disk: what was counted begins again.
 */
export const OUTAGES = ['ok', 'refuse', 'black-hole', 'slow', 'kill'] as const;
export type Outage = (typeof OUTAGES)[number];

export interface DemoStore {
  /** Of its REST endpoint; stays the same through all outages. */
  readonly url: string;
  readonly keys: readonly DemoKey[];
  outage(): Outage;
  /** One after another. @throws when the port of the endpoint has been taken while nobody listened there */
  set(outage: Outage): Promise<void>;
  close(): Promise<void>;
}

export interface DemoStoreOptions {
  /** Of the REST endpoint. */
  readonly token: string;
  readonly pepper: { readonly kid: string; readonly secret: string };
}

interface Running {
  readonly store: Store;
  readonly endpoint: RestEndpoint;
}

/** A store in memory, made for one run, behind its REST endpoint and a switch that takes it away. */
export async function startDemoStore({ token, pepper }: DemoStoreOptions): Promise<DemoStore> {
  let running: Running | undefined = await run(token);
  const { keys, putBack } = await makeDemoKeys(running.store, pepper);
  const door = await startFaultSwitch(running.endpoint.port);
  let current: Outage = 'ok';
  let last: Promise<void> = Promise.resolve();

  const end = async (): Promise<void> => {
    const ending = running;
    running = undefined;
    await ending?.endpoint.close();
    await ending?.store.close();
  };

  const change = async (next: Outage): Promise<void> => {
    if (next === 'kill') {
      await door.set('refuse');
      await end();
    } else {
      if (!running) {
        running = await run(token);
        await putBack(running.store);
        door.leadTo(running.endpoint.port);
      }
      await door.set(next);
    }
    current = next;
  };

  return {
    url: `http://127.0.0.1:${door.port}`,
    keys,
    outage: () => current,
    set(next) {
      const changed = last.then(() => change(next));
      last = changed.catch(() => undefined);
      return changed;
    },
    async close() {
      await last;
      await door.close();
      await end();
    },
  };
}

async function run(token: string): Promise<Running> {
  const store = memoryStore({ lua: fengariEngine() });
  return { store, endpoint: await startRestEndpoint({ store, token }) };
}
