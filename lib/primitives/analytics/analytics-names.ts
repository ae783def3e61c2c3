import type { KvClient } from '../../client/kv-client.ts';
import { boundPart, buildKey, KV_PREFIXES } from '../../client/redis-keys.ts';
import { entityName } from '../names.ts';

/** What a shard is made of in Redis, all in one slot. */
export interface ShardNames {
  /** The hash that is counted in. */
  readonly live: string;
  /** The hash that is on its way to the database. */
  readonly batch: string;
  /** What says that an event has been counted under this id. */
  seen(event: string, id: string): Promise<string>;
}

export type AnalyticsNames = (shard: number) => Promise<ShardNames>;

export function analyticsNames(kv: KvClient, name: string): AnalyticsNames {
  return async (shard) => {
    const entity = await entityName(kv, KV_PREFIXES.ANALYTICS, name, String(shard));
    return {
      live: `${entity}:live`,
      batch: `${entity}:batch`,
      seen: async (event, id) => buildKey(`${entity}:seen`, event, await boundPart(id)),
    };
  };
}
