import { createLru } from '../../client/lru.ts';
import { type Clock, elapsedSince, type Instant } from '../../clock.ts';

/** The events that this process has met, so far as they fit. */
export interface RecentEvents {
  /** What makes a repeat of it a duplicate, and for how long, in milliseconds; `untold`: Redis has not heard of it, as far as is known. */
  known(name: string): { readonly state: 'told' | 'untold'; readonly leftMs: number } | undefined;
  /** @param since when it was asked about: no entry here outlives the one in Redis */
  note(name: string, since: Instant, ttlMs: number, isTold: boolean): void;
}

interface Event {
  readonly since: Instant;
  readonly ttlMs: number;
  readonly isTold: boolean;
}

export function createRecentEvents(maxKeys: number, clock: Clock): RecentEvents {
  const events = createLru<Event>(maxKeys);
  return {
    known(name) {
      const event = events.get(name);
      if (event === undefined) return undefined;
      const leftMs = event.ttlMs - elapsedSince(event.since, clock);
      if (leftMs > 0) return { state: event.isTold ? 'told' : 'untold', leftMs };
      events.delete(name);
      return undefined;
    },
    note(name, since, ttlMs, isTold) {
      events.set(name, { since, ttlMs, isTold });
    },
  };
}
