import type { KvClient } from '../../client/kv-client.ts';
import { runScriptsWith, type ScriptCall } from '../../client/script.ts';
import type { SqlRow } from '../../client/sql-query.ts';
import { DAY_MS } from '../../clock.ts';
import { isUnavailable } from '../../errors.ts';
import { type DrainOutcome, fromAnywhere, runDrain } from '../drain.ts';
import { createNotes } from '../drain-notes.ts';
import { lastDays, type UsageNames } from './usage-names.ts';
import { isUsageKeyId, type UsageDrainOptions } from './usage-options.ts';
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
  return runDrain(kv, options, CONTENT, async ({ ask, saved, part }) => {
    // A day's hash is kept from its first use on, which may be in the last moment of it.
    const days = lastDays(kv.clock.now(), Math.ceil(retentionMs / DAY_MS) + 1);
    const notes = createNotes(kv);
    const drainHash = async ({ hash, day }: DayHash): Promise<void> => {
      const snapshot = snapshotOf(kv, await kv.command(['HGETALL', hash]));
      if (!snapshot) return;
      const { epoch, changes, rows } = snapshot;
      for (let at = 0; at < rows.length; at += MAX_OF_STATEMENT) {
        const some = rows.slice(at, at + MAX_OF_STATEMENT);
        // With any other answer nothing must be noted.
        const isGiven = ([row]: readonly SqlRow[]) => row?.given === String(some.length) || undefined;
        await ask(save, [day, epoch, JSON.stringify(some)], isGiven);
        saved(some.length);
      }
      await notes.add({ script: drainedScript, keys: [hash], args: [epoch, changes] });
    };
    try {
      for (const hash of await changedHashes(kv, names, days, full)) await part(() => drainHash(hash));
    } finally {
      await notes.tell().catch(() => undefined);
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
  const byShard = shards.map((hashes, shard) => {
    const places = results[shard];
    if (isUnavailable(places)) throw places;
    // Something else stands in the place of one of them: which it is shows when each is read.
    if (places instanceof Error) return hashes;
    const changed = new Set(Array.isArray(places) ? places.map(Number) : []);
    return hashes.filter((_, place) => changed.has(place));
  });
  return fromAnywhere(byShard).flat();
}

/** `undefined` for a hash that is gone, or is none of ours. */
function snapshotOf(kv: KvClient, reply: unknown): Snapshot | undefined {
  const words: readonly unknown[] = Array.isArray(reply) ? reply : [];
  if (words.length === 0) return undefined;
  const fields = new Map<string, string>();
  for (let at = 0; at < words.length; at += 2) fields.set(String(words[at]), String(words[at + 1]));
  const [epoch, changes] = [fields.get('epoch'), fields.get('changes')];
  const tell = (problem: string) => kv.notify({ type: 'unreadable', at: kv.clock.now(), feature: 'usage', problem });
  if (epoch === undefined || changes === undefined) {
    tell('counters without their epoch');
    return undefined;
  }
  for (const own of ['epoch', 'changes', 'drained']) fields.delete(own);
  const rows = [...fields]
    .map(([field, n]) => ({ mark: field.slice(0, KEY_MARK.length), key_id: field.slice(KEY_MARK.length), n }))
    .flatMap(({ mark, key_id, n }) =>
      mark === KEY_MARK && isUsageKeyId(key_id) && /^\d{1,18}$/.test(n) ? [{ key_id, n }] : [],
    );
  if (rows.length < fields.size) tell('the name of a counter, or its count');
  return { epoch, changes, rows };
}
