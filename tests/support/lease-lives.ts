/** Permits that a reply has brought to a process, and until when they may be spent. */
export interface Grant {
  readonly arrivedAt: number;
  readonly endsAt: number;
  permits: number;
}

export interface Spent {
  readonly at: number;
  readonly permits: number;
}

/** One account as one process knows it. */
export interface LeaseLife {
  /** For how long permits taken in advance are good; 0 where none are. */
  readonly leaseMs: number;
  readonly grants: Grant[];
  /** From what was held. */
  readonly spent: Spent[];
}

/**
 * How many permits were spent that no living grant can have covered. Whoever takes from the grant that ends first finds a
 * cover for all if there is one, as they are taken at instants.
 */
export function uncovered({ grants, spent }: Pick<LeaseLife, 'grants' | 'spent'>): number {
  const left = [...grants].sort((one, other) => one.endsAt - other.endsAt).map((grant) => ({ ...grant }));
  let missing = 0;
  for (const { at, permits } of [...spent].sort((one, other) => one.at - other.at)) {
    let due = permits;
    for (const grant of left) {
      if (grant.arrivedAt > at || grant.endsAt <= at) continue;
      const part = Math.min(due, grant.permits);
      grant.permits -= part;
      due -= part;
    }
    missing += due;
  }
  return missing;
}
