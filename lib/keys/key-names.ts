import { buildKey, KV_PREFIXES } from '../client/keys.ts';
import type { KeyDigest } from './digest.ts';

/** Where things stand in Redis. Records have no time to live; entries are the cache in front of them. */
export interface KeyNames {
  entry(digest: KeyDigest): string;
  record(digest: KeyDigest): string;
  id(id: string): string;
  /** Sorted set of the ids of active keys, by creation. */
  readonly index: string;
  /** Its absence means that the store has lost its data, or never had any. */
  readonly sentinel: string;
}

export function createKeyNames(namespace: string): KeyNames {
  const named = (prefix: string, ...parts: readonly string[]) => namespace + buildKey(prefix, ...parts);
  return {
    entry: ({ kid, digest }) => named(KV_PREFIXES.AUTH, '1', kid, digest),
    record: ({ kid, digest }) => named(KV_PREFIXES.API_KEY, '1', kid, digest),
    id: (id) => named(KV_PREFIXES.API_KEY, 'id', id),
    index: named(KV_PREFIXES.API_KEY, 'index'),
    sentinel: named(KV_PREFIXES.API_KEY, 'sentinel'),
  };
}
