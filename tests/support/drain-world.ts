import { createKv, type KvClient } from '../../lib/client/kv-client.ts';
import type { SqlQuery } from '../../lib/client/sql-query.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Store } from '../../lib/store/store.ts';
import { crashing } from './crashes.ts';
import type { Dice } from './dice.ts';

export interface DrainWorld {
  readonly clock?: Clock | undefined;
  readonly store: Store;
  readonly query: SqlQuery;
  readonly dice: Dice;
  /** Of each request and of each answer of the drainers. */
  readonly crashProbability: number;
}

/** A client whose circuit lets everything through, so that it is the crashes that are seen. */
export function openClient(store: Store, clock?: Clock): KvClient {
  const kv = createKv({ store, clock, slowMs: false });
  kv.circuit.force('DISABLED');
  return kv;
}

/** A drainer whose way to Redis and to the database breaks now and then. */
export function crashingDrainer({ clock, store, query, dice, crashProbability }: DrainWorld) {
  const faults = crashing(dice, crashProbability);
  return { kv: openClient(faults.store(store), clock), query: faults.query(query), crashes: faults.crashes };
}
