import type { KvClient } from '../../client/kv-client.ts';
import { createLru } from '../../client/lru.ts';
import { elapsedSince, type Instant, instant } from '../../clock.ts';
import { type Address, publicId } from './session-names.ts';

/** Sessions that were ended here, and of which Redis has not heard. Bounded: the oldest are forgotten. */
export interface PendingEnds {
  add(address: Address): void;
  has(address: Address): boolean;
  /** Tells Redis again, unless that was tried a moment ago; `undefined` where there is nothing to do. */
  replay(): Promise<void> | undefined;
}

const MAX_PENDING = 10_000;
const TOLD_AT_ONCE = 100;
const EVERY_MS = 1_000;

/** @param tell ends these sessions in Redis. Rejects while that is away: then they stay. */
export function createPendingEnds(kv: KvClient, tell: (addresses: readonly Address[]) => Promise<void>): PendingEnds {
  const pending = createLru<Address>(MAX_PENDING);
  let triedAt: Instant | undefined;

  const tellAll = async (): Promise<void> => {
    for (let left = pending.size; left > 0; left -= TOLD_AT_ONCE) {
      const batch = pending.take(TOLD_AT_ONCE);
      // While they are told they are in force all the same.
      for (const [id, address] of batch) pending.set(id, address);
      await tell(batch.map(([, address]) => address));
      for (const [id] of batch) pending.delete(id);
    }
  };

  return {
    add(address) {
      pending.set(publicId(address), address);
      triedAt = instant(kv.clock);
    },
    has: (address) => pending.size > 0 && pending.get(publicId(address)) !== undefined,
    replay() {
      if (pending.size === 0 || kv.circuit.state().state === 'OPEN') return undefined;
      if (triedAt && elapsedSince(triedAt, kv.clock) < EVERY_MS) return undefined;
      // Two at once do no harm; a guard on one that never ends, because its request has, would.
      triedAt = instant(kv.clock);
      return tellAll();
    },
  };
}
