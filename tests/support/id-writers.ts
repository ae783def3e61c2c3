import { setTimeout as delay } from 'node:timers/promises';
import type { KvClient } from '../../lib/client/kv-client.ts';
import { isKvError } from '../../lib/errors.ts';

/** What the writer of one id was told. */
export interface Told {
  readonly id: string;
  readonly key: string;
  readonly startedAt: number;
  readonly tookMs: number;
  /** Where in the list of `key` Redis has put it; only where it was acknowledged. */
  readonly position: number | undefined;
  /** Whether it may be there although it was not acknowledged. */
  readonly mayHaveRun: boolean;
  /** The error's code, with its kind where it has one. */
  readonly reason: string | undefined;
}

export interface IdWriters {
  readonly told: readonly Told[];
  /** Whatever was neither an acknowledgement nor an error of ours. */
  readonly surprises: readonly unknown[];
  /** Waits for those who are still out. */
  stop(): Promise<void>;
}

/** Appends unique ids to lists, from `perKey` sides at once for each key, until it is told to stop. */
export function writeIds(kv: KvClient, keys: readonly string[], perKey: number): IdWriters {
  const told: Told[] = [];
  const surprises: unknown[] = [];
  let going = true;

  async function once(key: string, id: string): Promise<void> {
    const startedAt = performance.now();
    const tell = (rest: Omit<Told, 'id' | 'key' | 'startedAt' | 'tookMs'>) =>
      told.push({ id, key, startedAt, tookMs: performance.now() - startedAt, ...rest });
    try {
      const position = await kv.command(['RPUSH', key, id]);
      if (typeof position === 'number') tell({ position, mayHaveRun: true, reason: undefined });
      else surprises.push(position);
    } catch (error) {
      if (!isKvError(error) || error.code === 'COMMAND' || error.code === 'CONFIG') surprises.push(error);
      else if (error.code === 'CIRCUIT_OPEN') tell({ position: undefined, mayHaveRun: false, reason: error.code });
      else {
        const reason = error.code === 'STORE' ? `${error.code} ${error.kind}` : error.code;
        tell({ position: undefined, mayHaveRun: error.mayHaveRun, reason });
      }
    }
  }

  async function work(key: string, writer: number): Promise<void> {
    for (let count = 0; going; count += 1) {
      await once(key, `${key}/${writer}/${count}`);
      await delay(1);
    }
  }

  const working = Promise.all(keys.flatMap((key) => Array.from({ length: perKey }, (_, writer) => work(key, writer))));
  return {
    told,
    surprises,
    stop: async () => {
      going = false;
      await working;
    },
  };
}
