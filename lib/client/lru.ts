import { oldestKeyOf } from '../store/oldest-key.ts';

/** A map of bounded size: what was unused for longest goes first. */
export interface Lru<Value> {
  get(key: string): Value | undefined;
  set(key: string, value: Value): void;
  delete(key: string): void;
  clear(): void;
  /** Takes out what has been unused for longest, at most `count`. */
  take(count: number): (readonly [key: string, value: Value])[];
  readonly size: number;
}

export function createLru<Value>(maxEntries: number): Lru<Value> {
  const entries = new Map<string, Value>();
  const oldest = oldestKeyOf(entries);

  return {
    get(key) {
      const value = entries.get(key);
      if (value === undefined) return undefined;
      // A Map keeps the order of insertion: the first key is the one unused for longest.
      entries.delete(key);
      entries.set(key, value);
      oldest.added();
      return value;
    },
    set(key, value) {
      entries.delete(key);
      entries.set(key, value);
      oldest.added();
      if (entries.size <= maxEntries) return;
      const last = oldest();
      if (last !== undefined) entries.delete(last);
    },
    delete(key) {
      entries.delete(key);
    },
    clear() {
      entries.clear();
    },
    take(count) {
      const taken: (readonly [string, Value])[] = [];
      for (const entry of entries) {
        if (taken.length >= count) break;
        taken.push(entry);
      }
      for (const [key] of taken) entries.delete(key);
      return taken;
    },
    get size() {
      return entries.size;
    },
  };
}
