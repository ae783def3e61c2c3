import { type Clock, elapsedSince, type Instant } from '../clock.ts';

/** Permits of one account that were taken in advance. */
export interface HeldPermits {
  /** How many are still good, each for `leaseMs` after it was asked for. */
  count(leaseMs: number): number;
  /** Asked for at `sentAt`. */
  add(permits: number, sentAt: Instant): void;
  /** Takes the oldest. Answers how to give some of them back, unspent: the youngest, each with its own end. */
  take(permits: number): (unspent: number) => void;
}

/** Permits with an end of their own: under a common one the bound on what is admitted would not hold. */
interface Lease {
  permits: number;
  readonly sentAt: Instant;
}

export function createHeldPermits(clock: Clock): HeldPermits {
  /** Oldest first. */
  const leases: Lease[] = [];

  /** Replies may arrive in another order than that in which they were asked for. */
  const keep = (lease: Lease): void => {
    leases.push(lease);
    leases.sort((one, other) => one.sentAt.monotonic - other.sentAt.monotonic);
  };

  const giveBack = (taken: readonly Lease[], unspent: number): void => {
    let due = unspent;
    for (const { permits, sentAt } of taken.toReversed()) {
      if (due === 0) break;
      const part = Math.min(due, permits);
      keep({ permits: part, sentAt });
      due -= part;
    }
  };

  return {
    count(leaseMs) {
      while (leases[0] && elapsedSince(leases[0].sentAt, clock) >= leaseMs) leases.shift();
      return leases.reduce((sum, { permits }) => sum + permits, 0);
    },
    add(permits, sentAt) {
      keep({ permits, sentAt });
    },
    take(wanted) {
      const taken: Lease[] = [];
      let due = wanted;
      for (const lease of leases) {
        if (due === 0) break;
        const permits = Math.min(due, lease.permits);
        lease.permits -= permits;
        due -= permits;
        taken.push({ permits, sentAt: lease.sentAt });
      }
      while (leases[0]?.permits === 0) leases.shift();
      return (unspent) => giveBack(taken, unspent);
    },
  };
}
