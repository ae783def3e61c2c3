import { randomBase62 } from '../../client/crypto.ts';
import type { KvClient } from '../../client/kv-client.ts';
import { runScriptsWith, type ScriptCall } from '../../client/script.ts';
import { isUnavailable } from '../../errors.ts';
import { hasNotRun } from '../unavailable.ts';
import type { UsageNames } from './usage-names.ts';
import { KEY_MARK, useScript } from './usage-scripts.ts';
import type { Uses } from './use-buffer.ts';

/** What became of uses that were to be told. */
export interface Sent {
  /** How many Redis has taken. */
  readonly told: number;
  /** How many it may have taken: they are not sent again. */
  readonly unknown: number;
  /** How many can stand nowhere, as something else stands there. */
  readonly refused: number;
  /** It certainly has not taken these. */
  readonly kept: readonly Uses[];
  /** The first error of a call. */
  readonly error: unknown;
}

/** Keys and days that one request is told of. */
export const MAX_OF_REQUEST = 1_000;
const EPOCH_LENGTH = 16;

/** Tells Redis of at most {@link MAX_OF_REQUEST} uses, in one request. Never again where the outcome is unknown. */
export async function sendUses(
  kv: KvClient,
  names: UsageNames,
  retentionMs: number,
  uses: readonly Uses[],
): Promise<Sent> {
  const byHash = new Map<string, Uses[]>();
  for (const one of uses) {
    const hash = await names.hash(names.shardOf(one.keyId), one.day);
    byHash.set(hash, [...(byHash.get(hash) ?? []), one]);
  }
  const groups = [...byHash];
  const calls = groups.map(([hash, its]): ScriptCall => {
    const counts = its.flatMap(({ keyId, count }) => [KEY_MARK + keyId, count]);
    return { script: useScript, keys: [hash], args: [randomBase62(EPOCH_LENGTH), retentionMs, ...counts] };
  });
  const results = await runScriptsWith(kv, calls, []).catch((error: unknown) => calls.map(() => error));
  let [told, unknown, refused] = [0, 0, 0];
  const kept: Uses[] = [];
  for (const [index, [, its]] of groups.entries()) {
    const result = results[index];
    const count = its.reduce((sum, one) => sum + one.count, 0);
    if (!(result instanceof Error)) told += count;
    else if (hasNotRun(result)) kept.push(...its);
    else if (isUnavailable(result)) unknown += count;
    else refused += count;
  }
  return { told, unknown, refused, kept, error: results.find((result) => result instanceof Error) };
}
