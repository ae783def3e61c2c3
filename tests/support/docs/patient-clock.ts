import { type Clock, systemClock as hasty } from '../../../lib/clock.ts';

export * from '../../../lib/clock.ts';

const PATIENCE = 20;
/** What a timer can wait. */
const LONGEST_MS = 2 ** 31 - 1;

/** In the place of the system's where examples run: a busy machine is no outage, so that all deadlines are that much longer. */
export const systemClock: Clock = {
  ...hasty,
  after: (ms, run) => hasty.after(Math.min(ms * PATIENCE, LONGEST_MS), run),
};
