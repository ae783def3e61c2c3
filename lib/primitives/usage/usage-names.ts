import type { KvClient } from '../../client/kv-client.ts';
import { KV_PREFIXES } from '../../client/redis-keys.ts';
import { DAY_MS, isoDay } from '../../clock.ts';
import { entityName } from '../names.ts';
import { shardOf } from '../shard.ts';

export interface UsageNames {
  readonly shards: number;
  /** The shard of a key. */
  shardOf(keyId: string): number;
  /** The hash of a shard and day. All of a shard are in one slot. */
  hash(shard: number, day: string): Promise<string>;
}

export function usageNames(kv: KvClient, name: string, shards: number): UsageNames {
  return {
    shards,
    shardOf: (keyId) => shardOf(keyId, shards),
    hash: async (shard, day) => `${await entityName(kv, KV_PREFIXES.USAGE, name, String(shard))}:${day}`,
  };
}

/** The last `count` days by the calendar of UTC, today first: `2026-11-21`. */
export function lastDays(now: number, count: number): readonly string[] {
  return Array.from({ length: count }, (_, ago) => isoDay(now - ago * DAY_MS));
}
