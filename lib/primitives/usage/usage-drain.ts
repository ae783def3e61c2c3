import type { KvClient } from '../../client/kv-client.ts';
import { runScriptsWith, type ScriptCall } from '../../client/script.ts';
import type { SqlRow } from '../../client/sql-query.ts';
import { DAY_MS } from '../../clock.ts';
import { type DrainOutcome, runDrain } from '../drain.ts';
import { lastDays, type UsageNames } from './usage-names.ts';
import type { UsageDrainOptions } from './usage-options.ts';
import { changedScript, drainedScript, KEY_MARK } from './usage-scripts.ts';
import { USAGE_TABLE, usageStatements } from './usage-sql.ts';

export const CONTENT = 'usage counters';

export interface UsageDrain {
  readonly kv: KvClient;
  readonly names: UsageNames;
  readonly retentionMs: number;
}

/** A hash as it stood in one moment. */
interface Snapshot {
  readonly epoch: string;
  readonly changes: string;
  readonly rows: readonly { readonly key_id: string; readonly n: string }[];
}

/** Rows that one statement is given. */
const MAX_OF_STATEMENT = 5_000;

/** Reads each hash that has changed, and puts what it holds where the database has less. Any number may do so at once. */
export function drainUsage({ kv, names, retentionMs }: UsageDrain, options: UsageDrainOptions): Promise<DrainOutcome> {
  const { table = USAGE_TABLE, full = false } = options;
  const { save } = usageStatements(table);
  return runDrain(kv, options, CONTENT, async ({ ask, saved }) => {
    // A day's hash is kept from its first use on, which may be in the last moment of it.
    const days = lastDays(kv.clock.now(), Math.ceil(retentionMs / DAY_MS) + 1);
    const notes: ScriptCall[] = [];
    try {
      for (const { hash, day } of await changedHashes(kv, names, days, full)) {
        const snapshot = snapshotOf(kv, await kv.command(['HGETALL', hash]));
        if (!snapshot) continue;
        const { epoch, changes, rows } = snapshot;
        for (let at = 0; at < rows.length; at += MAX_OF_STATEMENT) {
          const some = rows.slice(at, at + MAX_OF_STATEMENT);
          // With any other answer nothing must be noted.
          const isGiven = ([row]: readonly SqlRow[]) => row?.given === String(some.length) || undefined;
          await ask(save, [day, epoch, JSON.stringify(some)], isGiven);
          saved(some.length);
        }
        notes.push({ script: drainedScript, keys: [hash], args: [epoch, changes] });
      }
    } finally {
      await runScriptsWith(kv, notes, []).catch(() => undefined);
    }
  });
}

interface DayHash {
  readonly hash: string;
  readonly day: string;
}

async function changedHashes(
  kv: KvClient,
  names: UsageNames,
  days: readonly string[],
  full: boolean,
): Promise<readonly DayHash[]> {
  const shards = await Promise.all(
    Array.from({ length: names.shards }, (_, shard) =>
      Promise.all(days.map(async (day): Promise<DayHash> => ({ hash: await names.hash(shard, day), day }))),
    ),
  );
  const calls = shards.map(
    (hashes): ScriptCall => ({
      script: changedScript,
      keys: hashes.map(({ hash }) => hash),
      args: [full ? 1 : 0],
    }),
  );
  const results = await runScriptsWith(kv, calls, []);
  return shards.flatMap((hashes, shard) => {
    const places = results[shard];
    if (places instanceof Error) throw places;
    const changed = new Set(Array.isArray(places) ? places.map(Number) : []);
    return hashes.filter((_, place) => changed.has(place));
  });
}

/** `undefined` for a hash that is gone, or is none of ours. */
function snapshotOf(kv: KvClient, reply: unknown): Snapshot | undefined {
  const words: readonly unknown[] = Array.isArray(reply) ? reply : [];
  if (words.length === 0) return undefined;
  const fields = new Map<string, string>();
  for (let at = 0; at < words.length; at += 2) fields.set(String(words[at]), String(words[at + 1]));
  const [epoch, changes] = [fields.get('epoch'), fields.get('changes')];
  if (epoch === undefined || changes === undefined) {
    const problem = 'counters without their epoch';
    kv.notify({ type: 'unreadable', at: kv.clock.now(), feature: 'usage', problem });
    return undefined;
  }
  const rows = [...fields]
    .filter(([field, n]) => field.startsWith(KEY_MARK) && /^\d{1,18}$/.test(n))
    .map(([field, n]) => ({ key_id: field.slice(KEY_MARK.length), n }));
  return { epoch, changes, rows };
}
