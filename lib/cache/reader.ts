import { type Clock, elapsedSince, type Instant, instant } from '../clock.ts';
import type { Tier } from './cache-options.ts';
import type { CacheSettings } from './cache-settings.ts';
import type { CacheStore, Reading } from './cache-store.ts';
import type { EntryHead } from './entry.ts';
import { type Freshness, freshnessOf } from './freshness.ts';
import type { Changes } from './invalidation/changes.ts';
import { type Journal, keyNotice } from './invalidation/journal.ts';
import type { Basis, Stamps } from './invalidation/stamps.ts';
import type { Copy, MemoryTier } from './memory-tier.ts';
import type { Packer } from './payload/packer.ts';

/** What a value that is loaded now may be written upon: nothing may have changed since. */
export interface Grounds {
  /** Of what was found in its place. */
  readonly id: string;
  /** Stamps as they were before, to write under. `undefined` where none could be asked for. */
  readonly basis: Basis | undefined;
  /** The same for a copy in this process, and how often anything had been ended from here. */
  readonly stamped: ReturnType<Stamps['current']>;
  readonly ends: number;
  /** See {@link Stamps.unrest}. */
  readonly unrest: string;
  readonly verifiedAt: Instant;
  /** Of {@link Changes}: what is changed from here after it, the value is not kept for. */
  readonly moment: number;
}

export interface Sighted<T> {
  readonly head: EntryHead;
  /** `undefined` where there is no such thing. */
  readonly value: T | undefined;
  readonly isNegative: boolean;
  readonly freshness: Exclude<Freshness, 'over'>;
  readonly tier: Tier;
}

/** What there is of a key. */
export interface Sight<T> {
  readonly found: Sighted<T> | undefined;
  readonly grounds: Grounds;
  /** Redis could not be asked; when to ask again. */
  readonly awayMs: number | undefined;
}

export interface LookOptions {
  readonly parts: readonly string[];
  readonly signal?: AbortSignal | undefined;
}

export interface Reader<T> {
  /** What this process has that is young enough. No I/O. */
  near(key: string): Sighted<T> | undefined;
  /** What there is, in Redis or, while that is away, here. One request. */
  look(key: string, options: LookOptions): Promise<Sight<T>>;
  /** As `look`, and claims the next load of this key for all processes. `isClaimed` also where nobody could be asked. */
  claim(key: string, options: LookOptions, claimMs: number): Promise<Claim<T>>;
}

export interface Claim<T> {
  readonly sight: Sight<T>;
  readonly isClaimed: boolean;
  /** Gives it back `inMs` from now, where nothing was written. */
  readonly release?: ((inMs: number) => Promise<void>) | undefined;
}

export interface ReaderOptions<T> {
  readonly clock: Clock;
  readonly settings: CacheSettings<T>;
  readonly store: CacheStore<T>;
  readonly memory: MemoryTier;
  readonly stamps: Stamps;
  readonly journal: Journal;
  readonly changes: Changes;
  readonly packer: Packer<T>;
}

export function createReader<T>(options: ReaderOptions<T>): Reader<T> {
  const { clock, settings, store, memory, stamps, journal, changes, packer } = options;

  /** A copy that has neither ended nor been ended. */
  const copyOf = (key: string): { readonly copy: Copy; readonly freshness: Sighted<T>['freshness'] } | undefined => {
    const copy = memory.get(key);
    if (!copy) return undefined;
    const freshness = freshnessOf(copy.head, clock.now(), settings);
    if (freshness !== 'over' && stamps.stands(copy.head, copy.verifiedAt)) return { copy, freshness };
    memory.delete(key);
    return undefined;
  };

  const sighted = ({ copy, freshness }: NonNullable<ReturnType<typeof copyOf>>): Sighted<T> => {
    const { head, text } = copy;
    // It has been decoded, or encoded, here before.
    const decoded = text === undefined ? undefined : packer.decode(text);
    const value = decoded && 'value' in decoded ? decoded.value : undefined;
    return { head, value, isNegative: text === undefined, freshness, tier: 'memory' };
  };

  const isTrusted = ({ verifiedAt }: Copy): boolean => elapsedSince(verifiedAt, clock) < settings.trustMs;

  const stamped = (parts: readonly string[]) => ({ stamped: stamps.current(parts), ends: stamps.ends });

  /** What is here, while Redis cannot say, or would say what it has not been told to forget. */
  const alone = (key: string, { parts }: LookOptions, awayMs: number | undefined): Sight<T> => {
    const near = copyOf(key);
    // What Redis has not been told to forget yet would stand in the way of a write.
    const basis = awayMs === undefined ? undefined : stamps.basis(parts);
    const now = { verifiedAt: instant(clock), moment: changes.moment() };
    return {
      found: near && sighted(near),
      grounds: { id: '', basis, ...stamped(parts), unrest: stamps.unrest(), ...now },
      awayMs,
    };
  };

  const sightOf = (key: string, look: LookOptions, reading: Reading<T>, moment: number): Sight<T> => {
    if (reading.kind === 'away') return alone(key, look, reading.retryAfterMs);
    const { askedAt } = reading;
    const id = reading.kind === 'entry' ? reading.entry.id : reading.id;
    const { parts } = look;
    const grounds = {
      id,
      basis: stamps.basis(parts),
      ...stamped(parts),
      unrest: stamps.unrest(),
      verifiedAt: askedAt,
      moment,
    };
    const nothing = { found: undefined, grounds, awayMs: undefined };
    const isChanged = changes.isSince(key, moment);
    const kept = copyOf(key);
    // It was put here while Redis was asked. A load may have taken so long that Redis knows better.
    if (kept && isTrusted(kept.copy) && (isChanged || kept.copy.keptAt.monotonic >= askedAt.monotonic)) {
      return { ...nothing, found: sighted(kept) };
    }
    if (reading.kind === 'none') {
      memory.delete(key);
      return nothing;
    }
    const { entry, text, value } = reading;
    const { wire: _, ...head } = entry;
    const freshness = freshnessOf(head, clock.now(), settings);
    if (freshness === 'over') return nothing;
    if (!isChanged) memory.set(key, { head, text, verifiedAt: stamps.verifiedAt(head, askedAt) });
    return { ...nothing, found: { head, value, isNegative: text === undefined, freshness, tier: 'store' } };
  };

  const isAlone = (key: string): boolean => settings.localOnly || journal.has(keyNotice(key));

  return {
    near(key) {
      const near = copyOf(key);
      return near && (isTrusted(near.copy) || isAlone(key)) ? sighted(near) : undefined;
    },
    async look(key, look) {
      if (isAlone(key)) return alone(key, look, undefined);
      const moment = changes.moment();
      const { reading } = await store.read(key, look.parts, { signal: look.signal });
      return sightOf(key, look, reading, moment);
    },
    async claim(key, look, claimMs) {
      if (isAlone(key)) return { sight: alone(key, look, undefined), isClaimed: true };
      const moment = changes.moment();
      const { reading, isClaimed } = await store.read(key, look.parts, { claimMs });
      const sight = sightOf(key, look, reading, moment);
      if (!isClaimed) return { sight, isClaimed: reading.kind === 'away' };
      return { sight, isClaimed, release: (inMs) => store.unclaim(key, inMs) };
    },
  };
}
