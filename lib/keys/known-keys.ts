import { createLru } from '../client/lru.ts';
import { type Clock, elapsedSince, type Instant, instant } from '../clock.ts';
import type { DigestRecord } from './record.ts';

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
  /** Notes an answer. A revocation noted here is never replaced by an answer that says otherwise. */
  note(digest: string, record: DigestRecord<Config>): void;
  noteAbsent(digest: string): void;
  /** Forgets an answer, but no revocation. */
  forget(digest: string): void;
  forgetAbsent(digest: string): void;
  readonly size: number;
}

interface Known<Config> {
  readonly record: DigestRecord<Config>;
  readonly at: Instant;
}

export function createKnownKeys<Config>(options: KnownKeysOptions): KnownKeys<Config> {
  const { clock, maxEntries, freshMs, staleMs, negativeMs, tombstoneMs } = options;
  const known = createLru<Known<Config>>(maxEntries);
  const absent = createLru<Instant>(maxEntries);

  const within = (at: Instant, ms: number) => elapsedSince(at, clock) < ms;

  const tombstone = (digest: string): DigestRecord<Config> | undefined => {
    const found = known.get(digest);
    return found?.record.status === 'revoked' && within(found.at, tombstoneMs) ? found.record : undefined;
  };

  const younger = (digest: string, ms: number): DigestRecord<Config> | undefined => {
    const found = known.get(digest);
    return found && within(found.at, ms) ? found.record : undefined;
  };

  return {
    fresh(digest) {
      const record = tombstone(digest) ?? younger(digest, freshMs);
      if (record) return record;
      const missedAt = absent.get(digest);
      return missedAt && within(missedAt, negativeMs) ? 'absent' : undefined;
    },
    stale: (digest) => tombstone(digest) ?? younger(digest, staleMs),
    note(digest, record) {
      absent.delete(digest);
      if (!tombstone(digest)) known.set(digest, { record, at: instant(clock) });
    },
    noteAbsent(digest) {
      if (!tombstone(digest)) known.delete(digest);
      absent.set(digest, instant(clock));
    },
    forget(digest) {
      absent.delete(digest);
      if (!tombstone(digest)) known.delete(digest);
    },
    forgetAbsent(digest) {
      absent.delete(digest);
    },
    get size() {
      return known.size;
    },
  };
}
