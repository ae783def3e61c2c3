import type { EventText } from './event-text.ts';

/** Events that Redis has not been told of, so far as there is room. */
export interface WaitingEvents {
  readonly count: number;
  /** All of them, which no longer wait then. */
  take(): readonly EventText[];
  /** Back to the front, in order. Answers how many found no room. */
  putBack(events: readonly EventText[]): number;
}

export function createWaitingEvents(maxBytes: number): WaitingEvents {
  let waiting: readonly EventText[] = [];
  return {
    get count() {
      return waiting.length;
    },
    take() {
      const taken = waiting;
      waiting = [];
      return taken;
    },
    putBack(events) {
      const all = [...events, ...waiting];
      const kept: EventText[] = [];
      let bytes = 0;
      for (const event of all) {
        bytes += event.bytes;
        if (bytes > maxBytes) break;
        kept.push(event);
      }
      waiting = kept;
      return all.length - kept.length;
    },
  };
}
