import type { Result } from '../client/call.ts';
import { buildKey, KV_PREFIXES } from '../client/keys.ts';
import type { KvClient } from '../client/kv-client.ts';
import type { Command } from '../store/store.ts';

/** How long another process may go on counting under the old epoch after a clear. */
export const EPOCH_MAX_AGE_MS = 1_000;

/** The generation of all limit keys. Raising it clears every limit at once; the old keys expire by themselves. */
export interface Epoch {
  /** Full name of the key that holds the count of one policy and subject. */
  key(policy: string, subject: string): string;
  /** What to ask along with the next request: nothing while the known epoch is young. */
  query(): readonly Command[];
  /** Takes note of the answer to `query`. Whether keys have changed, so that the request must be made again. */
  learn(result: Result | undefined): boolean;
  /** Starts a new epoch for everybody. One request. */
  raise(): Promise<void>;
}

export function createEpoch(kv: KvClient): Epoch {
  const { clock } = kv;
  const name = kv.namespace + buildKey(KV_PREFIXES.RATE_LIMIT, 'epoch');
  let current = '';
  let knownAt = Number.NEGATIVE_INFINITY;

  const adopt = (next: string) => {
    const changed = next !== current;
    current = next;
    knownAt = clock.monotonic();
    return changed;
  };

  return {
    key(policy, subject) {
      const parts = current === '' ? [policy, subject] : [`e${current}`, policy, subject];
      return kv.namespace + buildKey(KV_PREFIXES.RATE_LIMIT, ...parts);
    },
    query() {
      return clock.monotonic() - knownAt < EPOCH_MAX_AGE_MS ? [] : [['GET', name]];
    },
    learn(result) {
      if (result === undefined || result instanceof Error) return false;
      return adopt(typeof result === 'string' ? result : '');
    },
    async raise() {
      adopt(String(await kv.command(['INCR', name])));
    },
  };
}
