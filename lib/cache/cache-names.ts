import type { KvClient } from '../client/kv-client.ts';
import { boundPart, buildKey, KV_PREFIXES } from '../client/redis-keys.ts';

/** Full names of a cache's keys in Redis. No two of them need to be in one slot of a Cluster. */
export interface CacheNames {
  entry(key: string): Promise<string>;
  /** Held by the process that loads the value again in the background. */
  claim(key: string): Promise<string>;
  /** The part of a tag's key that entries carry. */
  tagPart(tag: string): Promise<string>;
  tag(part: string): string;
  /** Hash: `generation` is the stamp of the whole cache, `disturbance` that of the last invalidation of any tag. */
  readonly stamps: string;
  /** Hash of what all processes have counted. */
  readonly tally: string;
}

/** Set of the namespaces of all caches that have written anything. */
export function namespacesName(kv: KvClient): string {
  return kv.namespace + buildKey(KV_PREFIXES.CACHE, 'namespaces');
}

export function cacheNames(kv: KvClient, namespace: string): CacheNames {
  const head = kv.namespace + buildKey(KV_PREFIXES.CACHE, namespace);
  const entryOf = async (kind: string, key: string) => buildKey(`${head}:${kind}`, await boundPart(key));
  return {
    entry: (key) => entryOf('v', key),
    claim: (key) => entryOf('c', key),
    tagPart: async (tag) => buildKey('', await boundPart(tag)),
    tag: (part) => `${head}:t:${part}`,
    stamps: `${head}:stamps`,
    tally: `${head}:tally`,
  };
}
