import { buildKey, KV_PREFIXES } from '../client/redis-keys.ts';
import type { KeyDigest } from './digest.ts';

/** Where things stand in Redis. Records have no time to live; entries are the cache in front of them. */
export interface KeyNames {
  entry(digest: KeyDigest): string;
  record(digest: KeyDigest): string;
  id(id: string): string;
  /** Sorted set of the ids of active keys, by creation. */
  readonly index: string;
  /** That a key with this digest was found in a source other than this Redis. */
  seen(digest: KeyDigest): string;
  /** Unknown keys that this client has tried. */
  misses(client: string): string;
  /** How often the key with this digest was used on a day. */
  usage(digest: KeyDigest, day: string): string;
  /** Looks in a source for keys that nobody knows. */
  readonly budget: string;
  /** Its absence means that the store has lost its data, or never had any. */
  readonly sentinel: string;
}

export function createKeyNames(namespace: string): KeyNames {
  const named = (prefix: string, ...parts: readonly string[]) => namespace + buildKey(prefix, ...parts);
  return {
    entry: ({ kid, digest }) => named(KV_PREFIXES.AUTH, '1', kid, digest),
    record: ({ kid, digest }) => named(KV_PREFIXES.API_KEY, '1', kid, digest),
    id: (id) => named(KV_PREFIXES.API_KEY, 'id', id),
    seen: ({ kid, digest }) => named(KV_PREFIXES.AUTH, 'seen', kid, digest),
    misses: (client) => named(KV_PREFIXES.AUTH, 'misses', client),
    usage: ({ kid, digest }, day) => named(KV_PREFIXES.USAGE, 'key', kid, digest, day),
    budget: named(KV_PREFIXES.AUTH, 'budget'),
    index: named(KV_PREFIXES.API_KEY, 'index'),
    sentinel: named(KV_PREFIXES.API_KEY, 'sentinel'),
  };
}
