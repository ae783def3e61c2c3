import type { KvClient } from '../client/kv-client.ts';
import { boundPart, buildKey } from '../client/redis-keys.ts';

/**
 * The name of what a primitive keeps of one entity. All names that begin with it, as `${name}:fence`, are in one slot of a
 * Cluster: its parts are the hash tag, unless the namespace has one. Long parts are hashed, so names are bounded.
 *
 * @param prefix one of `KV_PREFIXES`
 */
export async function entityName(kv: KvClient, prefix: string, ...parts: readonly string[]): Promise<string> {
  const bounded: string[] = [];
  for (const part of parts) bounded.push(await boundPart(part));
  return `${kv.namespace}${prefix}{${buildKey('', ...bounded) || EMPTY}}`;
}

/** Redis takes `{}` for no hash tag at all. No part is ever escaped to this. */
const EMPTY = '%';
