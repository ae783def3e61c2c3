import type { KvClient } from '../client/kv-client.ts';
import { elapsedSince } from '../clock.ts';
import { isKvError } from '../errors.ts';
import { type CacheSettings, checkTagCount, checkTtl } from './cache-settings.ts';
import type { CacheCounts } from './cache-stats.ts';
import { type CacheStore, newEntryId } from './cache-store.ts';
import { type EntryHead, NEGATIVE, tombstone } from './entry.ts';
import type { Changes } from './invalidation/changes.ts';
import type { Stamped, StampWriter } from './invalidation/stamp-writer.ts';
import type { Stamps } from './invalidation/stamps.ts';
import type { Loaded } from './loaded.ts';
import type { MemoryTier } from './memory-tier.ts';
import type { Packed, Packer } from './payload/packer.ts';
import type { Grounds } from './reader.ts';

/** What was loaded, as it is to be written. */
export interface Kept {
  readonly head: EntryHead;
  readonly packed: Packed | undefined;
  /** In Redis, stale times included. */
  readonly lifeMs: number;
  /** Tags that only the loader has named. */
  readonly lateParts: readonly string[];
}

/** What it is kept under. */
export interface Keepable {
  readonly key: string;
  readonly parts: readonly string[];
  readonly ttlMs: number;
}

/** Keeps what was loaded, unless something has changed since the load began. */
export interface Keeper<T> {
  /** The grounds for a load that begins now. No request, but for the first load of a cache that has no stamp yet. */
  begin(grounds: Grounds): Promise<Grounds>;
  /**
   * In this process. Answers what Redis is to have: `undefined` for nothing new, `'gone'` where what it has is known to be
   * no more, and there is nothing to put in its place.
   */
  keep(wish: Keepable, loaded: Loaded<T>, grounds: Grounds, costMs: number): Promise<Kept | 'gone' | undefined>;
  /**
   * In Redis. One request; two where a stamp has to be made first. Redis away: dropped and counted. Answers whether there
   * was a request, which ends the claim too.
   */
  write(key: string, kept: Kept | 'gone', grounds: Grounds): Promise<boolean>;
  /** A head for a value of now, and for how long it is to be in Redis. */
  head(
    marks: string,
    ttlMs: number,
    costMs: number,
  ): { readonly head: Omit<EntryHead, 'generation' | 'tags'>; readonly lifeMs: number };
}

export interface KeeperOptions<T> {
  readonly kv: KvClient;
  readonly settings: CacheSettings<T>;
  readonly store: CacheStore<T>;
  readonly memory: MemoryTier;
  readonly stamps: Stamps;
  readonly stampWriter: StampWriter;
  readonly changes: Changes;
  readonly packer: Packer<T>;
  readonly counts: CacheCounts;
  /** How long after its grounds were asked for a value may be written. */
  readonly writeWithinMs: number;
  /** How long those are kept away who began to load before a deletion. */
  readonly buryMs: number;
  readonly partsOf: (tags: readonly string[]) => Promise<readonly string[]>;
}

export function createKeeper<T>(options: KeeperOptions<T>): Keeper<T> {
  const { kv, settings, store, memory, stamps, stampWriter, changes, packer, counts, partsOf } = options;
  const { writeWithinMs, buryMs } = options;
  const { swrMs, staleIfErrorMs, negativeTtlMs, jitter, random, localOnly } = settings;

  const headOf: Keeper<T>['head'] = (marks, ttlMs, costMs) => {
    const now = kv.clock.now();
    const freshMs = Math.max(1, ttlMs * (1 - jitter * random()));
    const staleMs = marks === NEGATIVE ? 0 : Math.max(swrMs, staleIfErrorMs);
    return {
      head: { marks, id: newEntryId(), createdAt: now, freshUntil: now + freshMs, costMs },
      lifeMs: Math.ceil(freshMs + staleMs),
    };
  };

  const keptOf = async (
    { parts, ttlMs }: Keepable,
    loaded: Exclude<Loaded<T>, { kind: 'skip' }>,
    { stamped }: Grounds,
    costMs: number,
  ): Promise<Kept | 'gone'> => {
    if (loaded.kind === 'not-found' && negativeTtlMs === 0) return 'gone';
    const isValue = loaded.kind === 'value';
    const packed = isValue ? await packer.pack(loaded.value) : undefined;
    if (isValue && !packed) {
      counts.unstorable += 1;
      return 'gone';
    }
    const freshMs = isValue ? checkTtl(loaded.ttlMs ?? ttlMs) : negativeTtlMs;
    const { head, lifeMs } = headOf(packed?.marks ?? NEGATIVE, freshMs, costMs);
    const lateParts = isValue && loaded.tags ? await partsOf(loaded.tags) : [];
    const late = stamps.current(lateParts.filter((part) => !parts.includes(part)));
    const tags = [...stamped.tags, ...late.tags];
    checkTagCount(tags.length);
    return {
      head: { ...head, generation: stamped.generation, tags },
      packed,
      lifeMs,
      lateParts,
    };
  };

  /** Whether it stands here as it was kept. */
  const isHere = (key: string, { head }: Kept): boolean => memory.get(key)?.head.id === head.id;

  /** New stamps may have been made for it: under those it stands from now on. */
  const keepUnder = (key: string, kept: Kept, stamped: Stamped, grounds: Grounds): void => {
    if (!isHere(key, kept) && kept.lateParts.length === 0) return;
    if (changes.isSince(key, grounds.moment)) return;
    const { head, packed } = kept;
    memory.set(key, { head: { ...head, ...stamped }, text: packed?.text, verifiedAt: grounds.verifiedAt });
  };

  return {
    head: headOf,
    async begin(grounds) {
      if (!grounds.basis) return grounds;
      try {
        const basis = await stampWriter.begin(grounds.basis);
        if (basis === grounds.basis || basis.generation === null) return grounds;
        return { ...grounds, basis, stamped: { ...grounds.stamped, generation: basis.generation } };
      } catch (error) {
        if (!isKvError(error)) throw error;
        return grounds;
      }
    },
    async keep(wish, loaded, grounds, costMs) {
      if (loaded.kind === 'skip') return undefined;
      const kept = await keptOf(wish, loaded, grounds, costMs);
      const { key } = wish;
      if (changes.isSince(key, grounds.moment)) return undefined;
      if (kept === 'gone') {
        memory.delete(key);
        return grounds.id === '' || localOnly ? undefined : kept;
      }
      // Over already: in Redis it would only keep away who loaded later.
      if (!stamps.stands(kept.head, grounds.verifiedAt)) return undefined;
      // Which tags it has was not known when those were ended that have been ended meanwhile.
      if (kept.lateParts.length === 0 || stamps.ends === grounds.ends) {
        memory.set(key, { head: kept.head, text: kept.packed?.text, verifiedAt: grounds.verifiedAt });
      }
      return localOnly ? undefined : kept;
    },
    async write(key, kept, grounds) {
      const isGone = kept === 'gone';
      const stamped = isGone ? NOTHING : grounds.basis && (await stampWriter.stampsFor(grounds.basis, kept.lateParts));
      if (!stamped) {
        counts[grounds.basis ? 'outrunWrites' : 'droppedWrites'] += 1;
        return false;
      }
      // Who deletes keeps loads away for so long, and no longer: a process may have been suspended since.
      if (elapsedSince(grounds.verifiedAt, kv.clock) > writeWithinMs) {
        counts.outrunWrites += 1;
        return false;
      }
      const entry = isGone
        ? tombstone(newEntryId(), kv.clock.now())
        : { ...kept.head, ...stamped, wire: kept.packed?.wire ?? '' };
      if (!isGone) keepUnder(key, kept, stamped, grounds);
      try {
        const isWritten = await store.replace(key, entry, grounds.id, isGone ? buryMs : kept.lifeMs);
        counts[isWritten ? 'writes' : 'outrunWrites'] += 1;
        if (!isGone && !isWritten && isHere(key, kept)) memory.delete(key);
      } catch (error) {
        if (!isKvError(error)) throw error;
        counts.droppedWrites += 1;
      }
      return true;
    },
  };
}

/** A tombstone stands under no stamp. */
const NOTHING: Stamped = { generation: '', tags: [] };
