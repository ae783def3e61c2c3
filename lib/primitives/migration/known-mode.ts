import type { Background } from '../../client/background.ts';
import type { KvClient } from '../../client/kv-client.ts';
import { runScriptWith } from '../../client/script.ts';
import { elapsedSince, type Instant, instant } from '../../clock.ts';
import { isKvError, isUnavailable } from '../../errors.ts';
import { type MigrationNames, registryName } from './migration-names.ts';
import type { MigrationMode, SideName } from './mode.ts';
import { type Looked, lookCall, lookedFrom, type MigrationKind, type Standing } from './standing.ts';
import type { Tally } from './tally.ts';

export interface KnownMode {
  /**
   * The mode to act upon. Known already, or asked for: nobody acts upon a mode that was asked for more than twice
   * `refreshMs` ago, while Redis can be asked. While it is away, the last that was known. @throws ConfigError
   */
  current(): MigrationMode | Promise<MigrationMode>;
  /** The last standing that was heard of. */
  last(): Standing;
  /** Whether another mode may have been in force for longer than others wait for. */
  isOutdated(): boolean;
  /** Asks now, and tells what was counted. One request. @throws as `command` */
  look(): Promise<Looked>;
  /**
   * Tells what was counted, and asks for the mode after that: what is missed is known before reads can move, or they have
   * moved by then. Two requests; none, and `false`, while Redis is away.
   */
  tell(): Promise<boolean>;
  /** Whether Redis knows that this side has missed something that it still misses: reads do not move there. */
  isGuarded(side: SideName): boolean;
  /** Tells what was counted also if nothing is called any more: reads must not move before it is known. */
  tellSoon(): void;
}

export interface KnownModeOptions {
  readonly kv: KvClient;
  readonly name: string;
  readonly names: Promise<MigrationNames>;
  readonly kind: MigrationKind;
  readonly initial: MigrationMode;
  readonly refreshMs: number;
  /** How long one operation may take that has begun, in milliseconds. */
  readonly operationMs: number;
  readonly tally: Tally;
  readonly background: Background;
  /** Whether a side misses something, for all that this process knows. */
  readonly misses: (side: SideName) => boolean;
  /** Called after each answer. */
  readonly onLook: (standing: Standing) => void;
}

const SIDES = ['old', 'new'] as const;
/** What is counted within this time is told together. */
const TELL_MS = 100;
/** After so many, `refreshMs` apart, it is told with the next call. */
const MAX_ATTEMPTS = 12;

export function createKnownMode(options: KnownModeOptions): KnownMode {
  const { kv, name, names, kind, refreshMs, background, onLook } = options;
  const { clock } = kv;
  let standing = firstStanding(options);
  /** When the last answer was asked for; not when it came. */
  let askedAt: Instant | undefined;
  let triedAt: Instant | undefined;
  let failedAt: Instant | undefined;
  let guarded: readonly SideName[] = [];

  const age = (): number => (askedAt ? elapsedSince(askedAt, clock) : Number.POSITIVE_INFINITY);
  const isOutdated = (): boolean => age() >= 2 * refreshMs;

  const look = async (): Promise<Looked> => {
    const asked = instant(clock);
    triedAt = asked;
    const known = await names;
    const missing = SIDES.filter(options.misses);
    const news = options.tally.take(known);
    try {
      const [first, ...others] = await runScriptWith(kv, lookCall(known, standing, kind), [
        ...news.commands,
        ['SADD', registryName(kv), name],
      ]);
      const looked = lookedFrom(first, kind);
      failedAt = undefined;
      // An answer that was overtaken says less.
      if (!askedAt || asked.monotonic >= askedAt.monotonic) {
        askedAt = asked;
        standing = looked.standing;
        guarded = others.some((result) => result instanceof Error) ? [] : missing;
        onLook(standing);
      }
      return looked;
    } catch (error) {
      failedAt = instant(clock);
      news.failed(error);
      throw error;
    }
  };

  let looking: Promise<void> | undefined;

  const refresh = (): Promise<void> => {
    const once = async (): Promise<void> => {
      try {
        await look();
      } catch (error) {
        if (!saysNothing(error)) throw error;
      }
    };
    if (!kv.sharesPromises) return once();
    looking ??= once().finally(() => {
      looking = undefined;
    });
    return looking;
  };

  let isTelling = false;

  const tellAfter = (ms: number, attempts: number): void => {
    isTelling = true;
    clock.after(ms, () =>
      background.run(async () => {
        try {
          await look();
          isTelling = false;
        } catch (error) {
          if (isUnavailable(error) && attempts > 1) tellAfter(refreshMs, attempts - 1);
          else isTelling = false;
        }
      }),
    );
  };

  const isAway = (): boolean => failedAt !== undefined && elapsedSince(failedAt, clock) < refreshMs;

  return {
    async tell() {
      if (isAway()) return false;
      try {
        await look();
        await look();
        return true;
      } catch (error) {
        if (!saysNothing(error)) throw error;
        return false;
      }
    },
    isGuarded: (side) => !isOutdated() && guarded.includes(side),
    tellSoon() {
      if (!isTelling) tellAfter(TELL_MS, MAX_ATTEMPTS);
    },
    current() {
      if (age() < refreshMs) return standing.mode;
      if (isOutdated()) {
        // Redis has just failed to answer: nobody waits for it again at once.
        return isAway() ? standing.mode : refresh().then(() => standing.mode);
      }
      if (!triedAt || triedAt === askedAt || elapsedSince(triedAt, clock) >= refreshMs) background.run(refresh);
      return standing.mode;
    },
    last: () => standing,
    isOutdated,
    look,
  };
}

/** Redis cannot be asked, or holds something there that cannot be read: that changes nothing either. */
function saysNothing(error: unknown): boolean {
  return isUnavailable(error) || (isKvError(error) && error.code === 'COMMAND');
}

/** What to go by until Redis has said something, and what it is told where it knows nothing. */
function firstStanding({ initial, refreshMs, operationMs }: KnownModeOptions): Standing {
  return {
    mode: initial,
    revision: 1,
    period: 1,
    sinceAt: 0,
    behind: initial === 'dual:read-old' ? 'new' : undefined,
    dwellMs: 2 * refreshMs + operationMs,
  };
}
