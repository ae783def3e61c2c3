import { randomBase62 } from '../../client/crypto.ts';
import type { KvClient } from '../../client/kv-client.ts';
import { runScriptsWith, type ScriptCall } from '../../client/script.ts';
import { wholeNumber } from '../../client/whole-number.ts';
import { DAY_MS } from '../../clock.ts';
import { isUnavailable } from '../../errors.ts';
import { type DrainOutcome, type DrainTools, fromAnywhere, runDrain } from '../drain.ts';
import { createNotes } from '../drain-notes.ts';
import type { AnalyticsNames, ShardNames } from './analytics-names.ts';
import type { AnalyticsDrainOptions } from './analytics-options.ts';
import { ANALYTICS_TABLE, analyticsStatements } from './analytics-sql.ts';
import { acknowledgeScript, BATCH_ID, grabScript } from './batch-scripts.ts';
import { type EventRow, readEventField } from './event-field.ts';

export interface AnalyticsDrain {
  readonly kv: KvClient;
  readonly names: AnalyticsNames;
  readonly shards: number;
  readonly batchFields: number;
}

interface Batch {
  readonly id: string;
  /** Whether more may be left in the shard: it was full, or was made earlier, and counts have come since. */
  readonly hasMore: boolean;
  readonly rows: readonly (EventRow & { readonly n: string })[];
}

const BATCH_ID_LENGTH = 22;
/** With any other answer the batch must not end. */
const ADDED: ReadonlyMap<string | undefined, boolean> = new Map([
  ['1', true],
  ['0', false],
]);
/** Rounds of one drain: what is counted faster than it is drained is left to the next. */
const MAX_ROUNDS = 1_000;

/** Moves what is counted into the database, batch by batch. Any number may do so at once. */
export function drainAnalytics(
  { kv, names, shards, batchFields }: AnalyticsDrain,
  options: AnalyticsDrainOptions,
): Promise<DrainOutcome> {
  const { table = ANALYTICS_TABLE, rememberMs = 90 * DAY_MS } = options;
  wholeNumber('rememberMs', rememberMs, DAY_MS, 3_660 * DAY_MS);
  const { add, forget } = analyticsStatements(table);

  /** Puts a batch into the database, once, whoever has sent it before. */
  const save = async ({ id, rows }: Batch, { ask, saved }: DrainTools): Promise<void> => {
    const added = await ask(add, [id, JSON.stringify(rows)], ([row]) => ADDED.get(row?.added));
    if (added) saved(rows.length);
  };

  return runDrain(kv, options, 'analytics', async (tools) => {
    const ends = createNotes(kv);
    let left = fromAnywhere(await Promise.all(Array.from({ length: shards }, (_, shard) => names(shard))));
    for (let round = 0; left.length > 0 && round < MAX_ROUNDS; round += 1) {
      const unfinished: ShardNames[] = [];
      const batches = await grab(left);
      const drainShard = async (shard: ShardNames, batch: Batch | Error | undefined): Promise<void> => {
        if (batch instanceof Error) throw batch;
        if (!batch) return;
        await save(batch, tools);
        if (batch.hasMore) unfinished.push(shard);
        // A batch that stays is sent again, and adds nothing then.
        await ends.add({ script: acknowledgeScript, keys: [shard.batch], args: [batch.id] });
      };
      try {
        for (const [index, shard] of left.entries()) await tools.part(() => drainShard(shard, batches[index]));
      } finally {
        await ends.tell();
      }
      left = unfinished;
    }
    await tools.ask(forget, [String(rememberMs)], () => true);
  });

  async function grab(from: readonly ShardNames[]): Promise<readonly (Batch | Error | undefined)[]> {
    const asked = from.map(({ live, batch }) => {
      const newId = randomBase62(BATCH_ID_LENGTH);
      const call: ScriptCall = { script: grabScript, keys: [live, batch], args: [newId, batchFields] };
      return { newId, call };
    });
    const results = await runScriptsWith(
      kv,
      asked.map(({ call }) => call),
      [],
    );
    return asked.map(({ newId }, index) => {
      const result = results[index];
      if (isUnavailable(result)) throw result;
      return result instanceof Error ? result : batchOf(result, newId);
    });
  }

  function batchOf(reply: unknown, newId: string): Batch | undefined {
    const words: readonly unknown[] = Array.isArray(reply) ? reply : [];
    const fields = new Map<string, string>();
    for (let at = 0; at < words.length; at += 2) fields.set(String(words[at]), String(words[at + 1]));
    const id = fields.get(BATCH_ID);
    if (id === undefined) return undefined;
    fields.delete(BATCH_ID);
    const rows = [...fields].flatMap(([field, n]) => {
      const row = /^\d{1,18}$/.test(n) ? readEventField(field) : undefined;
      return row ? [{ ...row, n }] : [];
    });
    if (rows.length < fields.size) {
      const problem = 'the name of a counter, or its count';
      kv.notify({ type: 'unreadable', at: kv.clock.now(), feature: 'analytics', problem });
    }
    return { id, hasMore: id !== newId || fields.size >= batchFields, rows };
  }
}
