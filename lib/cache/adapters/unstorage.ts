import type { KvClient } from '../../client/kv-client.ts';
import { ConfigError } from '../../errors.ts';
import { base64Decode, base64Encode } from '../payload/base64.ts';
import { requireName, textStorage } from './text-storage.ts';

/** Settings of a driver. Wrong ones throw a ConfigError. */
export interface UnstorageDriverOptions {
  readonly kv: KvClient;
  /** Drivers of the same name share their items. 1 to 128 characters. @default 'unstorage' */
  readonly name?: string | undefined;
  /** Life of an item that is set without `ttl`, in milliseconds. @default for good */
  readonly ttlMs?: number | undefined;
}

/** What unstorage hands on of a caller's options. */
export interface UnstorageItemOptions {
  /** In seconds, as everywhere in unstorage; 0 is for good. @default the driver's `ttlMs` */
  readonly ttl?: number | undefined;
}

/** A key, with settings of its own. */
export interface UnstorageItem {
  readonly key: string;
  readonly options?: UnstorageItemOptions | undefined;
}

/** What unstorage asks of a driver. */
export interface UnstorageDriver {
  readonly name: string;
  readonly flags: { readonly ttl: true };
  getInstance(): KvClient;
  hasItem(key: string): Promise<boolean>;
  getItem(key: string): Promise<string | null>;
  getItems(items: readonly UnstorageItem[]): Promise<{ key: string; value: string | null }[]>;
  getItemRaw(key: string): Promise<string | Uint8Array | null>;
  setItem(key: string, value: string, options?: UnstorageItemOptions): Promise<void>;
  setItems(items: readonly (UnstorageItem & { readonly value: string })[]): Promise<void>;
  setItemRaw(key: string, value: unknown, options?: UnstorageItemOptions): Promise<void>;
  removeItem(key: string): Promise<void>;
  /** Seconds left, where it ends; `null` where nothing is. */
  getMeta(key: string): Promise<{ ttl?: number } | null>;
  getKeys(base?: string): Promise<string[]>;
  clear(base?: string): Promise<void>;
}

/**
 * A driver for unstorage 1.
 *
 * Requests: one for each call, also for `getItems` and `setItems` up to 256 items. `getKeys` and `clear` pass by the whole
 * database, 1,000 keys a request, whatever the base. `dispose` leaves the client open: it is yours. Nothing is watched.
 *
 * Bytes are stored as unstorage itself does it for drivers of texts, so each can read the other's: a raw text that begins
 * with `base64:` comes back as bytes. Redis keeps UTF-8: a lone surrogate in a text comes back as U+FFFD.
 *
 * Redis away: everything rejects, at once while the circuit is open. A key of more than 1,024 UTF-16 units, or with a
 * lone surrogate, is refused with a ConfigError, and so is a raw value that is neither text nor bytes.
 *
 * On a Redis Cluster all of one name lies in one slot, and so on one primary.
 *
 * @example
 * ```ts
 * import { createStorage } from 'unstorage';
 *
 * const storage = createStorage({ driver: unstorageDriver({ kv }) });
 * ```
 *
 * @throws ConfigError
 */
export function unstorageDriver({ kv, name = 'unstorage', ttlMs }: UnstorageDriverOptions): UnstorageDriver {
  requireName('name', name);
  if (ttlMs !== undefined && !(ttlMs > 0)) throw new ConfigError('ttlMs', 'must be a positive number of milliseconds');
  const storage = textStorage(kv, 'unstorage', name);
  const lifeOf = (options: UnstorageItemOptions | undefined): number | undefined =>
    options?.ttl === undefined ? ttlMs : options.ttl * 1_000;

  return {
    name: 'breakwater',
    flags: { ttl: true },
    getInstance: () => kv,
    async hasItem(key) {
      const [found = false] = await storage.has([key]);
      return found;
    },
    async getItem(key) {
      return (await storage.get(key)) ?? null;
    },
    async getItems(items) {
      const texts = await storage.getMany(items.map(({ key }) => key));
      return items.map(({ key }, index) => ({ key, value: texts[index] ?? null }));
    },
    async getItemRaw(key) {
      const text = await storage.get(key);
      return text === undefined ? null : readRaw(text);
    },
    async setItem(key, value, options) {
      await storage.set(key, value, lifeOf(options));
    },
    async setItems(items) {
      await storage.setMany(items.map(({ key, value, options }) => ({ key, text: value, ttlMs: lifeOf(options) })));
    },
    async setItemRaw(key, value, options) {
      await storage.set(key, writeRaw(value), lifeOf(options));
    },
    async removeItem(key) {
      await storage.delete([key]);
    },
    async getMeta(key) {
      const leftMs = await storage.lifeLeft(key);
      if (leftMs === undefined) return null;
      return leftMs === null ? {} : { ttl: Math.ceil(leftMs / 1_000) };
    },
    async getKeys(base = '') {
      const keys = new Set<string>();
      for await (const page of storage.pages(within(base))) for (const key of page) keys.add(key);
      return [...keys];
    },
    async clear(base = '') {
      await storage.clear(within(base));
    },
  };
}

const within = (base: string): string => (base === '' || base.endsWith(':') ? base : `${base}:`);

const BYTES = 'base64:';

function writeRaw(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value instanceof ArrayBuffer) return BYTES + base64Encode(new Uint8Array(value));
  if (!ArrayBuffer.isView(value)) throw new ConfigError('value', 'must be text or bytes');
  return BYTES + base64Encode(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
}

function readRaw(text: string): string | Uint8Array {
  return text.startsWith(BYTES) ? (base64Decode(text.slice(BYTES.length)) ?? text) : text;
}
