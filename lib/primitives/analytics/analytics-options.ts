import type { KvClient } from '../../client/kv-client.ts';
import { wholeNumber } from '../../client/whole-number.ts';
import { DAY_MS } from '../../clock.ts';
import { ConfigError } from '../../errors.ts';
import type { DatabaseOptions, DrainOutcome } from '../drain.ts';
import type { Unavailable } from '../unavailable.ts';
import type { Dimensions } from './event-field.ts';

/** Settings of {@link Analytics}. Wrong ones throw a ConfigError. */
export interface AnalyticsOptions {
  readonly kv: KvClient;
  /** Names the counters: all processes with this name share them. @default 'events' */
  readonly name?: string | undefined;
  /**
   * Hashes that counts are spread over, from 1 to 256. The same in every process; where it was larger before, drain once
   * more by the old number. @default 16
   */
  readonly shards?: number | undefined;
  /** How long counts wait in Redis for a drain after the last of them, in milliseconds; at least a day. @default 32 days */
  readonly retentionMs?: number | undefined;
  /** Counters that one request takes from each shard when they are drained. @default 500 */
  readonly batchFields?: number | undefined;
  /** Counters that are kept here while Redis is away, each event that counts once for itself. @default 10_000 */
  readonly maxBuffered?: number | undefined;
  /** Told of each promise that outlives its caller, so that the platform keeps the process for it. @default the platform's, as far as it is known */
  readonly waitUntil?: ((promise: Promise<unknown>) => void) | undefined;
}

/** How one event is counted. */
export interface CountOptions {
  /** From 1 to 1,000,000,000. @default 1 */
  readonly by?: number | undefined;
  /** Counts once only for this id of an event within `ttlMs`, at most 30 days. @default every call counts */
  readonly once?: { readonly id: string; readonly ttlMs?: number | undefined } | undefined;
}

/** What became of an event: counted in Redis, kept here until Redis is back, or dropped for want of room. */
export type Counted =
  | { readonly status: 'counted' }
  /** It has been counted under this id already. */
  | { readonly status: 'duplicate' }
  /** Redis is away: counted here, and told when it is back. Whether it had been counted is seen then, if within `ttlMs`. */
  | { readonly status: 'buffered' }
  /** Nobody knows whether it was counted (`mayHaveRun`), or it was not, as there was no room left here. */
  | Unavailable;

/** What became of counts that Redis could not be told of at once. */
export interface AnalyticsStats {
  /** Counters that are here still. */
  readonly buffered: number;
  /** Counts that Redis may have taken, and nobody knows: never sent again. */
  readonly unknownOutcome: number;
  /** Counts for which no room was left here, or in whose place something else stands in Redis. */
  readonly dropped: number;
}

/** Where one drain brings what was counted. */
export interface AnalyticsDrainOptions extends DatabaseOptions {
  /** That of batches has `_batches` at its end. @default 'breakwater_analytics' */
  readonly table?: string | undefined;
  /**
   * How long the database remembers which batches it has, in milliseconds; at least a day. Longer than Redis can be away
   * between a batch's arrival in the database and its end in Redis: else it would be added again. @default 90 days
   */
  readonly rememberMs?: number | undefined;
}

/** Counts events by their dimensions and day, for a drain to bring into a database. */
export interface Analytics {
  /**
   * Counts an event of today, UTC, by its dimensions. One request, atomic with the check of `once`.
   *
   * A count without `once` whose outcome is not known is not sent again. One with it is, within `ttlMs`: for so long the id
   * tells whether it has arrived.
   *
   * @param event 1 to 64 letters, digits, dots, dashes, underscores and colons, first a letter
   * @param dimensions at most 8, with names of that form, of up to 32; together at most 512 characters as JSON
   * @throws ConfigError naming the argument; CommandError where something else stands in Redis
   */
  count(event: string, dimensions?: Dimensions, options?: CountOptions): Promise<Counted>;
  /** Tells Redis of everything that is counted here. One request for 200 counters. */
  flush(): Promise<{ readonly status: 'flushed' } | Unavailable>;
  /**
   * Moves what is counted in Redis into the tables of `analyticsSchema()`. Whatever goes wrong, and however many do it at
   * once, each count gets there once. Two requests and a statement for each shard with counts, again while more than
   * `batchFields` are left in one. Redis or the database away: stops there, nothing is lost.
   */
  drain(options: AnalyticsDrainOptions): Promise<DrainOutcome>;
  /** Of this process. No I/O. */
  stats(): AnalyticsStats;
  /** When what runs in the background now has ended. */
  settled(): Promise<void>;
}

type Resolved = {
  readonly [Option in Exclude<keyof AnalyticsOptions, 'waitUntil'>]-?: Exclude<AnalyticsOptions[Option], undefined>;
};

/** Defaults filled in; an explicit `undefined` is unset. @throws ConfigError naming the option */
export function resolveAnalyticsOptions(options: AnalyticsOptions): Resolved {
  const { kv, name = 'events', shards = 16, retentionMs = 32 * DAY_MS } = options;
  const { batchFields = 500, maxBuffered = 10_000 } = options;
  if (name === '') throw new ConfigError('name', 'must not be empty');
  return {
    kv,
    name,
    shards: wholeNumber('shards', shards, 1, 256),
    retentionMs: wholeNumber('retentionMs', retentionMs, DAY_MS, 400 * DAY_MS),
    batchFields: wholeNumber('batchFields', batchFields, 1, 5_000),
    maxBuffered: wholeNumber('maxBuffered', maxBuffered, 1, 1_000_000),
  };
}
