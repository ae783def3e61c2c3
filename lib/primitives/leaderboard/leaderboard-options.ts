import type { CallOptions } from '../../client/call.ts';
import type { KvClient } from '../../client/kv-client.ts';
import { wholeNumber } from '../../client/whole-number.ts';
import { ConfigError } from '../../errors.ts';
import type { Unavailable } from '../unavailable.ts';
import type { Period } from './periods.ts';

/** Settings of a leaderboard. Wrong ones throw a ConfigError. */
export interface LeaderboardOptions {
  readonly kv: KvClient;
  /** Names the board: all processes with this name share it. */
  readonly name: string;
  /** Which score comes first. @default 'highest' */
  readonly first?: 'highest' | 'lowest' | undefined;
  /**
   * A board for each day or ISO week of UTC instead of one: writes and reads go to the current one, by the clock of this
   * process. For others see {@link Leaderboard.at}. @default one board
   */
  readonly period?: Period | undefined;
  /** How long after its last change a board is kept, in milliseconds. @default for good; with a `period` 35 days */
  readonly ttlMs?: number | undefined;
  /** How old an answer of this process may be that is given again while Redis is away; 0 for none. @default 300_000 */
  readonly maxStaleMs?: number | undefined;
  /** Standings that this process remembers for that; beyond them the longest unused go. @default 10_000 */
  readonly maxRemembered?: number | undefined;
}

/** One member's place. */
export interface Standing {
  readonly member: string;
  readonly score: number;
  /** From 1. Equal scores have ranks of their own: see {@link Leaderboard}. */
  readonly rank: number;
}

/** An answer of Redis; or that of before while it is away, marked as stale; or `unavailable`. */
export type BoardRead<Answer> =
  | (Answer & { readonly status: 'fresh' })
  /** What this process was told `ageMs` ago: Redis is away. */
  | (Answer & { readonly status: 'stale'; readonly ageMs: number })
  | Unavailable;

/** When a score is taken. */
export interface SetScoreOptions extends CallOptions {
  /** Only if the score is better than the one that the member has, or it has none. @default false */
  readonly ifBetter?: boolean | undefined;
}

/**
 * Members by score. Among equal scores the order is that of the members' bytes: of `a` and `b` with the same score `b` comes
 * first where the highest score does, and `a` where the lowest does. A member has 1 to 256 characters.
 *
 * Each call is one request, none is sent twice. Redis away: reads answer what this process was told last, marked `stale`, or
 * `unavailable`; writes are `unavailable`, and not made up for. @throws ConfigError for a member, a score or a number that is
 * none
 */
export interface Leaderboard {
  /** `changed`: whether the member is new, or its score another one now. */
  set(
    member: string,
    score: number,
    options?: SetScoreOptions,
  ): Promise<{ readonly status: 'set'; readonly changed: boolean } | Unavailable>;
  /** Adds to a score, from 0. After `unavailable` with `mayHaveRun` it may count: only the caller can know what that is worth. */
  increment(
    member: string,
    by?: number,
    options?: CallOptions,
  ): Promise<{ readonly status: 'incremented'; readonly score: number } | Unavailable>;
  /** Takes a member off the board. One request. */
  remove(
    member: string,
    options?: CallOptions,
  ): Promise<{ readonly status: 'removed'; readonly existed: boolean } | Unavailable>;
  /** The first ones. @param count from 1 to 1,000 @default 10 */
  top(count?: number, options?: CallOptions): Promise<BoardRead<{ readonly standings: readonly Standing[] }>>;
  /**
   * The member, and up to `count` on each side of it; nobody where it is not on the board. At one moment.
   *
   * @param count from 0 to 500 @default 5
   */
  around(
    member: string,
    count?: number,
    options?: CallOptions,
  ): Promise<BoardRead<{ readonly standings: readonly Standing[]; readonly size: number }>>;
  /** Rank and score of a member, `undefined` where it is not on the board, and how many are. At one moment. */
  rank(
    member: string,
    options?: CallOptions,
  ): Promise<BoardRead<{ readonly standing: Standing | undefined; readonly size: number }>>;
  /** The score of a member, `undefined` of one who is not on the board. One request. */
  score(member: string, options?: CallOptions): Promise<BoardRead<{ readonly score: number | undefined }>>;
  /** How many stand on the board. One request. */
  size(options?: CallOptions): Promise<BoardRead<{ readonly size: number }>>;
  /** The board of the period that an instant lies in; without a period the board itself. @param at Unix milliseconds */
  at(at: number): Leaderboard;
}

export type ResolvedLeaderboardOptions = {
  readonly [Option in Exclude<keyof LeaderboardOptions, 'period' | 'ttlMs'>]-?: Exclude<
    LeaderboardOptions[Option],
    undefined
  >;
} & Pick<LeaderboardOptions, 'period' | 'ttlMs'>;

const PERIOD_TTL_MS = 35 * 86_400_000;

/** Defaults filled in; an explicit `undefined` is unset. @throws ConfigError naming the option */
export function resolveLeaderboardOptions(options: LeaderboardOptions): ResolvedLeaderboardOptions {
  const { kv, name, first = 'highest', period, maxStaleMs = 300_000, maxRemembered = 10_000 } = options;
  const { ttlMs = period === undefined ? undefined : PERIOD_TTL_MS } = options;
  if (first !== 'highest' && first !== 'lowest') throw new ConfigError('first', "must be 'highest' or 'lowest'");
  if (period !== undefined && period !== 'day' && period !== 'week') {
    throw new ConfigError('period', "must be 'day' or 'week'");
  }
  if (ttlMs !== undefined) wholeNumber('ttlMs', ttlMs, 1_000, 36_500 * 86_400_000);
  wholeNumber('maxStaleMs', maxStaleMs, 0, 36_500 * 86_400_000);
  wholeNumber('maxRemembered', maxRemembered, 0, 10_000_000);
  return { kv, name, first, period, ttlMs, maxStaleMs, maxRemembered };
}
