/** Permits that one check has taken from one account, and when. */
export interface Admission {
  /** Milliseconds on the clock of the store. */
  readonly at: number;
  readonly cost: number;
}

export interface Bound {
  readonly burst: number;
  readonly limit: number;
  readonly windowMs: number;
  /** How long permits taken in advance are good for. */
  readonly leaseMs: number;
}

/**
 * By how many permits the worst interval exceeds burst + r · (w + τ), looking at every pair of admissions as its ends; not
 * above 0 where the bound holds. Counted in permits times `windowMs`, in which all but τ is whole.
 */
export function worstExcess(admissions: readonly Admission[], { burst, limit, windowMs, leaseMs }: Bound): number {
  const inOrder = [...admissions].sort((one, other) => one.at - other.at);
  let worst = Number.NEGATIVE_INFINITY;
  inOrder.forEach((first, from) => {
    let total = 0;
    for (const last of inOrder.slice(from)) {
      total += last.cost;
      worst = Math.max(worst, total * windowMs - burst * windowMs - limit * (last.at - first.at + leaseMs));
    }
  });
  return worst / windowMs;
}

/** An admission of which only is known that it was made between two instants of one clock. */
export interface Sighting {
  readonly from: number;
  readonly to: number;
  readonly cost: number;
}

/**
 * As {@link worstExcess}, counting in each interval only what lies in it for certain: what may have been outside is taken
 * to have been outside.
 */
export function worstCertainExcess(sightings: readonly Sighting[], { burst, limit, windowMs, leaseMs }: Bound): number {
  const byEnd = [...sightings].sort((one, other) => one.to - other.to);
  let worst = Number.NEGATIVE_INFINITY;
  for (const { from } of sightings) {
    let total = 0;
    for (const sighting of byEnd) {
      if (sighting.from < from) continue;
      total += sighting.cost;
      worst = Math.max(worst, total - burst - (limit * (sighting.to - from + leaseMs)) / windowMs);
    }
  }
  return worst;
}
