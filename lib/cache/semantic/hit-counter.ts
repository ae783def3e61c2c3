import type { Background } from '../../client/background.ts';
import type { KvClient } from '../../client/kv-client.ts';
import { createLru } from '../../client/lru.ts';
import { buildKey } from '../../client/redis-keys.ts';
import { elapsedSince, type Instant, instant } from '../../clock.ts';
import { isUnavailable } from '../../errors.ts';
import type { Command } from '../../store/store.ts';

export type HitField = 'hits' | 'similarHits' | 'misses' | 'tokensSaved';

export type HitCounts = Readonly<Record<HitField, number>>;

/** Counts in Redis, for all processes, without anybody's waiting for it. */
export interface HitCounter {
  miss(): void;
  /** The entry `id` was served, which spared so many tokens. */
  hit(id: string, tokens: number, isSimilar: boolean): void;
  /** Tells Redis what it has not been told. What cannot be told now is kept. */
  flush(): Promise<void>;
  /** Of this process alone with `localOnly`, else one request. @throws as `command` */
  read(): Promise<HitCounts>;
  /** As `read`. */
  readOf(id: string): Promise<number>;
}

export interface HitCounterOptions {
  readonly kv: KvClient;
  /** Full name of the hash of all counts, and head of the names of those of entries. */
  readonly name: string;
  /** How long the count of an entry is kept after its last hit. */
  readonly lifeMs: number;
  readonly background: Background;
  readonly localOnly: boolean;
}

const EVERY_MS = 10_000;
const FIELDS: readonly HitField[] = ['hits', 'similarHits', 'misses', 'tokensSaved'];
/** Entries whose hits wait to be told; with more, those that were hit least recently are told of in the sum only. */
const MAX_ENTRIES = 100;

/**
 * The first count in 10 s is told at once, what follows with the first one after that. What may have been counted is not
 * sent again: counts may be short, and are never too high.
 */
export function createHitCounter({ kv, name, lifeMs, background, localOnly }: HitCounterOptions): HitCounter {
  const entries = createLru<number>(MAX_ENTRIES);
  const sums = new Map<HitField, number>();
  let toldAt: Instant | undefined;

  const nameOf = (id: string) => buildKey(name, id);

  const add = (field: HitField, count: number) => {
    if (count !== 0) sums.set(field, (sums.get(field) ?? 0) + count);
  };

  const flush = async (): Promise<void> => {
    toldAt = instant(kv.clock);
    const counted = [...sums];
    sums.clear();
    const hits = entries.take(MAX_ENTRIES);
    const commands = [
      ...counted.map(([field, count]): Command => ['HINCRBY', name, field, count]),
      ...hits.flatMap(([id, count]): readonly Command[] => [
        ['HINCRBY', nameOf(id), 'hits', count],
        ['PEXPIRE', nameOf(id), lifeMs],
      ]),
    ];
    try {
      await kv.execute(commands);
    } catch (error) {
      if (!isUnavailable(error) || (error.code !== 'CIRCUIT_OPEN' && error.mayHaveRun)) return;
      for (const [field, count] of counted) add(field, count);
      for (const [id, count] of hits) entries.set(id, (entries.get(id) ?? 0) + count);
    }
  };

  const flushWhenDue = () => {
    if (localOnly || (toldAt && elapsedSince(toldAt, kv.clock) < EVERY_MS)) return;
    background.run(flush);
  };

  return {
    miss() {
      add('misses', 1);
      flushWhenDue();
    },
    hit(id, tokens, isSimilar) {
      add('hits', 1);
      add('similarHits', isSimilar ? 1 : 0);
      add('tokensSaved', tokens);
      entries.set(id, (entries.get(id) ?? 0) + 1);
      flushWhenDue();
    },
    flush: async () => {
      if (!localOnly && (sums.size > 0 || entries.size > 0)) await flush();
    },
    async read() {
      if (localOnly) return countsOf((field) => sums.get(field));
      const values = await kv.command(['HMGET', name, ...FIELDS]);
      const counts = Array.isArray(values) ? values : [];
      return countsOf((_, index) => counts[index]);
    },
    async readOf(id) {
      if (localOnly) return entries.get(id) ?? 0;
      return Number(await kv.command(['HGET', nameOf(id), 'hits'])) || 0;
    },
  };
}

function countsOf(read: (field: HitField, index: number) => unknown): HitCounts {
  return Object.fromEntries(FIELDS.map((field, index) => [field, Number(read(field, index)) || 0])) as HitCounts;
}
