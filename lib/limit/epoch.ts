import type { Result } from '../client/call.ts';
import type { KvClient } from '../client/kv-client.ts';
import { buildKey, KV_PREFIXES } from '../client/redis-keys.ts';
import { elapsedSince, type Instant, instant } from '../clock.ts';
import type { Command } from '../store/store.ts';

/** How long another process may go on counting under the old epoch after a clear. */
const EPOCH_MAX_AGE_MS = 1_000;

/** The generation of all limit keys. Raising it clears every limit at once; the old keys expire by themselves. */
export interface Epoch {
  /** Full name of the key that holds the count of one policy and subject. */
  key(policy: string, subject: string): string;
  /** What to ask along with the next request. */
  query(): EpochQuery;
  /** Starts a new epoch for everybody. One request. */
  raise(): Promise<void>;
}

export interface EpochQuery {
  /** None while the known epoch is young. */
  readonly commands: readonly Command[];
  /** Takes note of the answer. Whether keys have changed since the question, so that the request must be made again. */
  learn(result: Result | undefined): boolean;
}

/** `onChange` is told when the keys are others from now on. */
export function createEpoch(kv: KvClient, onChange: () => void = () => {}): Epoch {
  const { clock } = kv;
  const name = kv.namespace + buildKey(KV_PREFIXES.RATE_LIMIT, 'epoch');
  let current = '';
  let knownAt: Instant | undefined;
  let asked = 0;
  let answered = 0;

  /** An answer to an earlier question than the last one answered is out of date, whatever it says. */
  const adopt = (question: number, next: string) => {
    if (question < answered) return;
    const changed = next !== current;
    answered = question;
    current = next;
    knownAt = instant(clock);
    if (changed) onChange();
  };

  return {
    key(policy, subject) {
      const parts = current === '' ? [policy, subject] : [`e${current}`, policy, subject];
      return kv.namespace + buildKey(KV_PREFIXES.RATE_LIMIT, ...parts);
    },
    query() {
      // Others may learn of a change while this request is under way, under the old keys.
      const used = current;
      if (knownAt && elapsedSince(knownAt, clock) < EPOCH_MAX_AGE_MS) {
        return { commands: [], learn: () => current !== used };
      }
      asked += 1;
      const question = asked;
      return {
        commands: [['GET', name]],
        learn(result) {
          const isKnown = result !== undefined && !(result instanceof Error);
          if (isKnown) adopt(question, typeof result === 'string' ? result : '');
          return current !== used;
        },
      };
    },
    async raise() {
      const before = answered;
      const raised = String(await kv.command(['INCR', name]));
      // Another one, made later, has been answered before this one.
      if (answered > before && Number(current) > Number(raised)) return;
      asked += 1;
      adopt(asked, raised);
    },
  };
}
