import type { Result } from '../../client/call.ts';
import { randomBase62 } from '../../client/crypto.ts';
import { createLru } from '../../client/lru.ts';
import { type Clock, elapsedSince, type Instant, instant } from '../../clock.ts';
import type { Command } from '../../store/store.ts';
import type { CacheNames } from '../cache-names.ts';
import type { EntryHead, TagStamp } from '../entry.ts';

/** A stamp; `null` where there is none, which no entry matches. */
export type Stamp = string | null;

/** When Redis was asked. Counted too: several questions may share an instant. */
export interface Asked extends Instant {
  readonly turn: number;
}

interface Known {
  readonly stamp: Stamp;
  readonly at: Asked;
}

/** The stamps that a value is loaded under. */
export interface Basis {
  readonly generation: Stamp;
  /** Stamp of the last invalidation of any tag. */
  readonly disturbance: Stamp;
  readonly tags: readonly (readonly [part: string, stamp: Stamp])[];
}

/** What this process knows of the stamps by which entries end together. Bounded. */
export interface Stamps {
  /** The moment of a question to Redis. */
  asking(): Asked;
  /** Commands that ask for the stamps of the cache and of these tags. */
  query(parts: readonly string[]): readonly Command[];
  /** Notes their results. `false` where they are none. */
  learn(parts: readonly string[], results: readonly (Result | undefined)[], askedAt: Asked): boolean;
  /** The stamps of these tags as known; `undefined` where one is not, or not as young as `withinMs`. */
  basis(parts: readonly string[], withinMs?: number): Basis | undefined;
  /** What an entry carries that is made here now, whatever is known of its stamps. */
  current(parts: readonly string[]): Pick<EntryHead, 'generation' | 'tags'>;
  /** How often anything has been ended from here. */
  readonly ends: number;
  /** Another text after each invalidation of any tag that is known of here. */
  unrest(): string;
  /** Those of an entry's tags that have been asked for neither with it, at `askedAt`, nor within `withinMs`. */
  unknownTo(head: EntryHead, askedAt: Asked, withinMs: number): readonly string[];
  /** Since when nobody has been asked about an entry that was asked for at `askedAt`: the oldest of its stamps decides. */
  verifiedAt(head: EntryHead, askedAt: Instant): Instant;
  /** Whether an entry found at `verifiedAt` stands under the stamps that are known. */
  stands(head: EntryHead, verifiedAt: Instant): boolean;
  /** One was made where there was none; of the whole cache, where no part is named. */
  made(part: string | undefined, stamp: string, askedAt: Asked): void;
  /** The whole cache ends here. Answers its stamp until Redis has been told, which nothing in Redis ever stands under. */
  end(): string;
  /** Entries with this tag end here. Answers its stamp as `end` does. */
  endTag(part: string): string;
  /** Redis has taken `sent` for what had `stamp` meanwhile: its answers count again. */
  told(part: string | undefined, stamp: string, sent: string): void;
}

const MAX_TAGS_KNOWN = 10_000;
const STAMP_LENGTH = 16;
/** What an entry carries that nobody but this process has: made before there was a stamp, or while none could be asked for. */
export const NO_STAMP = '';

export function newStamp(): string {
  return randomBase62(STAMP_LENGTH);
}

/**
 * Stamps are random: no two processes can make the same one, and a lost one matches nothing. An answer never takes the
 * place of what is known from a later question, nor of an end here that Redis has not been told of yet. What Redis is told
 * is another stamp than what stands for it here until then: an entry is good only under stamps that Redis had before its
 * load began, whatever else it was told meanwhile, and however late it hears of this.
 */
export function createStamps(names: CacheNames, clock: Clock): Stamps {
  const tags = createLru<Known>(MAX_TAGS_KNOWN);
  /** Made here, not in Redis yet. */
  const untold = new Map<string, string>();
  let untoldGeneration: string | undefined;
  let turns = 0;
  let generation: Known | undefined;
  let disturbance: Stamp = null;
  let ends = 0;
  /** When a stamp was learned that is not known any more: copies that are older are not judged by the rest. */
  let forgottenAt = Number.NEGATIVE_INFINITY;

  const asking = (): Asked => {
    turns += 1;
    return { ...instant(clock), turn: turns };
  };

  const isOutdated = (known: Known | undefined, askedAt: Asked): boolean =>
    known !== undefined && known.at.turn > askedAt.turn;

  const note = (part: string, known: Known): void => {
    if (tags.size >= MAX_TAGS_KNOWN && !tags.get(part)) {
      for (const [, { at }] of tags.take(1)) forgottenAt = Math.max(forgottenAt, at.monotonic);
    }
    tags.set(part, known);
  };

  const stampOf = (part: string): Stamp | undefined => untold.get(part) ?? tags.get(part)?.stamp;

  return {
    asking,
    query: (parts) => [
      ['HMGET', names.stamps, 'generation', 'disturbance'],
      ...parts.map((part): Command => ['GET', names.tag(part)]),
    ],
    learn(parts, [whole, ...stamps], askedAt) {
      if (!Array.isArray(whole) || stamps.some((stamp) => stamp instanceof Error)) return false;
      if (!isOutdated(generation, askedAt)) {
        generation = { stamp: stampFrom(whole[0]), at: askedAt };
        disturbance = stampFrom(whole[1]);
      }
      for (const [index, part] of parts.entries()) {
        if (!isOutdated(tags.get(part), askedAt)) note(part, { stamp: stampFrom(stamps[index]), at: askedAt });
      }
      return true;
    },
    basis(parts, withinMs = Number.POSITIVE_INFINITY) {
      if (!generation || elapsedSince(generation.at, clock) > withinMs) return undefined;
      const known: [string, Stamp][] = [];
      for (const part of parts) {
        const stamp = stampOf(part);
        const at = tags.get(part)?.at;
        if (stamp === undefined || (at && elapsedSince(at, clock) > withinMs)) return undefined;
        known.push([part, stamp]);
      }
      return { generation: untoldGeneration ?? generation.stamp, disturbance, tags: known };
    },
    current: (parts) => ({
      generation: untoldGeneration ?? generation?.stamp ?? NO_STAMP,
      tags: parts.map((part) => [part, stampOf(part) ?? NO_STAMP] as const),
    }),
    get ends() {
      return ends;
    },
    unrest: () => `${ends} ${disturbance}`,
    unknownTo({ tags: stamped }, askedAt, withinMs) {
      const isUnknown = (part: string) => {
        const at = tags.get(part)?.at;
        if (untold.has(part) || (at && at.turn >= askedAt.turn)) return false;
        return !at || elapsedSince(at, clock) >= withinMs;
      };
      return stamped.map(([part]) => part).filter(isUnknown);
    },
    verifiedAt({ tags: stamped }, askedAt) {
      let oldest = askedAt;
      for (const [part] of stamped) {
        const at = tags.get(part)?.at;
        if (at && at.monotonic < oldest.monotonic) oldest = at;
      }
      return oldest;
    },
    stands(head, verifiedAt) {
      const current = untoldGeneration ?? generation?.stamp;
      if (current !== undefined && head.generation !== (current ?? NO_STAMP)) return false;
      return head.tags.every(([part, stamp]: TagStamp) => {
        const known = stampOf(part);
        return known === undefined ? verifiedAt.monotonic > forgottenAt : stamp === (known ?? NO_STAMP);
      });
    },
    made(part, stamp, askedAt) {
      const known = { stamp, at: askedAt };
      if (part !== undefined && !isOutdated(tags.get(part), askedAt)) note(part, known);
      if (part === undefined && !isOutdated(generation, askedAt)) generation = known;
    },
    end() {
      ends += 1;
      untoldGeneration = newStamp();
      // What ended with a tag has ended with the cache.
      untold.clear();
      return untoldGeneration;
    },
    endTag(part) {
      ends += 1;
      const stamp = newStamp();
      untold.set(part, stamp);
      return stamp;
    },
    told(part, stamp, sent) {
      const known = { stamp: sent, at: asking() };
      if (part === undefined) {
        if (untoldGeneration === stamp) [untoldGeneration, generation] = [undefined, known];
      } else if (untold.get(part) === stamp) {
        untold.delete(part);
        note(part, known);
      }
    },
  };
}

/** A stamp as Redis answers it. */
export function stampFrom(result: unknown): Stamp {
  return typeof result === 'string' ? result : null;
}
