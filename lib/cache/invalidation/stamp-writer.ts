import type { Result } from '../../client/call.ts';
import type { KvClient } from '../../client/kv-client.ts';
import { createLru } from '../../client/lru.ts';
import { isKvError } from '../../errors.ts';
import type { Command } from '../../store/store.ts';
import { type CacheNames, namespacesName } from '../cache-names.ts';
import type { Entry } from '../entry.ts';
import { type Basis, NO_STAMP, newStamp, type Stamps, stampFrom } from './stamps.ts';

/** Stamps as an entry carries them. */
export type Stamped = Pick<Entry, 'generation' | 'tags'>;

export interface StampWriter {
  /**
   * `basis` for who is about to load: with a stamp of the whole cache, by which he notices afterwards that stamps were lost
   * meanwhile. One request where there was none yet. @throws KvError
   */
  begin(basis: Basis): Promise<Basis>;
  /**
   * The stamps to write under: those of `basis`, which was known before the value was loaded, those of tags that only the
   * loader has named, and new ones where there were none. `undefined` when there may have been an invalidation meanwhile,
   * or Redis is away. No request where all are known.
   */
  stampsFor(basis: Basis, lateParts: readonly string[]): Promise<Stamped | undefined>;
}

export interface StampWriterOptions {
  readonly kv: KvClient;
  readonly namespace: string;
  readonly names: CacheNames;
  readonly stamps: Stamps;
}

/** For how long a tag is remembered. Where one is lost earlier than an entry under it, that is a miss. */
export const TAG_LIFE_MS = 2_592_000_000;

const MAX_TAGS_MADE = 10_000;

export function createStampWriter({ kv, namespace, names, stamps }: StampWriterOptions): StampWriter {
  const wholeQuery = (): Command => ['HMGET', names.stamps, 'generation', 'disturbance'];

  /**
   * Who invalidates a tag says so of the cache first and of the tag then; so the tags are asked first: a new stamp of a tag
   * comes with a new disturbance of the cache. On a Cluster commands of one request run on several nodes, in any order.
   * Answers what Redis says itself: what is known here may have come of a question that was older than this one.
   */
  const askInTurn = async (
    first: readonly Command[],
  ): Promise<{ readonly results: readonly Result[]; readonly whole: Whole }> => {
    // Never alone: it could be one with a question of somebody else that left earlier.
    const results =
      kv.slotOf === undefined
        ? await kv.execute([...first, wholeQuery()])
        : [...(await kv.execute(first)), ...(await kv.execute([wholeQuery(), ['HLEN', names.stamps]]))];
    return { results: results.slice(0, first.length), whole: wholeFrom(results[first.length]) };
  };

  /** Stamps of tags that were made here, and under which state of the cache. */
  const madeHere = createLru<Whole & { readonly stamp: string }>(MAX_TAGS_MADE);

  /** Loads of the same turn need the same stamp: it does for all who began under the state that it was made in. */
  const siblingsStamp = (part: string, basis: Basis): string | undefined => {
    const made = madeHere.get(part);
    return made && isAsBefore(basis, made) ? made.stamp : undefined;
  };

  const isAsBefore = ({ generation, disturbance }: Basis, whole: Whole): boolean =>
    generation !== null && generation === whole.generation && disturbance === whole.disturbance;

  /** Where somebody else was first to make one, an invalidation may have been. */
  const makeMissing = async (basis: Basis): Promise<Stamped | undefined> => {
    const { generation, tags } = basis;
    if (generation === null) return undefined;
    const missing = tags.filter(([, stamp]) => stamp === null).map(([part]) => ({ part, stamp: newStamp() }));
    const made = new Map<string, string>();
    const stampedWith = (): Stamped => ({
      generation,
      tags: tags.map(([part, stamp]) => [part, stamp ?? made.get(part) ?? NO_STAMP] as const),
    });
    if (missing.length === 0) return stampedWith();
    const askedAt = stamps.asking();
    const { results, whole } = await askInTurn(
      missing.map(({ part, stamp }) => ['SET', names.tag(part), stamp, 'NX', 'PX', TAG_LIFE_MS]),
    );
    // One that was made by an invalidation may have been evicted since: what it said of the cache tells.
    if (!isAsBefore(basis, whole)) return undefined;
    for (const [index, { part, stamp }] of missing.entries()) {
      const isMade = results[index] === 'OK';
      const used = isMade ? stamp : siblingsStamp(part, basis);
      if (used === undefined) return undefined;
      made.set(part, used);
      if (isMade) {
        madeHere.set(part, { ...whole, stamp });
        stamps.made(part, stamp, askedAt);
      }
    }
    return stampedWith();
  };

  let beginning: Promise<Whole> | undefined;

  const makeGeneration = async (): Promise<Whole> => {
    const askedAt = stamps.asking();
    const [, , whole] = await kv.execute([
      ['HSETNX', names.stamps, 'generation', newStamp()],
      ['SADD', namespacesName(kv), namespace],
      wholeQuery(),
    ]);
    stamps.learn([], [whole], askedAt);
    return wholeFrom(whole);
  };

  /** Who has found none can join: what makes it has not been answered before he asked. */
  const beginTogether = (): Promise<Whole> => {
    if (!kv.sharesPromises) return makeGeneration();
    beginning ??= makeGeneration().finally(() => {
      beginning = undefined;
    });
    return beginning;
  };

  return {
    begin: async (basis) => (basis.generation === null ? { ...basis, ...(await beginTogether()) } : basis),
    async stampsFor(basis, lateParts) {
      try {
        const unasked = lateParts.filter((part) => !basis.tags.some(([known]) => known === part));
        if (unasked.length === 0) return await makeMissing(basis);
        const { results, whole } = await askInTurn(unasked.map((part) => ['GET', names.tag(part)]));
        // Which tag was invalidated while the value was loaded, nobody knows: it may be one of these.
        if (!isAsBefore(basis, whole)) return undefined;
        const late = unasked.map((part, index) => [part, stampFrom(results[index])] as const);
        return await makeMissing({ ...basis, tags: [...basis.tags, ...late] });
      } catch (error) {
        if (!isKvError(error)) throw error;
        return undefined;
      }
    },
  };
}

type Whole = Pick<Basis, 'generation' | 'disturbance'>;

function wholeFrom(result: Result | undefined): Whole {
  const [generation, disturbance] = Array.isArray(result) ? result : [];
  return { generation: stampFrom(generation), disturbance: stampFrom(disturbance) };
}
