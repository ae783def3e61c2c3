import type { Background } from '../client/background.ts';
import type { KvClient } from '../client/kv-client.ts';
import { elapsedSince, type Instant, instant } from '../clock.ts';
import { isUnavailable } from '../errors.ts';
import type { Command } from '../store/store.ts';
import { type CacheNames, cacheNames } from './cache-names.ts';
import type { CacheCounts } from './cache-stats.ts';

/** What all processes have counted of a cache, as far as they have told Redis. Nearly exact: see `withTally`. */
export interface CacheTally {
  /** Fresh values served, from memory or Redis. */
  readonly hits: number;
  /** Values served past their end. */
  readonly stale: number;
  /** "There is no such thing", served from the cache. */
  readonly negative: number;
  readonly misses: number;
  /** Reads while Redis was away that found nothing. */
  readonly unavailable: number;
  readonly loads: number;
  readonly loadErrors: number;
  /** Values that Redis took. */
  readonly writes: number;
  readonly droppedWrites: number;
  readonly unreadable: number;
  readonly invalidations: number;
  /** Served of asked for; `undefined` before anything was asked for. */
  readonly hitRate: number | undefined;
}

type Field = Exclude<keyof CacheTally, 'hitRate'>;

const FIELDS: readonly Field[] = [
  ...(['hits', 'stale', 'negative', 'misses', 'unavailable', 'loads', 'loadErrors'] as const),
  ...(['writes', 'droppedWrites', 'unreadable', 'invalidations'] as const),
];

export interface TallyOptions {
  readonly kv: KvClient;
  readonly names: CacheNames;
  readonly counts: Readonly<CacheCounts>;
  readonly background: Background;
}

const EVERY_MS = 10_000;

/**
 * A client that sends along what was counted since: at most every 10 s, behind a call of the cache and in the same tick, so
 * that both share a request. Nobody waits for it. What may have been counted is not sent again; a process that ends takes
 * what it has not told with it.
 */
export function withTally({ kv, names, counts, background }: TallyOptions): KvClient {
  const told = new Map<Field, number>();
  let toldAt: Instant = instant(kv.clock);

  const tell = async (): Promise<void> => {
    const current = fieldsOf(counts);
    const news = FIELDS.map((field) => [field, current[field] - (told.get(field) ?? 0)] as const).filter(
      ([, count]) => count > 0,
    );
    const note = (sign: 1 | -1) => {
      for (const [field, count] of news) told.set(field, (told.get(field) ?? 0) + sign * count);
    };
    note(1);
    try {
      await kv.execute(news.map(([field, count]): Command => ['HINCRBY', names.tally, field, count]));
    } catch (error) {
      if (isUnavailable(error) && (error.code === 'CIRCUIT_OPEN' || !error.mayHaveRun)) note(-1);
    }
  };

  return {
    ...kv,
    execute(commands, options) {
      const results = kv.execute(commands, options);
      // Behind it, so that it is no probe of the circuit where one is let out.
      if (elapsedSince(toldAt, kv.clock) >= EVERY_MS) {
        toldAt = instant(kv.clock);
        background.run(tell);
      }
      return results;
    },
  };
}

/** What all processes have counted of the caches of these namespaces, in their order. One request. @throws as `execute` */
export async function readTallies(kv: KvClient, namespaces: readonly string[]): Promise<readonly CacheTally[]> {
  const results = await kv.execute(
    namespaces.map((namespace): Command => ['HMGET', cacheNames(kv, namespace).tally, ...FIELDS]),
  );
  return results.map((result) => {
    if (result instanceof Error) throw result;
    return tallyFrom(result);
  });
}

/** What all processes have counted of one cache. One request. @throws as `execute` */
export async function readTally(kv: KvClient, namespace: string): Promise<CacheTally> {
  const [tally] = await readTallies(kv, [namespace]);
  return tally ?? tallyFrom([]);
}

function tallyFrom(values: unknown): CacheTally {
  const counts: readonly unknown[] = Array.isArray(values) ? values : [];
  const entries = FIELDS.map((field, index) => [field, Number(counts[index]) || 0] as const);
  const tally = Object.fromEntries(entries) as Readonly<Record<Field, number>>;
  const served = tally.hits + tally.stale + tally.negative;
  const asked = served + tally.misses + tally.unavailable;
  return { ...tally, hitRate: asked === 0 ? undefined : served / asked };
}

function fieldsOf(counts: Readonly<CacheCounts>): Readonly<Record<Field, number>> {
  return {
    ...counts,
    hits: counts.memoryHits + counts.storeHits,
    stale: counts.staleHits,
    negative: counts.negativeHits,
  };
}
