import { type Clock, DAY_MS } from '../clock.ts';
import { ConfigError } from '../errors.ts';
import type { BreakwaterEvent } from '../events.ts';
import type { Value } from './call.ts';

/** What the plan allows to all processes together. Name one of them, or both. */
export interface PlanSettings {
  /** Commands per UTC day, such as 10,000 on a free tier. */
  readonly commandsPerDay?: number | undefined;
  /** Bytes of data, such as 30 MB or 256 MB on a free tier. Redis is asked only by `planUsage`. */
  readonly maxBytes?: number | undefined;
}

export interface PlanUsage {
  /** Sent by this process on this UTC day; `undefined` where the plan names no `commandsPerDay`. */
  readonly commandsToday: number | undefined;
  /** Held by Redis, as its `INFO memory` says (`used_memory`); `undefined` where it does not say. */
  readonly bytes: number | undefined;
}

export interface PlanMeter {
  /** Notes that `commands` are leaving for the store. */
  count(commands: number): void;
  commandsToday(): number | undefined;
  /** Notes what the store holds. */
  weigh(bytes: number): void;
}

const SHARES = [0.8, 1] as const;

/**
 * Counts this process's commands per UTC day and tells once when 80 % and once when all of the plan is used; likewise of
 * the bytes that Redis holds, whenever they have risen over one of the two. The commands are an estimate from below: of
 * other processes it knows nothing, nor of what this one sent before it was started anew.
 *
 * @throws ConfigError
 */
export function createPlanMeter(
  { commandsPerDay, maxBytes }: PlanSettings,
  clock: Clock,
  notify: (event: BreakwaterEvent) => void,
): PlanMeter {
  requireWhole('plan.commandsPerDay', commandsPerDay);
  requireWhole('plan.maxBytes', maxBytes);
  if (commandsPerDay === undefined && maxBytes === undefined) {
    throw new ConfigError('plan', 'must name commandsPerDay, maxBytes, or both');
  }
  let day = Number.NaN;
  let commands = 0;
  let bytes = 0;

  const tell = (resource: 'commands' | 'bytes', before: number, used: number, limit: number | undefined) => {
    if (limit === undefined) return;
    for (const share of SHARES) {
      const mark = limit * share;
      if (before < mark && used >= mark) notify({ type: 'plan', at: clock.now(), resource, used, limit, share });
    }
  };

  const turnDay = () => {
    const today = Math.floor(clock.now() / DAY_MS);
    // Any other day, so that a clock that was wrong for a moment does not stop the count for as long.
    if (today !== day) commands = 0;
    day = today;
  };

  return {
    count(leaving) {
      turnDay();
      const before = commands;
      commands += leaving;
      tell('commands', before, commands, commandsPerDay);
    },
    commandsToday() {
      if (commandsPerDay === undefined) return undefined;
      turnDay();
      return commands;
    },
    weigh(held) {
      const before = bytes;
      bytes = held;
      tell('bytes', before, held, maxBytes);
    },
  };
}

/** The bytes of which a reply to `INFO memory` tells. */
export function usedBytes(info: Value): number | undefined {
  const [, digits] = /^used_memory:(\d+)\r?$/m.exec(typeof info === 'string' ? info : '') ?? [];
  return digits === undefined ? undefined : Number(digits);
}

function requireWhole(option: string, value: number | undefined): void {
  if (value !== undefined && (!Number.isSafeInteger(value) || value < 1)) {
    throw new ConfigError(option, `must be a whole number of at least 1, got ${value}`);
  }
}
