import { sha256 } from '../../client/crypto.ts';
import type { KvClient } from '../../client/kv-client.ts';
import { isKeepable, requireName, type TextStorage, textStorage } from './text-storage.ts';

/** Settings of a driver. Wrong ones throw a ConfigError. */
export interface BentocacheDriverOptions {
  readonly kv: KvClient;
  /** Stores of the same prefix share their entries. 1 to 128 characters. @default BentoCache's `prefix`, else 'bentocache' */
  readonly prefix?: string | undefined;
}

/** What BentoCache asks of the driver of a second layer. */
export interface BentocacheDriver {
  readonly type: 'l2';
  namespace(name: string): BentocacheDriver;
  get(key: string): Promise<string | undefined>;
  pull(key: string): Promise<string | undefined>;
  set(key: string, value: string, ttl?: number): Promise<boolean>;
  delete(key: string): Promise<boolean>;
  deleteMany(keys: readonly string[]): Promise<boolean>;
  clear(): Promise<void>;
  disconnect(): Promise<void>;
}

/** What `useL2Layer` takes. */
export interface BentocacheDriverConfig {
  readonly options: { readonly prefix?: string };
  readonly factory: (config: { readonly prefix?: string | undefined }) => BentocacheDriver;
}

/**
 * The second layer of a BentoCache 1 store.
 *
 * Requests: one for each call, also for `pull` (GETDEL) and for `deleteMany` up to 256 keys. `clear` passes by the whole
 * database, 1,000 keys a request. `disconnect` leaves the client open: it is yours.
 *
 * Redis away: everything rejects, at once while the circuit is open. BentoCache logs it, and goes on with its first layer
 * where it has one, or as `suppressL2Errors` says. A breaker of its own, `l2CircuitBreakerDuration`, has nothing to add.
 *
 * No key is refused, as BentoCache would take that for an outage: in place of one of more than 1,024 UTF-16 units, or with
 * a lone surrogate, its digest is used, within its namespace. Redis keeps UTF-8: a lone surrogate in a text of your own
 * serializer comes back as U+FFFD.
 *
 * On a Redis Cluster all of one prefix lies in one slot, and so on one primary.
 *
 * @example
 * ```ts
 * import { bentostore } from 'bentocache';
 * import { memoryDriver } from 'bentocache/drivers/memory';
 *
 * const store = bentostore().useL1Layer(memoryDriver()).useL2Layer(bentocacheDriver({ kv }));
 * ```
 *
 * @throws ConfigError from the factory, for a prefix of another length
 */
export function bentocacheDriver({ kv, prefix }: BentocacheDriverOptions): BentocacheDriverConfig {
  return {
    // BentoCache puts them over its own, an `undefined` too.
    options: prefix === undefined ? {} : { prefix },
    factory: ({ prefix: name = 'bentocache' }) => {
      requireName('prefix', name);
      return driverOf(textStorage(kv, 'bentocache', name), '');
    },
  };
}

function driverOf(storage: TextStorage, namespace: string): BentocacheDriver {
  const within = async (key: string): Promise<string> => {
    const named = namespace + key;
    return isKeepable(named) && !key.startsWith(DIGEST) ? named : namespace + (await digestOf(key));
  };
  return {
    type: 'l2',
    namespace: (name) => driverOf(storage, `${namespace}${name}:`),
    async get(key) {
      return storage.get(await within(key));
    },
    async pull(key) {
      return storage.pull(await within(key));
    },
    async set(key, value, ttl) {
      await storage.set(await within(key), value, ttl);
      return true;
    },
    async delete(key) {
      return (await storage.delete([await within(key)])) === 1;
    },
    async deleteMany(keys) {
      await storage.delete(await Promise.all(keys.map(within)));
      return true;
    },
    clear: () => storage.clear(namespace),
    disconnect: async () => undefined,
  };
}

const DIGEST = 'sha256-';

/** Of the JSON text, which keeps apart what UTF-8 does not. */
async function digestOf(key: string): Promise<string> {
  return DIGEST + (await sha256(JSON.stringify(key)));
}
