import type { Instant } from '../../clock.ts';

/** A count as Redis is told of it. */
export interface Count {
  readonly event: string;
  /** The counter. */
  readonly field: string;
  readonly by: number;
  readonly once: { readonly id: string; readonly ttlMs: number } | undefined;
  /** When it was first sent, where nobody knows whether it has arrived. */
  readonly askedAt?: Instant | undefined;
}

/** Counts that Redis has not been told of. */
export interface HeldCounts {
  /** `false` where there was no room for it. */
  add(count: Count): boolean;
  /** Whether one with this id is here. */
  has(event: string, id: string): boolean;
  /** Takes out the one with this id; whether it was here. */
  remove(event: string, id: string): boolean;
  /** Takes everything out, as few counts as will do. */
  takeAll(): readonly Count[];
  readonly size: number;
}

export function createHeldCounts(maxSize: number): HeldCounts {
  let held = new Map<string, Count>();
  // An event has no space in it.
  const onceName = (event: string, id: string) => `once ${event} ${id}`;
  return {
    add(count) {
      const name = count.once ? onceName(count.event, count.once.id) : count.field;
      const there = held.get(name);
      if (!there && held.size >= maxSize) return false;
      if (!there) held.set(name, count);
      else if (!count.once) held.set(name, { ...count, by: there.by + count.by });
      else held.set(name, { ...there, askedAt: there.askedAt ?? count.askedAt });
      return true;
    },
    has: (event, id) => held.has(onceName(event, id)),
    remove: (event, id) => held.delete(onceName(event, id)),
    takeAll() {
      const taken = [...held.values()];
      held = new Map();
      return taken;
    },
    get size() {
      return held.size;
    },
  };
}
