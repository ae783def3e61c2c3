import type { KvClient } from '../client/kv-client.ts';
import { instant } from '../clock.ts';
import { isKvError } from '../errors.ts';
import type { Command } from '../store/store.ts';
import { type CacheNames, namespacesName } from './cache-names.ts';
import type { Entry } from './entry.ts';
import { type Basis, newStamp, type Stamps } from './stamps.ts';

/** Stamps as an entry carries them. */
export type Stamped = Pick<Entry, 'generation' | 'tags'>;

export interface StampWriter {
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

export function createStampWriter({ kv, namespace, names, stamps }: StampWriterOptions): StampWriter {
  const { clock } = kv;

  /**
   * Who invalidates a tag says so of the cache first and of the tag then; so the tags are asked first: a new stamp of a tag
   * comes with a new disturbance of the cache.
   */
  const askLate = async (parts: readonly string[]): Promise<Basis | undefined> => {
    const askedAt = instant(clock);
    const [whole, ...tags] = stamps.query(parts);
    if (!whole) return undefined;
    // On a Cluster commands of one request run on several nodes, in any order.
    const inTurn = kv.slotOf !== undefined;
    const first = await kv.execute(inTurn ? tags : [...tags, whole]);
    const results = inTurn ? [...first, ...(await kv.execute([whole]))] : first;
    stamps.learn(parts, [results.at(-1), ...results.slice(0, -1)], askedAt);
    // What is ended here is known here first, and the disturbance of it is not: the value may be older.
    return parts.some(stamps.isUntold) ? undefined : stamps.basis(parts);
  };

  /** Where somebody else was first to make one, an invalidation may have been. */
  const makeMissing = async ({ generation, tags }: Basis): Promise<Stamped | undefined> => {
    const made: { readonly part: string | undefined; readonly stamp: string; readonly command: Command }[] = [];
    const stampOf = (part: string | undefined, stamp: string | null): string => {
      if (stamp !== null) return stamp;
      const next = newStamp();
      const command: Command =
        part === undefined
          ? ['HSETNX', names.stamps, 'generation', next]
          : ['SET', names.tag(part), next, 'NX', 'PX', TAG_LIFE_MS];
      made.push({ part, stamp: next, command });
      return next;
    };
    const stamped = {
      generation: stampOf(undefined, generation),
      tags: tags.map(([part, stamp]) => [part, stampOf(part, stamp)] as const),
    };
    if (made.length === 0) return stamped;
    const askedAt = instant(clock);
    const results = await kv.execute([...made.map(({ command }) => command), ['SADD', namespacesName(kv), namespace]]);
    if (made.some((_, index) => results[index] !== 'OK' && results[index] !== 1)) return undefined;
    for (const { part, stamp } of made) stamps.made(part, stamp, askedAt);
    return stamped;
  };

  return {
    async stampsFor(basis, lateParts) {
      try {
        const unasked = lateParts.filter((part) => !basis.tags.some(([known]) => known === part));
        if (unasked.length === 0) return await makeMissing(basis);
        const late = await askLate(unasked);
        // Which tag was invalidated while the value was loaded, nobody knows: it may be one of these.
        if (late?.disturbance !== basis.disturbance || late.generation !== basis.generation) return undefined;
        return await makeMissing({ ...basis, tags: [...basis.tags, ...late.tags] });
      } catch (error) {
        if (!isKvError(error)) throw error;
        return undefined;
      }
    },
  };
}
