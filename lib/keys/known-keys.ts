import { createLru } from '../client/lru.ts';
import { type Clock, elapsedSince, type Instant, instant } from '../clock.ts';
import { type DigestRecord, tombstoneOf } from './record.ts';

export interface KnownKeysOptions {
  readonly clock: Clock;
  readonly maxEntries: number;
  /** How long an answer is used without asking again. */
  readonly freshMs: number;
  /** How long a valid key may pass on its old answer while nobody can be asked. */
  readonly staleMs: number;
  readonly negativeMs: number;
  /** How long a revocation is remembered: longer than any answer that was under way when it happened. */
  readonly tombstoneMs: number;
}

/** What this process knows of keys, by digest. Bounded; valid and unknown keys do not push each other out. */
export interface KnownKeys<Config> {
  /** An answer young enough to be used without asking; `'absent'` for a key known not to exist. */
  fresh(digest: string): DigestRecord<Config> | 'absent' | undefined;
  /** The best answer while nobody can be asked. */
  stale(digest: string): DigestRecord<Config> | undefined;
  /** Whether a key with this digest has ever been found here, however long ago. */
  hasSeen(digest: string): boolean;
  /**
   * Notes an answer to a question that was asked at `askedAt`. A revocation noted here is never replaced by an answer that
   * says otherwise, nor is any answer by one to an earlier question, unless that tells of a revocation or a later generation.
   */
  note(digest: string, record: DigestRecord<Config>, askedAt?: Instant): void;
  noteAbsent(digest: string, askedAt?: Instant): void;
  /** Forgets an answer, but no revocation. */
  forget(digest: string): void;
  forgetAbsent(digest: string): void;
  /**
   * All answers about the key `id` that are older than `generation` are over, also those still under way: `revoked`, or
   * merely to be asked for again.
   */
  supersede(id: string, generation: number, as: 'revoked' | 'outdated'): void;
  readonly size: number;
}

interface Known<Config> {
  readonly record: DigestRecord<Config>;
  readonly at: Instant;
}

interface Superseded {
  readonly revokedBelow: number;
  readonly outdatedBelow: number;
  readonly at: Instant;
}

export function createKnownKeys<Config>(options: KnownKeysOptions): KnownKeys<Config> {
  const { clock, maxEntries, freshMs, staleMs, negativeMs, tombstoneMs } = options;
  const known = createLru<Known<Config>>(maxEntries);
  const absent = createLru<Instant>(maxEntries);
  const superseded = createLru<Superseded>(maxEntries);
  /** When a change was made that is no longer remembered: nothing that was asked before is believed any more. */
  let overAt = Number.NEGATIVE_INFINITY;

  const within = (at: Instant, ms: number) => elapsedSince(at, clock) < ms;

  const supersededOf = ({ id }: DigestRecord<Config>): Superseded | undefined => {
    const found = superseded.size > 0 ? superseded.get(id) : undefined;
    return found && within(found.at, tombstoneMs) ? found : undefined;
  };

  const tombstone = (found: Known<Config> | undefined): DigestRecord<Config> | undefined => {
    if (!found) return undefined;
    const { record, at } = found;
    if (record.status === 'revoked') return within(at, tombstoneMs) ? record : undefined;
    return record.generation < (supersededOf(record)?.revokedBelow ?? 0) ? tombstoneOf(record) : undefined;
  };

  const younger = (found: Known<Config> | undefined, ms: number): DigestRecord<Config> | undefined => {
    if (!found || !within(found.at, ms) || found.at.monotonic <= overAt) return undefined;
    return found.record.generation < (supersededOf(found.record)?.outdatedBelow ?? 0) ? undefined : found.record;
  };

  return {
    fresh(digest) {
      const found = known.get(digest);
      const record = tombstone(found) ?? younger(found, freshMs);
      if (record) return record;
      const missedAt = absent.get(digest);
      return missedAt && within(missedAt, negativeMs) ? 'absent' : undefined;
    },
    stale(digest) {
      const found = known.get(digest);
      return tombstone(found) ?? younger(found, staleMs);
    },
    hasSeen: (digest) => known.get(digest) !== undefined,
    note(digest, record, askedAt = instant(clock)) {
      const found = known.get(digest);
      if (tombstone(found)) return;
      const isLater = (answered: Instant | undefined) => answered && answered.monotonic > askedAt.monotonic;
      const isOvertaken = isLater(absent.get(digest)) || (found && isLater(found.at) && !isAfter(record, found.record));
      if (record.status === 'active' && isOvertaken) return;
      absent.delete(digest);
      known.set(digest, { record, at: askedAt });
    },
    noteAbsent(digest, askedAt = instant(clock)) {
      const found = known.get(digest);
      if (found && found.at.monotonic > askedAt.monotonic) return;
      if (!tombstone(found)) known.delete(digest);
      absent.set(digest, askedAt);
    },
    forget(digest) {
      absent.delete(digest);
      if (!tombstone(known.get(digest))) known.delete(digest);
    },
    forgetAbsent(digest) {
      absent.delete(digest);
    },
    supersede(id, generation, as) {
      const before = superseded.get(id);
      if (!before && superseded.size >= maxEntries) {
        for (const [, { at }] of superseded.take(1)) overAt = Math.max(overAt, at.monotonic);
      }
      const { revokedBelow = 0, outdatedBelow = 0 } = before ?? {};
      superseded.set(id, {
        revokedBelow: as === 'revoked' ? Math.max(generation, revokedBelow) : revokedBelow,
        outdatedBelow: as === 'outdated' ? Math.max(generation, outdatedBelow) : outdatedBelow,
        at: instant(clock),
      });
    },
    get size() {
      return known.size;
    },
  };
}

function isAfter(one: DigestRecord<unknown>, other: DigestRecord<unknown>): boolean {
  return one.generation > other.generation;
}
