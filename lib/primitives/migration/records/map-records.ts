import type { CounterStore, RecordStore } from './record-store.ts';

/** Records in a Map of this process: of no other. Nothing is copied, so whoever changes a record changes it in the Map. */
export function mapRecords<V>(records: Map<string, V> = new Map()): RecordStore<V> {
  return {
    get: (key) => records.get(key),
    set: (key, value) => records.set(key, value),
    delete: (key) => records.delete(key),
    setIfAbsent(key, value) {
      if (records.has(key)) return false;
      records.set(key, value);
      return true;
    },
  };
}

/** Counters in a Map of this process: of no other. */
export function mapCounters(counts: Map<string, number> = new Map()): CounterStore {
  return {
    add(key, by) {
      const count = (counts.get(key) ?? 0) + by;
      counts.set(key, count);
      return count;
    },
    read: (key) => counts.get(key) ?? 0,
  };
}
