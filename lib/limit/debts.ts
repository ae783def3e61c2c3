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
  /** What a charge of this account carries along. Nothing while another one that carries it is under way. */
  carry(account: LocalAccount): number;
  /** As `carry`, for a look: it carries nothing. */
  owed(account: LocalAccount): number;
  /** Redis has granted a charge: it knows of what that has carried. */
  paid(account: LocalAccount): void;
  /** A charge was not granted, or is lost: what it carried is still owed. `wasSent` is false where it never left. */
  unpaid(account: LocalAccount, wasSent?: boolean): void;
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

/** What is under way. Which of the charges that come back has carried it cannot be told in every case. */
interface Carried {
  readonly permits: number;
  readonly sentAt: Instant;
  /** Charges that have asked since, and carry nothing. */
  others: number;
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
    carry(account) {
      const earlier = underWay(account);
      if (earlier) earlier.others += 1;
      const permits = earlier ? 0 : countHere(account);
      if (permits > 0) carried.set(account.key, { permits, sentAt: instant(clock), others: 0 });
      return permits;
    },
    paid(account) {
      const { permits } = carried.get(account.key) ?? { permits: 0 };
      if (permits > 0) forgive(account, permits);
      carried.delete(account.key);
    },
    unpaid(account, wasSent = true) {
      const earlier = underWay(account);
      // While the circuit lets a probe through, it is the probe that carries, and others that are not let through.
      if (earlier && earlier.others > 0 && !wasSent) earlier.others -= 1;
      else carried.delete(account.key);
    },
    allUnpaid: carried.clear,
    forgive,
  };
}
