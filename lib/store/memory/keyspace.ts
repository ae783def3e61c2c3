import type { Clock } from '../../clock.ts';
import { oldestKeyOf } from '../oldest-key.ts';
import { wrongType } from './reply-error.ts';
import { createScanOrder } from './scan-order.ts';
import { byteLength } from './text-bytes.ts';
import { type AggregateType, emptyValue, isEmpty, isType, type Value, type ValueOf, type ValueType } from './values.ts';

export interface Entry {
  readonly key: string;
  value: Value;
  /** Unix milliseconds. */
  expireAt: number | undefined;
}

/** All keys: finds, bounds and expires them. Every look-up makes its key the most recently used. */
export interface Keyspace {
  /** Wall time, standing still within a batch as it does within a Redis script. */
  now(): number;
  /** A batch begins: time moves on. */
  begin(): void;
  /** A command ended: drops aggregates left empty, counts what grew, and evicts. */
  settle(): void;
  find(key: string): Entry | undefined;
  /** Creates or replaces. */
  put(key: string, value: Value, expireAt?: number): void;
  remove(key: string): boolean;
  clear(): void;
  /** Up to `count` keys after `cursor`, and where to go on: 0 at the end. Keys that stay are seen exactly once. */
  scan(cursor: number, count: number): { readonly cursor: number; readonly entries: readonly Entry[] };
  /** For reading. @throws ReplyError WRONGTYPE */
  read<T extends ValueType>(key: string, type: T): ValueOf<T> | undefined;
  /** For changing in place. */
  edit<T extends AggregateType>(key: string, type: T): ValueOf<T> | undefined;
  /** As `edit`, creating it where there is none. */
  open<T extends AggregateType>(key: string, type: T): ValueOf<T>;
  readonly maxBytes: number;
  /** Held now, by a rough measure. */
  readonly bytes: number;
  /** Keys held, those included that have expired and nobody has met since. */
  readonly size: number;
  /** Keys that went because a bound was met. */
  readonly evicted: number;
}

interface KeyspaceOptions {
  readonly clock: Clock;
  readonly maxEntries: number;
  readonly maxBytes: number;
}

interface StoredEntry extends Entry {
  readonly id: number;
  charged: number;
  present: boolean;
}

/** Rough cost of a key beyond its text and value. */
const ENTRY_BYTES = 120;
/** Keys looked at for expiry per command and per new key: more than one, so that the sweep outruns growth. */
const SWEEP_STEP = 4;

export function createKeyspace({ clock, maxEntries, maxBytes }: KeyspaceOptions): Keyspace {
  // In order of use, oldest first.
  const entries = new Map<string, StoredEntry>();
  const oldest = oldestKeyOf(entries);
  const order = createScanOrder<StoredEntry>();
  const changed = new Set<StoredEntry>();
  let bytes = 0;
  let evicted = 0;
  let now = clock.now();

  // Redis keeps a key during the millisecond it expires in.
  const isExpired = (entry: StoredEntry) => entry.expireAt !== undefined && now > entry.expireAt;

  const discard = (entry: StoredEntry) => {
    entries.delete(entry.key);
    order.remove(entry);
    changed.delete(entry);
    bytes -= entry.charged;
  };

  const charge = (entry: StoredEntry) => {
    const cost = ENTRY_BYTES + byteLength(entry.key) + entry.value.bytes;
    bytes += cost - entry.charged;
    entry.charged = cost;
  };

  const sweep = () => {
    for (const entry of order.rotate(SWEEP_STEP)) if (isExpired(entry)) discard(entry);
  };

  const find = (key: string): StoredEntry | undefined => {
    const entry = entries.get(key);
    if (entry === undefined) return undefined;
    if (isExpired(entry)) {
      discard(entry);
      return undefined;
    }
    entries.delete(key);
    entries.set(key, entry);
    oldest.added();
    return entry;
  };

  const put = (key: string, value: Value, expireAt?: number): StoredEntry => {
    const existing = find(key);
    if (existing) {
      existing.value = value;
      existing.expireAt = expireAt;
      changed.add(existing);
      return existing;
    }
    const entry = { key, value, expireAt, id: order.nextId(), charged: 0, present: true };
    entries.set(key, entry);
    oldest.added();
    order.add(entry);
    changed.add(entry);
    sweep();
    return entry;
  };

  const findAs = <T extends ValueType>(key: string, type: T) => {
    const entry = find(key);
    if (entry === undefined) return undefined;
    const { value } = entry;
    if (!isType(value, type)) throw wrongType();
    return { entry, value };
  };

  const edit = <T extends AggregateType>(key: string, type: T): ValueOf<T> | undefined => {
    const found = findAs(key, type);
    if (found) changed.add(found.entry);
    return found?.value;
  };

  const evict = () => {
    while (entries.size > maxEntries || bytes > maxBytes) {
      const entry = entries.get(oldest() ?? '');
      if (entry === undefined) break;
      discard(entry);
      evicted += 1;
    }
  };

  return {
    maxBytes,
    get bytes() {
      return bytes;
    },
    get size() {
      return entries.size;
    },
    get evicted() {
      return evicted;
    },
    now: () => now,
    begin() {
      now = clock.now();
    },
    settle() {
      if (changed.size === 0) return;
      for (const entry of changed) {
        if (isEmpty(entry.value)) discard(entry);
        else charge(entry);
      }
      changed.clear();
      sweep();
      evict();
    },
    find,
    put,
    remove(key) {
      const entry = find(key);
      if (entry) discard(entry);
      return entry !== undefined;
    },
    clear() {
      for (const entry of entries.values()) discard(entry);
    },
    scan(cursor, count) {
      const page = order.after(cursor, count);
      return { cursor: page.cursor, entries: page.items.filter((entry) => !isExpired(entry)) };
    },
    read: (key, type) => findAs(key, type)?.value,
    edit,
    open(key, type) {
      const existing = edit(key, type);
      if (existing) return existing;
      const value = emptyValue[type]();
      put(key, value);
      return value;
    },
  };
}
