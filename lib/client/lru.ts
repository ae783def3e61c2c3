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
  /** Of all together, as `weigh` says. */
  readonly weight: number;
}

/** @param maxWeight of all together; with the default for `weigh`, so many entries. What alone weighs more is not kept. */
export function createLru<Value>(
  maxWeight: number,
  weigh: (key: string, value: Value) => number = () => 1,
): Lru<Value> {
  const entries = new Map<string, Value>();
  const oldest = oldestKeyOf(entries);
  let weight = 0;

  const remove = (key: string): void => {
    const value = entries.get(key);
    if (value === undefined) return;
    entries.delete(key);
    weight -= weigh(key, value);
  };

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
      remove(key);
      const added = weigh(key, value);
      if (added > maxWeight) return;
      entries.set(key, value);
      oldest.added();
      weight += added;
      while (weight > maxWeight) {
        const last = oldest();
        if (last === undefined) return;
        remove(last);
      }
    },
    delete: remove,
    clear() {
      entries.clear();
      weight = 0;
    },
    take(count) {
      const taken: (readonly [string, Value])[] = [];
      for (const entry of entries) {
        if (taken.length >= count) break;
        taken.push(entry);
      }
      for (const [key] of taken) remove(key);
      return taken;
    },
    get size() {
      return entries.size;
    },
    get weight() {
      return weight;
    },
  };
}
