import type { KvClient } from '../../client/kv-client.ts';
import { wholeNumber } from '../../client/whole-number.ts';
import type { Command } from '../../store/store.ts';
import { createDatabase, type DatabaseOptions } from '../drain.ts';
import { unlessAway } from '../unavailable.ts';
import { CONTENT } from './usage-drain.ts';
import { lastDays, type UsageNames } from './usage-names.ts';
import type { DayCount, UsageFound, UsageRead } from './usage-options.ts';
import { KEY_MARK } from './usage-scripts.ts';
import { USAGE_TABLE, usageStatements } from './usage-sql.ts';
import type { UseBuffer } from './use-buffer.ts';

export interface UsageReader {
  readonly kv: KvClient;
  readonly names: UsageNames;
  /** Redis has no more. */
  readonly maxDays: number;
  readonly buffer: UseBuffer;
  /** Requests under way that tell Redis of what was in the buffer. */
  readonly flights: ReadonlySet<Promise<unknown>>;
}

/** What Redis has of a key, and what it has not been told. One request. */
export async function readUsage(
  { kv, names, maxDays, buffer, flights }: UsageReader,
  keyId: string,
  days: number,
): Promise<UsageRead> {
  const wanted = lastDays(kv.clock.now(), wholeNumber('days', days, 1, maxDays));
  const shard = names.shardOf(keyId);
  const hashes = await Promise.all(wanted.map((day) => names.hash(shard, day)));
  // What is on its way is neither here nor there: this waits for it, where it may wait for what another has begun.
  if (flights.size > 0 && kv.sharesPromises) await Promise.allSettled(flights);
  const here = wanted.map((day) => buffer.countOf(day, keyId));
  return unlessAway(async () => {
    const results = await kv.execute(hashes.map((hash): Command => ['HGET', hash, KEY_MARK + keyId]));
    return found(
      wanted.map((day, ago) => {
        const result = results[ago];
        if (result instanceof Error) throw result;
        return { day, count: (Number(result) || 0) + (here[ago] ?? 0) };
      }),
    );
  });
}

/** What the database has of a key. One statement. */
export async function readUsageDrained(
  kv: KvClient,
  options: DatabaseOptions & { readonly table?: string | undefined },
  keyId: string,
  wanted: readonly string[],
): Promise<UsageRead> {
  const { read } = usageStatements(options.table ?? USAGE_TABLE);
  const ask = createDatabase(kv, options, CONTENT);
  return unlessAway(async () => {
    const rows = await ask(read, [keyId, wanted.at(-1) ?? '']);
    const counts = new Map(rows.map(({ day, n }) => [day, Number(n)]));
    return found(wanted.map((day) => ({ day, count: counts.get(day) ?? 0 })));
  });
}

function found(days: readonly DayCount[]): UsageFound {
  return { status: 'found', total: days.reduce((sum, { count }) => sum + count, 0), days };
}
