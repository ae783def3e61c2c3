import { wholeNumber } from '../../client/whole-number.ts';
import { ConfigError, DeadlineError } from '../../errors.ts';
import { withDeadline } from '../../resilience/deadline.ts';
import { createBase } from './migration-core.ts';
import type { LocalStanding, MigrationSettings } from './migration-options.ts';
import { isDual, otherSide, type SideName } from './mode.ts';
import type { CounterStore, PortCall } from './records/record-store.ts';
import { type MigrationStatus, readMigrationStatus } from './status.ts';
import { declareComplete } from './walk-end.ts';

/** Settings of counters that move. Wrong ones throw a ConfigError. */
export interface CounterMigrationOptions extends MigrationSettings {
  readonly old: CounterStore;
  readonly new: CounterStore;
}

/** Counters that move from one store to another while they are used. */
export interface CounterMigration {
  readonly name: string;
  /**
   * Counts up, on both sides in the dual modes, and answers the new count where the side with authority says it. Neither
   * side is ever told twice: what the other missed is counted for pending, and is missing there.
   *
   * @throws what the side with authority throws, and then it may have counted; DeadlineError; ConfigError
   */
  increment(key: string, by?: number): Promise<number | undefined>;
  /** The count, as the side with authority has it. @throws what that side throws; DeadlineError */
  read(key: string): Promise<number>;
  /**
   * Says that the side that was behind has all that it needs, so that reads may move: that the counters of periods from
   * before are not asked for any more, or were copied. Answers whether that is noted. Two requests. @throws as `kv.command`
   */
  declareComplete(): Promise<boolean>;
  /** The mode, and what all processes have counted; this one tells Redis first. Two requests. @throws as `kv.command` */
  status(): Promise<MigrationStatus>;
  /** The mode that this process goes by. No request. */
  local(): LocalStanding;
  /** When what runs in the background now has ended. */
  settled(): Promise<void>;
}

/**
 * Moves counters from one store to another: see docs/migration.md.
 *
 * @throws ConfigError
 * @example
 * ```ts
 * const usage = createCounterMigration({
 *   kv, name: 'usage', old: sqlCounters({ query, table: 'usage' }), new: kvCounters({ kv, prefix: 'usage', ttlMs: 172_800_000 }),
 * });
 * await usage.increment('2026-11-21:key_1');
 * ```
 */
export function createCounterMigration(options: CounterMigrationOptions): CounterMigration {
  /** What was counted on one side alone, in a mode that may have been over. */
  const alone: Record<SideName, number> = { old: 0, new: 0 };
  const base = createBase(options, 'counters', {
    onLook({ mode, period }) {
      for (const side of ['old', 'new'] as const) {
        if (alone[side] > 0 && mode !== side) {
          base.tally.missed(otherSide(side), period, alone[side]);
          base.known.tellSoon();
        }
        alone[side] = 0;
      }
    },
    misses: () => false,
  });
  const { kv, name, known, tally, timeoutMs, mirrorTimeoutMs, background } = base;
  const sides: Readonly<Record<SideName, CounterStore>> = { old: options.old, new: options.new };

  const within = <T>(
    limitMs: number,
    mayHaveRun: boolean,
    work: (call: PortCall) => T | PromiseLike<T>,
  ): Promise<T> => {
    const controller = new AbortController();
    const expired = () => new DeadlineError(limitMs, mayHaveRun);
    return withDeadline({ clock: kv.clock, timeoutMs: limitMs, controller, expired }, async (signal) =>
      work({ signal }),
    );
  };

  /** Never again: nobody knows whether what failed has counted. */
  const countAlong = async (side: SideName, key: string, by: number): Promise<void> => {
    try {
      await within(mirrorTimeoutMs, true, (call) => sides[side].add(key, by, call));
    } catch {
      tally.count(`failures.${side}`);
      tally.missed(side, known.last().period, by);
      known.tellSoon();
    }
  };

  return {
    name,
    async increment(key, by = 1) {
      wholeNumber('by', by, 1, Number.MAX_SAFE_INTEGER);
      const mode = await known.current();
      const side = base.authority(mode, key);
      const count = await within(timeoutMs, true, (call) => sides[side].add(key, by, call));
      if (isDual(mode)) await countAlong(otherSide(side), key, by);
      else if (known.isOutdated()) alone[side] += by;
      return count;
    },
    async read(key) {
      const side = base.authority(await known.current(), key);
      return within(timeoutMs, false, (call) => sides[side].read(key, call));
    },
    async declareComplete() {
      const { standing } = await known.look();
      return declareComplete(base, standing, { forgives: true });
    },
    async status(): Promise<MigrationStatus> {
      await known.look();
      const status = await readMigrationStatus(kv, name);
      if (!status) throw new ConfigError('name', 'is that of nothing that Redis knows');
      return status;
    },
    local: () => ({ mode: known.last().mode, behind: known.last().behind, diverged: 0 }),
    settled: background.settled,
  };
}
