import { hasBytes } from '../../cache/payload/text-size.ts';
import { boundPart, buildKey, KV_PREFIXES } from '../../client/redis-keys.ts';
import { type CacheHandlerCounts, type CacheHandlerStats, createCacheHandlerCounts } from './cache-handler-stats.ts';
import { readEntry, writeEntry } from './entry-form.ts';
import type { CacheHandlerSettings } from './handler-options.ts';
import type { Position } from './position.ts';
import { createRecentEntries } from './recent-entries.ts';
import { createTagLog, type TagLog } from './tag-log.ts';

/** Entries in Redis, and their tags: what both of Next's caches are made of. Nothing here rejects. */
export interface EntryStore {
  readonly settings: CacheHandlerSettings;
  readonly counts: CacheHandlerCounts;
  readonly log: TagLog;
  /**
   * An entry that has not been revalidated, or is stale at most. One request. Redis away: what this process has kept.
   *
   * @param tags beside those of the entry
   * @param decode `undefined` for what is damaged
   */
  read<T>(
    key: EntryKey,
    tags: readonly string[],
    decode: (body: string) => T | undefined,
  ): Promise<FoundEntry<T> | undefined>;
  /** One request. Redis away: kept in this process only. */
  write(key: EntryKey, entry: NewEntry): Promise<void>;
  stats(): CacheHandlerStats;
}

/** Parts of the key in Redis, the last one Next's own. */
export type EntryKey = readonly [...kind: string[], key: string];

export interface FoundEntry<T> {
  readonly value: T;
  readonly tags: readonly string[];
  readonly isStale: boolean;
}

export interface NewEntry {
  readonly tags: readonly string[];
  readonly body: string;
  readonly ttlMs: number;
  /** What was known of revalidations when it was begun. */
  readonly position: Position | undefined;
  /** When it was begun, by the clock of this process. */
  readonly since: number;
}

interface Candidate {
  readonly tags: readonly string[];
  readonly position: Position | undefined;
  readonly body: string;
  /** Of one that this process has kept. */
  readonly since?: number;
}

export function createEntryStore(settings: CacheHandlerSettings): EntryStore {
  const { kv, maxEntryBytes, maxTtlMs, now } = settings;
  const log = createTagLog(settings);
  const recent = createRecentEntries(settings.maxMemoryBytes);
  const counts = createCacheHandlerCounts();

  const nameOf = async (key: EntryKey) => {
    const parts = await Promise.all(key.map(boundPart));
    return kv.namespace + buildKey(KV_PREFIXES.CACHE, 'next', ...parts);
  };

  const unreadable = (problem: string): undefined => {
    counts.unreadable += 1;
    kv.notify({ type: 'unreadable', at: kv.clock.now(), feature: 'cache', problem });
  };

  const missed = (): undefined => {
    counts.misses += 1;
    kv.measure.cacheRead('miss');
  };

  const inRedis = async (name: string): Promise<Candidate | undefined> => {
    const [reply] = await log.ask([['GET', name]]);
    if (reply === null || reply === undefined) return undefined;
    if (typeof reply !== 'string') return unreadable('entry of another type');
    if (hasBytes(reply, maxEntryBytes + 1)) return unreadable('entry too large');
    return readEntry(reply) ?? unreadable('entry damaged, or of another version');
  };

  /** Redis away: what is kept here, if anything. */
  const find = async (name: string): Promise<Candidate | undefined> => {
    try {
      const entry = await inRedis(name);
      if (!entry) recent.delete(name);
      return entry;
    } catch {
      // Whatever it was: Next does not expect a read to fail, and the page would.
      return recent.get(name);
    }
  };

  return {
    settings,
    counts,
    log,
    async read(key, tags, decode) {
      const name = await nameOf(key);
      const entry = await find(name);
      if (!entry) return missed();
      const foundAt = now();
      const verdict = await log.judge([...entry.tags, ...tags], entry.position, entry.since);
      if (entry.since === undefined && verdict !== 'expired') recent.set(name, { ...entry, since: foundAt });
      const value = verdict === 'expired' ? undefined : (decode(entry.body) ?? unreadable('entry damaged'));
      if (value === undefined) {
        if (verdict === 'expired') counts.revalidated += 1;
        return missed();
      }
      const isStale = verdict === 'stale';
      kv.measure.cacheRead(isStale ? 'stale' : 'hit');
      if (entry.since === undefined) counts.hits += 1;
      else counts.localHits += 1;
      if (isStale) counts.staleHits += 1;
      return { value, tags: entry.tags, isStale };
    },
    async write(key, { tags, body, ttlMs, position, since }) {
      const px = Math.floor(Math.min(ttlMs, maxTtlMs));
      if (!(px >= 1)) return;
      const name = await nameOf(key);
      const text = position && writeEntry({ tags, position, body });
      if (hasBytes(text ?? body, maxEntryBytes + 1)) {
        counts.oversized += 1;
        return;
      }
      recent.set(name, { tags, position, body, since });
      const isWritten = text !== undefined && !settings.localOnly && (await put(name, text, px));
      if (isWritten) counts.writes += 1;
      else counts.droppedWrites += 1;
    },
    stats: () => ({ ...counts, pendingRevalidations: log.pending }),
  };

  async function put(name: string, text: string, px: number): Promise<boolean> {
    try {
      return (await kv.command(['SET', name, text, 'PX', px])) === 'OK';
    } catch {
      return false;
    }
  }
}
