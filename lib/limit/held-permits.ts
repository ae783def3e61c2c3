import { type Clock, elapsedSince, type Instant } from '../clock.ts';

/** Permits with an end of their own: under a common one the bound on what is admitted would not hold. */
export interface Lease {
  permits: number;
  readonly sentAt: Instant;
}

/** Permits of one account that were taken in advance; those asked for first come first. */
export type Held = Lease[];

/** What is done with them. Without a state of its own: a process may know very many accounts. */
export interface HeldPermits {
  /** How many are still good, each for `leaseMs` after it was asked for. */
  count(held: Held, leaseMs: number): number;
  /** Asked for at `sentAt`. */
  add(held: Held, permits: number, sentAt: Instant): void;
  /** Takes the oldest. Answers how to give some of them back, unspent: the youngest, each with its own end. */
  take(held: Held, permits: number): (unspent: number) => void;
}

export function createHeldPermits(clock: Clock): HeldPermits {
  return {
    count(held, leaseMs) {
      while (held[0] && elapsedSince(held[0].sentAt, clock) >= leaseMs) held.shift();
      return held.reduce((sum, { permits }) => sum + permits, 0);
    },
    add(held, permits, sentAt) {
      keep(held, { permits, sentAt });
    },
    take(held, wanted) {
      const taken: Lease[] = [];
      let due = wanted;
      for (const lease of held) {
        if (due === 0) break;
        const permits = Math.min(due, lease.permits);
        lease.permits -= permits;
        due -= permits;
        taken.push({ permits, sentAt: lease.sentAt });
      }
      while (held[0]?.permits === 0) held.shift();
      return (unspent) => giveBack(held, taken, unspent);
    },
  };
}

function giveBack(held: Held, taken: readonly Lease[], unspent: number): void {
  let due = unspent;
  for (const { permits, sentAt } of taken.toReversed()) {
    if (due === 0) break;
    const part = Math.min(due, permits);
    keep(held, { permits: part, sentAt });
    due -= part;
  }
}

/** Replies may arrive in another order than that in which they were asked for. */
function keep(held: Held, lease: Lease): void {
  held.push(lease);
  held.sort((one, other) => one.sentAt.monotonic - other.sentAt.monotonic);
}
