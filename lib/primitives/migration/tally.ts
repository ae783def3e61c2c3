import { randomBase62 } from '../../client/crypto.ts';
import type { KvClient } from '../../client/kv-client.ts';
import { isUnavailable } from '../../errors.ts';
import type { Command } from '../../store/store.ts';
import { BUCKETS, bucketOf, type Latency, latencyFrom } from './latency.ts';
import type { MigrationNames } from './migration-names.ts';
import type { SideName } from './mode.ts';

/** What all processes have counted of a migration, as far as they have told Redis. */
export interface MigrationTally {
  /** Reads and writes that failed on the side without authority, and that nobody was told of. */
  readonly failures: Readonly<Record<SideName, number>>;
  /** Keys of which a side may not have the latest, not counting those that it has been given since. */
  readonly pending: Readonly<Record<SideName, number>>;
  /** What reads of both sides found. */
  readonly compared: Readonly<Record<Comparison, number>>;
  /** Of the reads that were compared, which asked both sides for the same. */
  readonly latency: Readonly<Record<SideName, Latency>>;
  /** Keys of the last divergences that were found, as digests. */
  readonly divergent: readonly string[];
}

/** What a comparison of both sides found of one key. */
export type Comparison = 'same' | 'different' | 'missingInNew' | 'missingInOld';

export type Field = `failures.${SideName}` | `compared.${Comparison}` | `latency.${SideName}.${number}`;

export interface Tally {
  count(field: Field, by?: number): void;
  /** So many more keys of a period are missed by a side than were; fewer, when it has been given them. */
  missed(side: SideName, period: number, by: number): void;
  /** How many it misses, for all that this process knows. */
  missedBy(side: SideName, period: number): number;
  /** A compared read of a side took so long. */
  took(side: SideName, durationMs: number): void;
  /** Remembers a key that differs, by its digest. */
  divergent(digest: string): void;
  /**
   * The news for Redis, and what to do with the outcome. What may have been counted is not sent again; but what is missed
   * every time, as how much it is in all: also Redis that has lost it, or a request, must not let reads move.
   */
  take(names: MigrationNames): { readonly commands: readonly Command[]; failed(error: unknown): void };
}

/** Without news for so long, a tally ends. */
const LIFE_MS = 2_592_000_000;
const MAX_DIGESTS = 20;
const ID_LENGTH = 12;
const COMPARISONS: readonly Comparison[] = ['same', 'different', 'missingInNew', 'missingInOld'];

export function createTally(): Tally {
  const id = randomBase62(ID_LENGTH);
  const missing = new Map<string, number>();
  let news = new Map<Field, number>();
  let digests: string[] = [];

  const count = (field: Field, by = 1): void => {
    if (by > 0) news.set(field, (news.get(field) ?? 0) + by);
  };

  return {
    count,
    missed(side, period, by) {
      const prefix = pendingPrefix(side, period);
      missing.set(prefix, (missing.get(prefix) ?? 0) + by);
    },
    missedBy: (side, period) => missing.get(pendingPrefix(side, period)) ?? 0,
    took: (side, durationMs) => count(`latency.${side}.${bucketOf(durationMs)}`),
    divergent(digest) {
      digests = [...digests, digest].slice(-MAX_DIGESTS);
    },
    take(names) {
      const taken = { news, digests };
      news = new Map();
      digests = [];
      const commands: Command[] = [...taken.news].map(([field, by]) => ['HINCRBY', names.tally, field, by]);
      for (const [prefix, keys] of missing) {
        commands.push(keys > 0 ? ['HSET', names.tally, prefix + id, keys] : ['HDEL', names.tally, prefix + id]);
      }
      if (commands.length > 0) commands.push(['PEXPIRE', names.tally, LIFE_MS]);
      if (taken.digests.length > 0) {
        commands.push(
          ['LPUSH', names.digests, ...taken.digests],
          ['LTRIM', names.digests, 0, MAX_DIGESTS - 1],
          ['PEXPIRE', names.digests, LIFE_MS],
        );
      }
      return {
        commands,
        failed(error) {
          const mayHaveRun = !isUnavailable(error) || (error.code !== 'CIRCUIT_OPEN' && error.mayHaveRun);
          if (mayHaveRun) return;
          for (const [field, by] of taken.news) count(field, by);
          digests = [...taken.digests, ...digests].slice(-MAX_DIGESTS);
        },
      };
    },
  };
}

/** Of the fields in which each process says how many keys a side misses of a period. */
export function pendingPrefix(side: SideName, period: number | string): string {
  return `pending.${side}@${period}#`;
}

/** @param period of which `pending` is. One request. @throws as `execute` */
export async function readTally(kv: KvClient, names: MigrationNames, period: number): Promise<MigrationTally> {
  const [fields, digests] = await kv.execute([
    ['HGETALL', names.tally],
    ['LRANGE', names.digests, 0, MAX_DIGESTS - 1],
  ]);
  for (const result of [fields, digests]) if (result instanceof Error) throw result;
  const counts = countsFrom(fields);
  const of = (field: Field): number => counts.get(field) ?? 0;
  const both = <T>(make: (side: SideName) => T): Readonly<Record<SideName, T>> => ({
    old: make('old'),
    new: make('new'),
  });
  return {
    failures: both((side) => of(`failures.${side}`)),
    pending: both((side) => {
      const prefix = pendingPrefix(side, period);
      return [...counts].reduce((sum, [field, keys]) => (field.startsWith(prefix) ? sum + keys : sum), 0);
    }),
    compared: Object.fromEntries(
      COMPARISONS.map((comparison) => [comparison, of(`compared.${comparison}`)] as const),
    ) as Readonly<Record<Comparison, number>>,
    latency: both((side) =>
      latencyFrom(Array.from({ length: BUCKETS }, (_, bucket) => of(`latency.${side}.${bucket}`))),
    ),
    divergent: Array.isArray(digests) ? digests.map(String) : [],
  };
}

function countsFrom(reply: unknown): ReadonlyMap<string, number> {
  const list: readonly unknown[] = Array.isArray(reply) ? reply : [];
  const counts = new Map<string, number>();
  for (let index = 0; index + 1 < list.length; index += 2)
    counts.set(String(list[index]), Number(list[index + 1]) || 0);
  return counts;
}
