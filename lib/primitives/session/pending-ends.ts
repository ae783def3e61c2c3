import type { KvClient } from '../../client/kv-client.ts';
import { createLru } from '../../client/lru.ts';
import { elapsedSince, type Instant, instant } from '../../clock.ts';
import { type Address, publicId } from './session-names.ts';

/** An end of which Redis has not heard. */
export interface PendingEnd {
  readonly address: Address;
  readonly asked: Instant;
  /** Whether what is there by then may be another session: under an id of somebody else's making. */
  readonly mayBeginAnew: boolean;
}

/** Sessions that were ended here, and of which Redis has not heard. Bounded: the oldest are forgotten. */
export interface PendingEnds {
  add(address: Address, mayBeginAnew: boolean): void;
  has(address: Address): boolean;
  /** Tells Redis again, unless that was tried a moment ago; `undefined` where there is nothing to do. */
  replay(): Promise<void> | undefined;
}

const MAX_PENDING = 10_000;
const TOLD_AT_ONCE = 100;
const EVERY_MS = 1_000;

/** @param tell ends these sessions in Redis. Rejects while that is away: then they stay. */
export function createPendingEnds(kv: KvClient, tell: (ends: readonly PendingEnd[]) => Promise<void>): PendingEnds {
  const pending = createLru<PendingEnd>(MAX_PENDING);
  let triedAt: Instant | undefined;

  const tellAll = async (): Promise<void> => {
    for (let left = pending.size; left > 0; left -= TOLD_AT_ONCE) {
      const batch = pending.take(TOLD_AT_ONCE);
      // While they are told they are in force all the same.
      for (const [id, end] of batch) pending.set(id, end);
      await tell(batch.map(([, end]) => end));
      // One that was asked for again meanwhile is told again.
      for (const [id, end] of batch) if (pending.get(id) === end) pending.delete(id);
    }
  };

  return {
    add(address, mayBeginAnew) {
      const asked = instant(kv.clock);
      // Others that fail meanwhile put nothing off.
      if (pending.size === 0) triedAt = asked;
      pending.set(publicId(address), { address, asked, mayBeginAnew });
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
