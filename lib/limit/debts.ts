import { createLru } from '../client/lru.ts';
import { type Clock, elapsedSince, type Instant, instant } from '../clock.ts';
import type { AccountRule } from './account.ts';
import type { LocalAccounts } from './local-accounts.ts';
import { readAnswer } from './result.ts';

/** An account that is kept in this process while Redis is away. */
export interface LocalAccount {
  readonly key: string;
  readonly rule: AccountRule;
}

/** What this process has granted by itself while Redis was away, and what Redis is to hear of once it is back. */
export interface Debts {
  /** What a charge of this account carries along, by the request of this name. Nothing while another one that carries it is under way. */
  carry(account: LocalAccount, by: symbol): number;
  /** As `carry`, for a look: it carries nothing. */
  owed(account: LocalAccount): number;
  /** Redis has granted a charge: it knows of what that has carried. */
  paid(account: LocalAccount, by: symbol): void;
  /** A charge was not granted, or is lost: what it carried is still owed. */
  unpaid(account: LocalAccount, by: symbol): void;
  /** What is under way went to keys that are no more: it is still owed. */
  allUnpaid(): void;
  /** Redis has granted these permits as well, too late to be heard. */
  forgive(account: LocalAccount, permits: number): void;
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

  const countHere = ({ key, rule }: LocalAccount): number => {
    // Whose slots those were Redis could not be told; they end by themselves.
    if (local.size === 0 || rule.kind === 'c') return 0;
    const reply = local.charge({ mode: 'peek', cost: 0, need: 0, id: '' }, [key], [rule]);
    return rule.capacity - (readAnswer(reply, 1)?.accounts[0]?.left ?? rule.capacity);
  };

  const underWay = ({ key }: LocalAccount): Carried | undefined => {
    const found = carried.size > 0 ? carried.get(key) : undefined;
    return found && elapsedSince(found.sentAt, clock) < longestMs ? found : undefined;
  };

  /** What was granted here since is still owed. */
  const forgive = (account: LocalAccount, permits: number): void => {
    const { key, rule } = account;
    const counted = countHere(account);
    if (counted === 0) return;
    const rest = counted - permits;
    local.forget(key);
    if (rest > 0) local.charge({ mode: 'take', cost: rest, need: rest, id: '' }, [key], [rule]);
  };

  return {
    owed: (account) => (underWay(account) ? 0 : countHere(account)),
    carry(account, by) {
      const permits = underWay(account) ? 0 : countHere(account);
      if (permits > 0) carried.set(account.key, { permits, sentAt: instant(clock), by });
      return permits;
    },
    paid(account, by) {
      const found = carried.get(account.key);
      if (found?.by !== by) return;
      forgive(account, found.permits);
      carried.delete(account.key);
    },
    unpaid(account, by) {
      if (carried.get(account.key)?.by === by) carried.delete(account.key);
    },
    allUnpaid: carried.clear,
    forgive,
  };
}
