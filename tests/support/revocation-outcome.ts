import { FACES, type Face, type Revoked, type Sighting } from './revocation-faces.ts';

/** What was seen of some keys, by each process: the one that revoked them first. */
export interface Seen {
  readonly revoked: readonly Revoked[];
  readonly sightings: readonly (readonly Sighting[])[];
}

export interface Measured {
  /** By how much the clocks of two processes contradicted each other. */
  readonly slackMs: number;
  /** How long the slowest request or look took by itself. */
  readonly slowestMs: number;
}

/** Milliseconds from the return of `revoke` to the beginning of the last validation that was VALID; below 0 if before. */
export type Lateness = Readonly<Record<Face, number>>;

export interface Outcome extends Measured {
  readonly rounds: number;
  /** Revocations that said that everybody is told. */
  readonly propagated: number;
  readonly validations: number;
  /** Those that began after the return of `revoke` and were VALID, in the process that revoked, and in the others. */
  readonly validAfter: { readonly own: number; readonly others: number };
  /** The largest, in the process that revoked, and in the others. */
  readonly own: Lateness;
  readonly others: Lateness;
  /** In the others, counted from when the revocation was on record. */
  readonly sinceRecord: Lateness;
  /** Rounds with a validation in another process that was under way from before the revocation to after its return. */
  readonly overlapped: number;
  /** Rounds in which each process saw the key valid before the return of `revoke`. */
  readonly whole: number;
}

export function judge(seen: readonly Seen[], measured: Measured): Outcome {
  const own = nothing();
  const others = nothing();
  const sinceRecord = nothing();
  const validAfter = { own: 0, others: 0 };
  let [rounds, validations, propagated, overlapped, whole] = [0, 0, 0, 0, 0];
  for (const { revoked, sightings } of seen) {
    rounds += revoked.length;
    propagated += revoked.filter((one) => one.propagated).length;
    const across = new Set<number>();
    const known = revoked.map(() => new Set<number>());
    for (const [index, ofProcess] of sightings.entries()) {
      const place = index === 0 ? 'own' : 'others';
      const latest = index === 0 ? own : others;
      validations += ofProcess.length;
      for (const { key, face, begunAt, endedAt, isValid } of ofProcess) {
        const revocation = revoked[key];
        if (!revocation) continue;
        if (place === 'others' && begunAt < revocation.begunAt && endedAt > revocation.returnedAt) across.add(key);
        if (!isValid) continue;
        if (begunAt < revocation.returnedAt) known[key]?.add(index);
        else validAfter[place] += 1;
        latest[face] = Math.max(latest[face], begunAt - revocation.returnedAt);
        if (place === 'others') sinceRecord[face] = Math.max(sinceRecord[face], begunAt - revocation.committedAt);
      }
    }
    overlapped += across.size;
    whole += known.filter(({ size }) => size === sightings.length).length;
  }
  return { ...measured, rounds, propagated, validations, validAfter, own, others, sinceRecord, overlapped, whole };
}

/** The largest of all faces. */
export function latest(lateness: Lateness): number {
  return Math.max(...FACES.map((face) => lateness[face]));
}

function nothing(): Record<Face, number> {
  const never = Number.NEGATIVE_INFINITY;
  return { validate: never, open: never, limited: never, leased: never };
}
