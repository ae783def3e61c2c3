import type { KvClient } from '../../client/kv-client.ts';
import { ConfigError } from '../../errors.ts';
import { reportTo } from '../../events.ts';
import { requireName, textStorage } from './text-storage.ts';

/** Settings of a store for Keyv. Wrong ones throw a ConfigError. */
export interface KeyvStoreOptions {
  readonly kv: KvClient;
  /** Keyvs of the same name share their entries, each within its own namespace. 1 to 128 characters. @default 'keyv' */
  readonly name?: string | undefined;
}

/** One of those that `setMany` writes. `ttl` in milliseconds. */
export interface KeyvStoreEntry {
  readonly key: string;
  readonly value: unknown;
  /** In milliseconds. */
  readonly ttl?: number | undefined;
}

/** What Keyv asks of a storage adapter. */
export interface KeyvStore {
  readonly opts: { readonly dialect: 'redis'; readonly url: '' };
  /** Keyv's own; it sets it. */
  namespace?: string;
  get<Value>(key: string): Promise<Value | undefined>;
  getMany<Value>(keys: readonly string[]): Promise<(Value | undefined)[]>;
  set(key: string, value: unknown, ttl?: number): Promise<boolean>;
  setMany(entries: readonly KeyvStoreEntry[]): Promise<boolean[]>;
  has(key: string): Promise<boolean>;
  hasMany(keys: readonly string[]): Promise<boolean[]>;
  delete(key: string): Promise<boolean>;
  /** Whether there was any of them. */
  deleteMany(keys: readonly string[]): Promise<boolean>;
  clear(): Promise<void>;
  iterator<Value>(namespace?: string): AsyncGenerator<[string, Value], void>;
  on(event: string, listener: (error: unknown) => void): KeyvStore;
}

const READ_AT_ONCE = 256;

/**
 * A storage adapter for Keyv 5. Keyv 6 takes it as one of the older kind, through its bridge, which clears a namespace
 * key by key.
 *
 * Requests: one for each call, also for `getMany`, `setMany`, `hasMany` and `deleteMany` up to 256 keys. `clear` and
 * `iterator` pass by the whole database, 1,000 keys a request; `iterator` asks one more for each 256 entries that it finds,
 * and may give an entry twice while Redis grows. `clear` deletes what begins with the Keyv's namespace; without one,
 * everything of this name.
 *
 * Redis away: everything rejects, at once while the circuit is open. Keyv 5 makes of it an `error` event and `undefined`
 * for `get`, `false` for `set` and `delete`; its `getMany`, `has` and iterator reject. That a `get` failed is told by this
 * store, since Keyv 5 does not. A key of more than 1,024 UTF-16 units, namespace included, or with a lone surrogate is a
 * ConfigError in the same way, and so is a value that is no text: Keyv's serializer makes them text.
 *
 * On a Redis Cluster all of one name lies in one slot, and so on one primary.
 *
 * @example
 * ```ts
 * import Keyv from 'keyv';
 *
 * const keyv = new Keyv({ store: keyvStore({ kv }), namespace: 'users' });
 * ```
 *
 * @throws ConfigError
 */
export function keyvStore({ kv, name = 'keyv' }: KeyvStoreOptions): KeyvStore {
  requireName('name', name);
  const storage = textStorage(kv, 'keyv', name);
  const listeners = new Set<(error: unknown) => void>();

  // No `namespace` as yet: Keyv 6 puts it before the keys by itself unless it finds one here, as Keyv 5 always does.
  const store: KeyvStore = {
    opts: { dialect: 'redis', url: '' },
    async get<Value>(key: string) {
      try {
        return (await storage.get(key)) as Value | undefined;
      } catch (error) {
        for (const listener of listeners) reportTo(listener, error);
        throw error;
      }
    },
    async getMany<Value>(keys: readonly string[]) {
      return [...(await storage.getMany(keys))] as (Value | undefined)[];
    },
    async set(key, value, ttl) {
      await storage.set(key, textOf(value), ttl);
      return true;
    },
    async setMany(entries) {
      await storage.setMany(entries.map(({ key, value, ttl }) => ({ key, text: textOf(value), ttlMs: ttl })));
      return entries.map(() => true);
    },
    async has(key) {
      const [found = false] = await storage.has([key]);
      return found;
    },
    async hasMany(keys) {
      return [...(await storage.has(keys))];
    },
    async delete(key) {
      return (await storage.delete([key])) === 1;
    },
    async deleteMany(keys) {
      return (await storage.delete(keys)) > 0;
    },
    async clear() {
      await storage.clear(within(store.namespace));
    },
    async *iterator<Value>(namespace?: string) {
      for await (const page of storage.pages(within(namespace))) {
        for (let at = 0; at < page.length; at += READ_AT_ONCE) {
          const keys = page.slice(at, at + READ_AT_ONCE);
          const texts = await storage.getMany(keys);
          for (const [index, key] of keys.entries()) {
            // One that has ended meanwhile.
            if (texts[index] !== undefined) yield [key, texts[index] as Value];
          }
        }
      }
    },
    on(event, listener) {
      if (event === 'error') listeners.add(listener);
      return store;
    },
  };
  return store;
}

const within = (namespace: string | undefined): string => (namespace ? `${namespace}:` : '');

function textOf(value: unknown): string {
  if (typeof value !== 'string') throw new ConfigError('value', 'must be text, as the serializer of Keyv makes it');
  return value;
}
