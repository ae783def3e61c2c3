import type { Clock } from '../../lib/clock.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';

/** A clock whose events happen one at a time: whatever one of them sets off has ended before the next begins. */
export interface AgendaClock extends Clock {
  /** Lets everything happen that is planned, and that is planned by it, up to an instant of the monotonic scale. */
  play(until: number): Promise<void>;
}

interface Entry {
  readonly at: number;
  readonly run: () => void;
}

export function agendaClock(): AgendaClock {
  const time = manualClock();
  const agenda = new Set<Entry>();

  const first = (): Entry | undefined => {
    let earliest: Entry | undefined;
    for (const entry of agenda) if (!earliest || entry.at < earliest.at) earliest = entry;
    return earliest;
  };

  return {
    now: time.now,
    monotonic: time.monotonic,
    after(ms, run) {
      const entry = { at: time.monotonic() + Math.max(0, ms), run };
      agenda.add(entry);
      return () => void agenda.delete(entry);
    },
    async play(until) {
      await quiet();
      for (let entry = first(); entry && entry.at <= until; entry = first()) {
        agenda.delete(entry);
        time.advance(entry.at - time.monotonic());
        entry.run();
        await quiet();
      }
      time.advance(until - time.monotonic());
    },
  };
}

/** When all promise reactions have run, however long their chains are. */
function quiet(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
