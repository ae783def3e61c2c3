import type { KvClient } from '../client/kv-client.ts';
import { instant } from '../clock.ts';
import { isKvError } from '../errors.ts';
import type { CacheSettings } from './cache-settings.ts';
import type { CacheCounts } from './cache-stats.ts';
import type { CacheStore } from './cache-store.ts';
import type { Entry, EntryHead } from './entry.ts';
import type { Changes } from './invalidation/changes.ts';
import type { Invalidations } from './invalidation/invalidations.ts';
import { type Journal, keyNotice } from './invalidation/journal.ts';
import type { Stamped, StampWriter } from './invalidation/stamp-writer.ts';
import type { Basis, Stamps } from './invalidation/stamps.ts';
import type { Keeper } from './keeper.ts';
import type { MemoryTier } from './memory-tier.ts';
import type { Packer } from './payload/packer.ts';

export interface ValueOptions {
  readonly ttlMs: number;
  readonly parts: readonly string[];
  readonly signal: AbortSignal | undefined;
}

/** Puts values that somebody has at hand. */
export interface ValueWriter<T> {
  /** Whether Redis has it now. Where not, what it had before is deleted, now or later. @throws the signal's reason */
  set(key: string, value: T, options: ValueOptions): Promise<boolean>;
}

export interface ValueWriterOptions<T> {
  readonly kv: KvClient;
  readonly settings: CacheSettings<T>;
  readonly store: CacheStore<T>;
  readonly memory: MemoryTier;
  readonly stamps: Stamps;
  readonly stampWriter: StampWriter;
  readonly changes: Changes;
  readonly packer: Packer<T>;
  readonly keeper: Keeper<T>;
  readonly journal: Journal;
  readonly invalidations: Invalidations;
  readonly counts: CacheCounts;
}

interface Moment extends Omit<ValueOptions, 'ttlMs'> {
  readonly moment: number;
}

/** Stamps this old will do: where one has changed since, the value is a miss at once, and the next one is not. */
const MIN_TRUST_MS = 1_000;

export function createValueWriter<T>(options: ValueWriterOptions<T>): ValueWriter<T> {
  const { kv, settings, store, memory, stamps, stampWriter, changes, packer, keeper, journal, invalidations, counts } =
    options;
  const trustMs = Math.max(MIN_TRUST_MS, settings.trustMs);

  const askBasis = async (parts: readonly string[]): Promise<Basis | undefined> => {
    const askedAt = stamps.asking();
    stamps.learn(parts, await kv.execute(stamps.query(parts)), askedAt);
    return stamps.basis(parts);
  };

  const stampsFor = async (parts: readonly string[]): Promise<Stamped | undefined> => {
    const known = stamps.basis(parts, trustMs) ?? (await askBasis(parts));
    const stamped = known && (await stampWriter.stampsFor(await stampWriter.begin(known), []));
    if (stamped) return stamped;
    // Another process was first to make a stamp: it is known now.
    const again = await askBasis(parts);
    return again && stampWriter.stampsFor(await stampWriter.begin(again), []);
  };

  /** In Redis. Its head there; `undefined` where it did not get there. */
  const put = async (
    key: string,
    entry: Omit<Entry, keyof Stamped>,
    lifeMs: number,
    options: Moment,
  ): Promise<EntryHead | undefined> => {
    const { parts, signal, moment } = options;
    try {
      const stamped = await stampsFor(parts);
      if (!stamped || changes.isSince(key, moment)) return undefined;
      const [result] = await kv.execute([await store.put(key, { ...entry, ...stamped }, lifeMs)], { signal });
      if (result instanceof Error) return undefined;
      const { wire: _, ...head } = { ...entry, ...stamped };
      return head;
    } catch (error) {
      signal?.throwIfAborted();
      if (!isKvError(error)) throw error;
      return undefined;
    }
  };

  return {
    async set(key, value, { ttlMs, parts, signal }) {
      invalidations.forget(key);
      const moment = changes.moment();
      const packed = await packer.pack(value);
      if (!packed) {
        counts.unstorable += 1;
        await invalidations.delete(key);
        return false;
      }
      const { head, lifeMs } = keeper.head(packed.marks, ttlMs, 0);
      const verifiedAt = instant(kv.clock);
      const keep = (kept: EntryHead) => memory.set(key, { head: kept, text: packed.text, verifiedAt });
      const written = settings.localOnly
        ? undefined
        : await put(key, { ...head, wire: packed.wire }, lifeMs, { parts, signal, moment });
      if (changes.isSince(key, moment)) return false;
      // What was asked for meanwhile may be what was there before.
      changes.changed(key);
      if (written) {
        keep(written);
        counts.writes += 1;
        journal.drop(keyNotice(key));
        return true;
      }
      keep({ ...head, ...stamps.current(parts) });
      counts.droppedWrites += 1;
      await invalidations.deleteLater(key);
      return false;
    },
  };
}
