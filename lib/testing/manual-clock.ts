import type { Clock } from '../clock.ts';

/** A clock that moves only when told to. */
export interface ManualClock extends Clock {
  /** Moves both scales forward and runs what falls due, in order, before it returns. */
  advance(ms: number): void;
  /** As `advance`, letting promises settle between one timer and the next. */
  run(ms: number): Promise<void>;
  /** Moves the wall clock only, either way, as NTP or an operator does. Fires no timer. */
  jumpWall(ms: number): void;
  /** The process is suspended: wall time passes, monotonic time stands still, timers fire only afterwards. */
  suspend(ms: number): void;
  /** Timers that are waiting. */
  pending(): number;
}

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

/** A clock that stands still until it is told to go on. @param start Unix milliseconds to begin at. The monotonic scale begins at an unrelated number. */
export function manualClock(start = 1_700_000_000_000): ManualClock {
  let wall = start;
  let monotonic = 5_000;
  const timers = new Set<Timer>();

  const nextDue = (limit: number): Timer | undefined => {
    let first: Timer | undefined;
    for (const timer of timers) {
      if (timer.at <= limit && (first === undefined || timer.at < first.at)) first = timer;
    }
    return first;
  };

  const moveTo = (target: number) => {
    const step = Math.max(0, target - monotonic);
    monotonic += step;
    wall += step;
  };

  const fire = (timer: Timer) => {
    timers.delete(timer);
    moveTo(timer.at);
    timer.run();
  };

  return {
    now: () => wall,
    monotonic: () => monotonic,
    after(ms, run) {
      const timer = { at: monotonic + Math.max(0, ms), run };
      timers.add(timer);
      return () => {
        timers.delete(timer);
      };
    },
    advance(ms) {
      const target = monotonic + ms;
      for (let timer = nextDue(target); timer; timer = nextDue(target)) fire(timer);
      moveTo(target);
    },
    async run(ms) {
      const target = monotonic + ms;
      await settle();
      for (let timer = nextDue(target); timer; timer = nextDue(target)) {
        fire(timer);
        await settle();
      }
      moveTo(target);
      await settle();
    },
    jumpWall(ms) {
      wall += ms;
    },
    suspend(ms) {
      wall += ms;
    },
    pending: () => timers.size,
  };
}

/** Lets promise reactions run; deep enough for any chain in this package. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
}
