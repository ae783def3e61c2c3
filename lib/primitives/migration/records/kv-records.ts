import type { KvClient } from '../../../client/kv-client.ts';
import { boundPart, buildKey } from '../../../client/redis-keys.ts';
import { wholeNumber } from '../../../client/whole-number.ts';
import { ConfigError, StoreError } from '../../../errors.ts';
import type { Command } from '../../../store/store.ts';
import type { CounterStore, RecordStore } from './record-store.ts';

/** Settings of records in Redis. */
export interface KvRecordsOptions {
  readonly kv: KvClient;
  /** Before every key: `users`. The client's namespace stands before that. */
  readonly prefix: string;
  /**
   * How long a record is kept, in milliseconds, from when this side was last written: also when a repair or a backfill
   * wrote it. `false` for good.
   */
  readonly ttlMs: number | false;
}

const MAX_TTL_MS = 315_360_000_000;

/**
 * Records as JSON under keys of Redis. One request a call, whatever the number of keys; on a Cluster to each node. A write
 * is never sent twice. @throws ConfigError
 */
export function kvRecords<V>({ kv, prefix, ttlMs }: KvRecordsOptions): RecordStore<V> {
  const nameOf = namesBelow(kv, prefix);
  const life = lifeOf(ttlMs);
  const setting = async (key: string, value: V, ...more: string[]): Promise<Command> => [
    ...(['SET', await nameOf(key), textOf(value)] as const),
    ...life,
    ...more,
  ];
  const run = async (commands: readonly Command[], signal: AbortSignal): Promise<readonly unknown[]> => {
    const results = await kv.execute(commands, { signal });
    for (const result of results) if (result instanceof Error) throw result;
    return results;
  };
  return {
    get: async (key, { signal }) => valueFrom<V>(await kv.command(['GET', await nameOf(key)], { signal })),
    set: async (key, value, { signal }) => run([await setting(key, value)], signal),
    delete: async (key, { signal }) => kv.command(['DEL', await nameOf(key)], { signal }),
    setIfAbsent: async (key, value, { signal }) =>
      (await kv.command(await setting(key, value, 'NX'), { signal })) === 'OK',
    async getMany(keys, { signal }) {
      const names = await Promise.all(keys.map(nameOf));
      const results = await run(
        names.map((name): Command => ['GET', name]),
        signal,
      );
      const found = new Map<string, V>();
      for (const [index, key] of keys.entries()) {
        const value = valueFrom<V>(results[index]);
        if (value !== undefined) found.set(key, value);
      }
      return found;
    },
    setMany: async (records, { signal }) =>
      run(await Promise.all([...records].map(([key, value]) => setting(key, value))), signal),
    async deleteMany(keys, { signal }) {
      const names = await Promise.all(keys.map(nameOf));
      return run(
        names.map((name): Command => ['DEL', name]),
        signal,
      );
    },
  };
}

/** Counters under keys of Redis, by INCRBY. One request a call. @throws ConfigError */
export function kvCounters({ kv, prefix, ttlMs }: KvRecordsOptions): CounterStore {
  const nameOf = namesBelow(kv, prefix);
  const [, life] = lifeOf(ttlMs);
  return {
    async add(key, by, { signal }) {
      const name = await nameOf(key);
      const expiry: readonly Command[] = life === undefined ? [] : [['PEXPIRE', name, life]];
      const [count] = await kv.execute([['INCRBY', name, by], ...expiry], { signal });
      if (count instanceof Error) throw count;
      return Number(count);
    },
    async read(key, { signal }) {
      const count = Number((await kv.command(['GET', await nameOf(key)], { signal })) ?? 0);
      if (Number.isFinite(count)) return count;
      throw new StoreError('protocol', 'A counter is not a number', { mayHaveRun: false });
    },
  };
}

function namesBelow(kv: KvClient, prefix: string): (key: string) => Promise<string> {
  if (prefix === '') throw new ConfigError('prefix', 'must not be empty');
  return async (key) => kv.namespace + buildKey(prefix, await boundPart(key));
}

function lifeOf(ttlMs: number | false): readonly [] | readonly ['PX', number] {
  return ttlMs === false ? [] : ['PX', wholeNumber('ttlMs', ttlMs, 1, MAX_TTL_MS)];
}

function textOf(value: unknown): string {
  const text = JSON.stringify(value);
  if (text === undefined) throw new ConfigError('value', 'must have a JSON form');
  return text;
}

function valueFrom<V>(text: unknown): V | undefined {
  if (typeof text !== 'string') return undefined;
  try {
    return JSON.parse(text) as V;
  } catch {
    // Whose text it is, nobody knows. It must not be in the message.
    throw new StoreError('protocol', 'A record is not the JSON that was written', { mayHaveRun: false });
  }
}
