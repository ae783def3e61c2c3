import type { KvClient } from '../../client/kv-client.ts';
import type { Command } from '../../store/store.ts';
import type { Backoff } from '../backoff.ts';
import { type CacheNames, namespacesName } from '../cache-names.ts';
import type { Invalidation } from '../cache-options.ts';
import type { CacheCounts } from '../cache-stats.ts';
import type { CacheStore } from '../cache-store.ts';
import type { MemoryTier } from '../memory-tier.ts';
import type { Changes } from './changes.ts';
import { type Journal, keyNotice, type Notice } from './journal.ts';
import { TAG_LIFE_MS } from './stamp-writer.ts';
import { newStamp, type Stamps } from './stamps.ts';

/** Ends entries: here at once, in Redis with the same request or, while it is away, with the first one that it answers. */
export interface Invalidations {
  /** What is known of a key here is over, what is under way included. No I/O. */
  forget(key: string): void;
  delete(key: string): Promise<Invalidation>;
  /** As `delete`, for a value that could not be written: Redis may still have an older one. No I/O. */
  deleteLater(key: string): Promise<void>;
  tags(parts: readonly string[]): Promise<Invalidation>;
  all(): Promise<Invalidation>;
  /** As `all`, later. No I/O. */
  allLater(): void;
}

export interface InvalidationsOptions {
  readonly kv: KvClient;
  readonly namespace: string;
  readonly names: CacheNames;
  readonly stamps: Stamps;
  readonly store: Pick<CacheStore<unknown>, 'burial'>;
  readonly memory: MemoryTier;
  readonly changes: Changes;
  readonly backoff: Backoff;
  readonly journal: Journal;
  readonly counts: CacheCounts;
  /** Nobody joins what is under way. */
  readonly loading: { forget(key: string): void; forgetAll(): void };
  /** How long those are kept away who began to load before. */
  readonly buryMs: number;
  readonly localOnly: boolean;
}

const ALL = 'all';
const DISTURBANCE = 'disturbance';

export function createInvalidations(options: InvalidationsOptions): Invalidations {
  const { kv, namespace, names, stamps, store, memory, changes, backoff, journal, counts, loading } = options;
  const { buryMs, localOnly } = options;

  const tell = async (name: string, notice: Notice): Promise<boolean> => {
    if (!localOnly) return journal.tell(name, notice);
    // Nobody else is to hear of it.
    notice.told();
    return false;
  };

  const forget = (key: string): void => {
    changes.changed(key);
    memory.delete(key);
    loading.forget(key);
    backoff.succeeded(key);
  };

  const deletion = async (key: string): Promise<Notice> => {
    const bury = await store.burial(key, buryMs);
    const notice = (): Notice => ({ commands: [bury()], told() {}, again: notice });
    return notice();
  };

  const disturbance = (): Command => ['HSET', names.stamps, 'disturbance', newStamp()];

  const disturbing = (): Notice => ({ commands: [disturbance()], told() {}, again: disturbing });

  /** Says so of the cache before the tag: see `askLate` in stamp-writer. */
  const endOfTag = (part: string): Notice => {
    const ended = stamps.endTag(part);
    const notice = (): Notice => {
      const stamp = newStamp();
      return {
        commands: [disturbance(), ['SET', names.tag(part), stamp, 'PX', TAG_LIFE_MS]],
        told: () => stamps.told(part, ended, stamp),
        again: notice,
      };
    };
    return notice();
  };

  const endOfAll = (): Notice => {
    const ended = stamps.end();
    memory.clear();
    loading.forgetAll();
    const notice = (): Notice => {
      const stamp = newStamp();
      return {
        commands: [
          ['HSET', names.stamps, 'generation', stamp],
          ['SADD', namespacesName(kv), namespace],
        ],
        told: () => stamps.told(undefined, ended, stamp),
        again: notice,
      };
    };
    return notice();
  };

  return {
    forget,
    async delete(key) {
      counts.invalidations += 1;
      forget(key);
      const propagated = await tell(keyNotice(key), await deletion(key));
      // What was asked for meanwhile may be what was there before.
      forget(key);
      return { propagated };
    },
    async deleteLater(key) {
      if (!localOnly) journal.keep(keyNotice(key), await deletion(key));
    },
    async tags(parts) {
      counts.invalidations += parts.length;
      const ends = parts.map((part) => ({ name: `tag ${part}`, notice: endOfTag(part) }));
      // On a Cluster commands of one request run on several nodes, in any order.
      if (kv.slotOf && !localOnly) await tell(DISTURBANCE, disturbing());
      const told = await Promise.all(ends.map(({ name, notice }) => tell(name, notice)));
      return { propagated: told.every(Boolean) };
    },
    async all() {
      counts.invalidations += 1;
      return { propagated: await tell(ALL, endOfAll()) };
    },
    allLater() {
      journal.keep(ALL, endOfAll());
    },
  };
}
