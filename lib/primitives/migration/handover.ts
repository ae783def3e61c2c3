import type { KvClient } from '../../client/kv-client.ts';
import { runScriptWith } from '../../client/script.ts';
import { wholeNumber } from '../../client/whole-number.ts';
import { elapsedSince, type Instant, instant } from '../../clock.ts';
import { ConfigError } from '../../errors.ts';
import { type Unavailable, unavailableBy } from '../unavailable.ts';
import { type HandoverState, handoverLookCall, lookedHandover } from './handover-state.ts';
import { checkName, migrationNames, registryName } from './migration-names.ts';
import type { SideName } from './mode.ts';

/** Settings of a handover. Wrong ones throw a ConfigError. */
export interface HandoverOptions {
  /** The Redis that says who has the authority. What it says must not be lost: persistence, no eviction. */
  readonly kv: KvClient;
  /** 1 to 64 letters, digits, dots, dashes and underscores. */
  readonly name: string;
  /** The longest that anything lives which either side grants, with all its extensions, in milliseconds. */
  readonly longestTtlMs: number;
  /** How long a process goes by what Redis has said, in milliseconds. A call after that asks again. @default 5_000 */
  readonly leaseMs?: number | undefined;
  /** How long after it has chosen a caller's grant may arrive, in milliseconds. @default twice the client's requestTimeoutMs */
  readonly graceMs?: number | undefined;
  /** The side with the authority where Redis knows nothing yet. @default 'old' */
  readonly initial?: SideName | undefined;
}

/** Which side has the authority, and under which epoch; or why nobody has. */
export type Choice =
  /** Act there, within `graceMs`; name what is granted by the epoch, so that nothing from before is in its way. */
  | { readonly status: SideName; readonly epoch: number }
  /** Nobody may grant now: Redis is away, or what the other side has granted has not ended yet. */
  | Unavailable;

/** Bounds of one choice. */
export interface ChooseOptions {
  /**
   * `grant` gives out something new. `held` asks for what was granted before: a release, an extension, the check of a code.
   * While a handover waits, nothing is granted, and what is held is with the side that granted it.
   * @default 'grant'
   */
  readonly purpose?: 'grant' | 'held' | undefined;
}

/** Which of two stores has the authority over what only one may grant: locks, codes, deduplication, limits. */
export interface Handover {
  readonly name: string;
  /** No request within `leaseMs`, else one. With Redis away `unavailable`, when the lease is over. @throws ConfigError */
  choose(options?: ChooseOptions): Promise<Choice>;
}

const MAX_MS = 315_360_000_000;

/**
 * Hands authority over from one store to another, so that at no time both grant: see docs/migration.md.
 *
 * @throws ConfigError
 * @example
 * ```ts
 * const authority = createHandover({ kv, name: 'locks', longestTtlMs: 60_000 });
 * const choice = await authority.choose();
 * if (choice.status === 'unavailable') return choice;
 * return locksOf[choice.status].acquire(`${choice.epoch}:${key}`);
 * ```
 */
export function createHandover(options: HandoverOptions): Handover {
  const { kv, name, longestTtlMs, leaseMs = 5_000, graceMs = 2 * kv.requestTimeoutMs, initial = 'old' } = options;
  wholeNumber('longestTtlMs', longestTtlMs, 1, MAX_MS);
  wholeNumber('leaseMs', leaseMs, 1, 3_600_000);
  wholeNumber('graceMs', graceMs, 0, 3_600_000);
  if (initial !== 'old' && initial !== 'new') throw new ConfigError('initial', 'must be old or new');
  const { clock } = kv;
  const names = migrationNames(kv, checkName(name));
  const waitMs = waitOf({ longestTtlMs, leaseMs, graceMs });

  let state: HandoverState = { side: initial, epoch: 1, opensAt: 0, sinceAt: 0, heldSide: initial, heldEpoch: 1 };
  /** When what is known was asked for, and when the side opens as this process counts. */
  let known: { readonly askedAt: Instant; readonly answeredAt: Instant; readonly opensInMs: number } | undefined;

  const look = async (): Promise<void> => {
    const askedAt = instant(clock);
    const [first] = await runScriptWith(kv, handoverLookCall(await names, state, waitMs), [
      ['SADD', registryName(kv), name],
    ]);
    const looked = lookedHandover(first);
    if (known && known.askedAt.monotonic > askedAt.monotonic) return;
    state = looked.state;
    known = { askedAt, answeredAt: instant(clock), opensInMs: state.opensAt - looked.nowAt };
  };

  let looking: Promise<void> | undefined;
  const refresh = (): Promise<void> => {
    if (!kv.sharesPromises) return look();
    looking ??= look().finally(() => {
      looking = undefined;
    });
    return looking;
  };

  // From before it was asked: Redis may have changed its mind as soon as it had answered.
  const isLeased = (): boolean => known !== undefined && elapsedSince(known.askedAt, clock) < leaseMs;

  /** From when it was answered, so that it is never too early; and as the clock ticks, not as it is set. */
  const opensInMs = (): number => {
    if (!known) return Number.POSITIVE_INFINITY;
    return known.opensInMs - (clock.monotonic() - known.answeredAt.monotonic);
  };

  return {
    name,
    async choose({ purpose = 'grant' } = {}) {
      if (!isLeased()) {
        try {
          await refresh();
        } catch (error) {
          return { ...unavailableBy(error), mayHaveRun: false };
        }
      }
      if (!isLeased()) return { status: 'unavailable', retryAfterMs: 1, mayHaveRun: false };
      const left = opensInMs();
      if (left <= 0) return { status: state.side, epoch: state.epoch };
      if (purpose === 'held') return { status: state.heldSide, epoch: state.heldEpoch };
      return { status: 'unavailable', retryAfterMs: Math.ceil(left), mayHaveRun: false };
    },
  };
}

/** With what clocks may drift apart: a hundredth, and a little more. */
function waitOf({
  longestTtlMs,
  leaseMs,
  graceMs,
}: Required<Pick<HandoverOptions, 'longestTtlMs'>> & {
  readonly leaseMs: number;
  readonly graceMs: number;
}): number {
  return Math.ceil((leaseMs + graceMs + longestTtlMs) * 1.01) + 2;
}
