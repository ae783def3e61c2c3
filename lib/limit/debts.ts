import { createLru } from '../client/lru.ts';
import { type Clock, elapsedSince, type Instant, instant } from '../clock.ts';
import type { LocalAccounts } from './local-accounts.ts';

/** What this process has granted by itself while Redis was away, by its account here, and what Redis is to hear of it. */
export interface Debts {
  /** What a charge of this account carries along, by the request of this name. Nothing while another one that carries it is under way. */
  carry(key: string, by: symbol): number;
  /** As `carry`, for a look: it carries nothing. */
  owed(key: string): number;
  /** Redis has granted a charge: it knows of what that has carried. */
  paid(key: string, by: symbol): void;
  /** A charge was not granted, or is lost: what it carried is still owed. */
  unpaid(key: string, by: symbol): void;
  /** What is under way went to keys that are no more: it is still owed. */
  allUnpaid(): void;
  /** Redis has granted these permits as well, too late to be heard. */
  forgive(key: string, permits: number): void;
}

export interface DebtOptions {
  readonly clock: Clock;
  readonly local: LocalAccounts;
  readonly maxKeys: number;
  /** No answer comes later than this, in milliseconds. */
  readonly longestMs: number;
}

/** What is under way, and by which request. */
interface Carried {
  readonly permits: number;
  readonly sentAt: Instant;
  readonly by: symbol;
}

export function createDebts({ clock, local, maxKeys, longestMs }: DebtOptions): Debts {
  const carried = createLru<Carried>(maxKeys);

  const underWay = (key: string): Carried | undefined => {
    const found = carried.size > 0 ? carried.get(key) : undefined;
    return found && elapsedSince(found.sentAt, clock) < longestMs ? found : undefined;
  };

  return {
    owed: (key) => (underWay(key) ? 0 : local.taken(key)),
    carry(key, by) {
      const permits = underWay(key) ? 0 : local.taken(key);
      if (permits > 0) carried.set(key, { permits, sentAt: instant(clock), by });
      return permits;
    },
    paid(key, by) {
      const found = carried.get(key);
      if (found?.by !== by) return;
      // What was granted here since is still owed.
      local.giveBack(key, found.permits);
      carried.delete(key);
    },
    unpaid(key, by) {
      if (carried.get(key)?.by === by) carried.delete(key);
    },
    allUnpaid: carried.clear,
    forgive: local.giveBack,
  };
}
