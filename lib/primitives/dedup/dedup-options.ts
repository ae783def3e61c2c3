import type { CallOptions } from '../../client/call.ts';
import type { KvClient } from '../../client/kv-client.ts';
import { wholeNumber } from '../../client/whole-number.ts';
import { ConfigError } from '../../errors.ts';
import type { Unavailable } from '../unavailable.ts';

/** Settings of {@link Dedup}. Wrong ones throw a ConfigError. */
export interface DedupOptions {
  readonly kv: KvClient;
  /** Whose keys they are: one key under two names is two. @default 'default' */
  readonly name?: string | undefined;
  /** What `seen` answers while Redis is away: by what this process knows, or that it cannot be known. @default 'open' */
  readonly onUnavailable?: 'open' | 'closed' | undefined;
  /** Events remembered in this process; beyond it the longest unused are forgotten. @default 10_000 */
  readonly maxLocalKeys?: number | undefined;
  /** Bytes of a result that `finish` stores. @default 1_048_576 */
  readonly maxResultBytes?: number | undefined;
}

/** Bounds of one question. */
export interface SeenOptions extends CallOptions {
  /** For how long further events of this key are duplicates, in milliseconds. */
  readonly ttlMs: number;
}

/** Whether this was the first time, and who says so. */
export interface Seen {
  readonly status: 'first' | 'duplicate';
  /** Told by this process alone: another one may have seen it. */
  readonly approximate: boolean;
}

/** Bounds of one claim. */
export interface ClaimOptions extends CallOptions {
  /** When others may do the work if nobody has finished it, in milliseconds; see {@link Claimed.extend}. @default 60_000 */
  readonly processingMs?: number | undefined;
  /** How long finished work is known, in milliseconds. @default 86_400_000 */
  readonly retentionMs?: number | undefined;
  /** What the work is, so that the same key for other work is a `mismatch`. @default '' */
  readonly fingerprint?: string | undefined;
}

/** The work is the caller's to do. */
export interface Claimed {
  readonly status: 'claimed';
  /** Names this claim alone; at random, of 128 bits. */
  readonly token: string;
  /**
   * It is done: others are told so, and `result`, until `retentionMs` from now. `lost`: somebody else has claimed it since,
   * and nothing was stored. A claim that has lapsed and that nobody has taken is finished all the same. One request; may be
   * called again after `unavailable`. @throws ConfigError for a result that is too large
   */
  finish(result?: string, options?: CallOptions): Promise<Settlement<'finished'>>;
  /** It was not done: the next one may. `lost`: the claim has lapsed, or is finished. One request. */
  fail(options?: CallOptions): Promise<Settlement<'freed'>>;
  /** Keeps others off for another `processingMs` from now. `lost` as for `fail`. One request. */
  extend(options?: CallOptions): Promise<Settlement<'extended'>>;
}

/** What became of the end of a claim. */
export type Settlement<Status extends string> =
  | { readonly status: Status }
  /** The claim is not this one's any more. */
  | { readonly status: 'lost' }
  | Unavailable;

/** Leave to do work that nobody else does, or why there is none. */
export type Claim =
  | Claimed
  /** It is done. What `finish` was given, if anything. */
  | { readonly status: 'duplicate'; readonly result: string | undefined }
  /** Somebody is at it, and has this long to finish or to extend, in milliseconds. */
  | { readonly status: 'in-progress'; readonly retryAfterMs: number }
  /** The key was claimed for work with another fingerprint. */
  | { readonly status: 'mismatch' }
  | Unavailable;

/** Tells whether something has been seen before, and gives leave to do work once. */
export interface Dedup {
  /**
   * Whether an event of this key has been seen, and notes that it has. One request. Redis away: see
   * {@link DedupOptions.onUnavailable}; what is let through then is a duplicate in this process afterwards too.
   */
  seen(key: string, options: SeenOptions): Promise<Seen | Unavailable>;
  /**
   * Asks for work that is to be done once. One request, and one to `finish` or to `fail`. Redis away: `unavailable`, and the
   * work must not be done. If the claim got through and only its answer was lost, the next one of this process takes it over.
   */
  claim(key: string, options?: ClaimOptions): Promise<Claim>;
}

/** Times to live that Redis and JavaScript both count exactly: a hundred years. */
const MAX_MS = 100 * 365 * 86_400_000;

/** @throws ConfigError naming the option */
export function spanMs(option: string, value: number): number {
  return wholeNumber(option, value, 1, MAX_MS);
}

type ResolvedDedupOptions = {
  readonly [Option in keyof DedupOptions]-?: Exclude<DedupOptions[Option], undefined>;
};

/** Defaults filled in; an explicit `undefined` is unset. @throws ConfigError naming the option */
export function resolveDedupOptions(options: DedupOptions): ResolvedDedupOptions {
  const { kv, name = 'default', onUnavailable = 'open' } = options;
  const { maxLocalKeys = 10_000, maxResultBytes = 1_048_576 } = options;
  if (onUnavailable !== 'open' && onUnavailable !== 'closed') {
    throw new ConfigError('onUnavailable', "must be 'open' or 'closed'");
  }
  wholeNumber('maxLocalKeys', maxLocalKeys, 1, 10_000_000);
  wholeNumber('maxResultBytes', maxResultBytes, 0, 536_870_912);
  return { kv, name, onUnavailable, maxLocalKeys, maxResultBytes };
}
