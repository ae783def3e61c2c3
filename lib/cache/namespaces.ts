import type { KvClient } from '../client/kv-client.ts';
import { ConfigError } from '../errors.ts';
import { cacheNames, namespacesName } from './cache-names.ts';
import { newStamp } from './invalidation/stamps.ts';

/** Whether a cache may be called that. */
export function isNamespace(text: string): boolean {
  return /^[\w.-]{1,64}$/.test(text);
}

/** The namespaces of all caches that have ever written here, by name. One request, no KEYS. @throws as `command` */
export async function listNamespaces(kv: KvClient): Promise<readonly string[]> {
  const members = await kv.command(['SMEMBERS', namespacesName(kv)]);
  return (Array.isArray(members) ? members : []).map(String).filter(isNamespace).sort();
}

/** Whether a cache of this namespace has ever written here. One request. @throws as `command` */
export async function hasNamespace(kv: KvClient, namespace: string): Promise<boolean> {
  return (await kv.command(['SISMEMBER', namespacesName(kv), namespace])) === 1;
}

/**
 * Ends all entries of a cache, as its `clear` does, from outside: its processes notice when their copies are `l1.maxTtlMs`
 * old. One request, whatever the number of entries. @throws as `command`
 */
export async function clearNamespace(kv: KvClient, namespace: string): Promise<void> {
  await kv.command(['HSET', cacheNames(kv, namespace).stamps, 'generation', newStamp()]);
}

/** That of the caches which this one replaces, such as `cache:company`. @throws ConfigError */
export function namespaceOf(prefix: string): string {
  const namespace = prefix
    .replace(/^cache:/, '')
    .replace(/:$/, '')
    .replaceAll(':', '.');
  // A dot stands for a colon: of two prefixes none is the other's.
  if (isNamespace(namespace) && !prefix.includes('.')) return namespace;
  throw new ConfigError('prefix', 'must be 1 to 64 letters, digits, dashes, underscores or colons');
}
