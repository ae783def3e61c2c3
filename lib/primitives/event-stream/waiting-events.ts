import type { EventText } from './event-text.ts';

/** Events that Redis has not been told of, oldest first, so far as there is room. */
export interface WaitingEvents {
  readonly count: number;
  /** The oldest, as many as one request takes. They no longer wait then. */
  take(): readonly EventText[];
  /** Back to the front. Answers how many found no room. */
  putBack(events: readonly EventText[]): number;
  /** To the end. Answers how many found no room. */
  add(events: readonly EventText[]): number;
}

/** Events of one request. */
export const MAX_BATCH = 1_000;
/** Of one request, so that no store refuses it. */
const MAX_REQUEST_BYTES = 4_194_304;

/** How many of `events` one request takes besides `others`: of both together at least one. */
export function batchSize(events: readonly EventText[], others: readonly EventText[] = []): number {
  const count = fitting(events, MAX_REQUEST_BYTES - bytesOf(others), MAX_BATCH - others.length);
  return others.length === 0 ? Math.max(count, Math.min(events.length, 1)) : count;
}

export function createWaitingEvents(maxBytes: number): WaitingEvents {
  const waiting: EventText[] = [];
  let bytes = 0;

  /** Those that there is room for. */
  const admit = (events: readonly EventText[]): readonly EventText[] => {
    const admitted = events.slice(0, fitting(events, maxBytes - bytes, events.length));
    bytes += bytesOf(admitted);
    return admitted;
  };

  return {
    get count() {
      return waiting.length;
    },
    take() {
      const taken = waiting.splice(0, batchSize(waiting));
      bytes -= bytesOf(taken);
      return taken;
    },
    putBack(events) {
      const admitted = admit(events);
      waiting.unshift(...admitted);
      return events.length - admitted.length;
    },
    add(events) {
      const admitted = admit(events);
      for (const event of admitted) waiting.push(event);
      return events.length - admitted.length;
    },
  };
}

/** How many of them, from the first on, are within both bounds. */
function fitting(events: readonly EventText[], maxBytes: number, maxCount: number): number {
  let [count, bytes] = [0, 0];
  for (const event of events) {
    bytes += event.bytes;
    if (bytes > maxBytes || count >= maxCount) break;
    count += 1;
  }
  return count;
}

function bytesOf(events: readonly EventText[]): number {
  return events.reduce((sum, event) => sum + event.bytes, 0);
}
