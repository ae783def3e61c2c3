import type { Clock } from '../clock.ts';
import { ConfigError } from '../errors.ts';
import type { BreakwaterEvent } from '../events.ts';

export interface PlanSettings {
  /** What the plan allows per UTC day, by all processes together. */
  readonly commandsPerDay: number;
}

export interface PlanMeter {
  /** Notes that `commands` are leaving for the store. */
  count(commands: number): void;
}

const DAY_MS = 86_400_000;
const SHARES = [0.8, 1] as const;

/**
 * Counts this process's commands per UTC day and tells once when 80 % and once when all of the plan is used. An estimate
 * from below: it knows nothing of other processes, nor of what this one sent before it was started anew.
 *
 * @throws ConfigError
 */
export function createPlanMeter(
  { commandsPerDay }: PlanSettings,
  clock: Clock,
  notify: (event: BreakwaterEvent) => void,
): PlanMeter {
  if (!Number.isSafeInteger(commandsPerDay) || commandsPerDay < 1) {
    throw new ConfigError('plan.commandsPerDay', `must be a whole number of at least 1, got ${commandsPerDay}`);
  }
  let day = Number.NaN;
  let used = 0;
  return {
    count(commands) {
      const at = clock.now();
      const today = Math.floor(at / DAY_MS);
      // Any other day, so that a clock that was wrong for a moment does not stop the count for as long.
      if (today !== day) used = 0;
      day = today;
      const before = used;
      used += commands;
      for (const share of SHARES) {
        const limit = commandsPerDay * share;
        if (before < limit && used >= limit) notify({ type: 'plan', at, used, limit: commandsPerDay, share });
      }
    },
  };
}
