import { randomBase62 } from '../../client/crypto.ts';
import type { KvClient } from '../../client/kv-client.ts';
import { runScriptsWith, type ScriptCall } from '../../client/script.ts';
import { wholeNumber } from '../../client/whole-number.ts';
import { DAY_MS } from '../../clock.ts';
import { type DrainOutcome, type DrainTools, runDrain } from '../drain.ts';
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
    let left = await Promise.all(Array.from({ length: shards }, (_, shard) => names(shard)));
    for (let round = 0; left.length > 0 && round < MAX_ROUNDS; round += 1) {
      const unfinished: ShardNames[] = [];
      const ends: ScriptCall[] = [];
      const batches = await grab(left);
      try {
        for (const [index, shard] of left.entries()) {
          const batch = batches[index];
          if (!batch) continue;
          await save(batch, tools);
          ends.push({ script: acknowledgeScript, keys: [shard.batch], args: [batch.id] });
          if (batch.hasMore) unfinished.push(shard);
        }
      } finally {
        await acknowledge(ends);
      }
      left = unfinished;
    }
    await tools.ask(forget, [String(rememberMs)], () => true);
  });

  async function grab(from: readonly ShardNames[]): Promise<readonly (Batch | undefined)[]> {
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
      if (result instanceof Error) throw result;
      return batchOf(result, newId);
    });
  }

  /** A batch that stays is sent again, and adds nothing then. @throws as `execute` */
  async function acknowledge(ends: readonly ScriptCall[]): Promise<void> {
    if (ends.length === 0) return;
    for (const result of await runScriptsWith(kv, ends, [])) if (result instanceof Error) throw result;
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
