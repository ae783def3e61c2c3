import type { KvClient } from '../../client/kv-client.ts';
import { wholeNumber } from '../../client/whole-number.ts';
import { DAY_MS } from '../../clock.ts';
import { ConfigError } from '../../errors.ts';
import type { DatabaseOptions, DrainOutcome } from '../drain.ts';
import type { Unavailable } from '../unavailable.ts';

/** Settings of {@link Usage}. Wrong ones throw a ConfigError. */
export interface UsageOptions {
  readonly kv: KvClient;
  /** Names the counters: all processes with this name share them. @default 'keys' */
  readonly name?: string | undefined;
  /**
   * Hashes that the keys of a day are spread over, from 1 to 256: at most some 10,000 keys to each, as one is read whole.
   * The same in every process; where it was larger before, drain once more by the old number. @default 16
   */
  readonly shards?: number | undefined;
  /** How long Redis keeps a day, from its first use on, in milliseconds; at least 2 days. @default 32 days */
  readonly retentionMs?: number | undefined;
  /** How long a use stays in this process at most before Redis is told, in milliseconds. @default 1_000 */
  readonly flushMs?: number | undefined;
  /** Redis is told at once when so many keys have been used since. @default 500 */
  readonly flushKeys?: number | undefined;
  /** Keys and days that are counted here while Redis is away; what comes on top is dropped, and counted as that. @default 10_000 */
  readonly maxBuffered?: number | undefined;
  /** Told of each promise that outlives its caller, so that the platform keeps the process for it. @default the platform's, as far as it is known */
  readonly waitUntil?: ((promise: Promise<unknown>) => void) | undefined;
}

/** Uses of one key on a day, by the calendar of UTC. */
export interface DayCount {
  /** `2026-11-21` */
  readonly day: string;
  readonly count: number;
}

/** Today first, a count for each day. */
export interface UsageFound {
  readonly status: 'found';
  readonly total: number;
  readonly days: readonly DayCount[];
}

/** What has been counted of a key. */
export type UsageRead = UsageFound | Unavailable;

/** Whether a key has uses left. */
export type LimitCheck =
  /** One more use fits. */
  | { readonly status: 'within'; readonly used: number; readonly limit: number; readonly remaining: number }
  | { readonly status: 'exceeded'; readonly used: number; readonly limit: number }
  | Unavailable;

/** Whether Redis has been told of all that this process had counted. */
export type Flushed = { readonly status: 'flushed' } | Unavailable;

/** What became of uses, each in one place: `recorded` is the sum of the others and of what is on its way. */
export interface UsageStats {
  readonly recorded: number;
  /** Redis has taken them. */
  readonly sent: number;
  /** Here still. */
  readonly buffered: number;
  /** Redis may have taken them, and nobody knows: never sent again. */
  readonly unknownOutcome: number;
  /** No room was left here, or something else stands in Redis in their place. */
  readonly dropped: number;
}

/** Where one drain brings what was used, and how much of it. */
export interface UsageDrainOptions extends DatabaseOptions {
  /** @default 'breakwater_usage' */
  readonly table?: string | undefined;
  /** All days that Redis has, also those that have been drained already: for a database that was restored. @default false */
  readonly full?: boolean | undefined;
}

/** Counts uses by key and day of UTC, for a drain to bring into a database. */
export interface Usage {
  /**
   * Counts a use of a key, here. No I/O: Redis is told in the background. `false` where there was no room for it.
   *
   * @param keyId 1 to 128 characters, no control characters
   * @param n from 1 to 1,000,000,000
   * @throws ConfigError naming the argument
   */
  record(keyId: string, n?: number): boolean;
  /** Tells Redis of everything that is counted here. One request for 1,000 keys. @throws CommandError */
  flush(): Promise<Flushed>;
  /**
   * The last days of a key: what Redis has, and what this process has not told it yet. One request.
   *
   * @param days from 1 to as many as are kept. @default 30
   */
  read(keyId: string, days?: number): Promise<UsageRead>;
  /**
   * Whether another use fits a limit on the last days. One request. Nothing is reserved: those who ask together get the
   * same answer, and uses that other processes have not told yet are not in it.
   */
  checkLimit(keyId: string, limit: number, options?: { readonly days?: number | undefined }): Promise<LimitCheck>;
  /**
   * Brings the database up to date with Redis, in the table of `usageSchema()`. Whatever goes wrong, and however many do it
   * at once, a use that is in Redis is in the database once. One request to see what has changed, one more and one statement
   * for each shard and day that has, one to note it, and again each second. Redis or the database away: stops there, nothing is lost.
   */
  drain(options: UsageDrainOptions): Promise<DrainOutcome>;
  /** The last days of a key as they are in the database. One statement, none to Redis. */
  readDrained(keyId: string, days: number, options: Omit<UsageDrainOptions, 'full'>): Promise<UsageRead>;
  /** Of this process. No I/O. */
  stats(): UsageStats;
  /** When what runs in the background now has ended. */
  settled(): Promise<void>;
}

type Resolved = {
  readonly [Option in Exclude<keyof UsageOptions, 'waitUntil'>]-?: Exclude<UsageOptions[Option], undefined>;
};

/** Defaults filled in; an explicit `undefined` is unset. @throws ConfigError naming the option */
export function resolveUsageOptions(options: UsageOptions): Resolved {
  const { kv, name = 'keys', shards = 16, retentionMs = 32 * DAY_MS, flushMs = 1_000 } = options;
  const { flushKeys = 500, maxBuffered = 10_000 } = options;
  if (name === '') throw new ConfigError('name', 'must not be empty');
  return {
    kv,
    name,
    shards: wholeNumber('shards', shards, 1, 256),
    retentionMs: wholeNumber('retentionMs', retentionMs, 2 * DAY_MS, 400 * DAY_MS),
    flushMs: wholeNumber('flushMs', flushMs, 1, 3_600_000),
    flushKeys: wholeNumber('flushKeys', flushKeys, 1, 1_000_000),
    maxBuffered: wholeNumber('maxBuffered', maxBuffered, 1, 1_000_000),
  };
}

/** @throws ConfigError */
export function checkKeyId(keyId: string): string {
  if (isUsageKeyId(keyId)) return keyId;
  throw new ConfigError('keyId', 'must be 1 to 128 characters, none of them a control character');
}

/** What PostgreSQL can keep in a text, and no more of it than a name needs. */
export function isUsageKeyId(keyId: string): boolean {
  return keyId.length > 0 && keyId.length <= 128 && !/[\p{Cc}\p{Cs}]/u.test(keyId);
}
