/**
 * What the features on a client tell of themselves. All of it is told at once, and none of it is waited for. Nothing here is
 * a key, a value or a whole address.
 */
export interface Measurements {
  /** A guard has decided, within this time. */
  decision(decision: DecisionOutcome, durationMs: number): void;
  /** A limit was checked; `account` says whose it is, where that may be told: the id of a key, or a masked address. */
  limit(check: LimitOutcome, basis: LimitBasis, account: string | undefined): void;
  /** A cache was asked for a value. */
  cacheRead(result: CacheReadResult): void;
  /** Somebody has asked for a lock, and has an answer. */
  lock(result: LockResult): void;
}

/** What of a decision may be told. `status` and `code` are those of a refusal. */
export interface DecisionOutcome {
  readonly outcome: 'allow' | 'deny';
  readonly status?: number | undefined;
  readonly code?: string | undefined;
  /** What could not rest on Redis. */
  readonly degraded: readonly ('limit' | 'keys')[];
  /** The refusal that this would have been, where refusals are reported only. */
  readonly reported?: object | undefined;
}

/** What became of a request: `limited` by a limit or a quota, `refused` for any other reason. */
export function becameOf({ outcome, status }: DecisionOutcome): 'allowed' | 'limited' | 'refused' {
  if (outcome === 'allow') return 'allowed';
  return status === 429 ? 'limited' : 'refused';
}

/** One policy of a check. Unknown is `undefined`. */
export interface LimitOutcome {
  readonly policy: string;
  readonly allowed: boolean;
  readonly limit: number;
  readonly remaining: number | undefined;
  /** Milliseconds until this cost fits. */
  readonly retryAfterMs: number | undefined;
}

/** What the result of a check rests on. */
export type LimitBasis = 'store' | 'lease' | 'local' | 'policy';

/** `stale` is past its end and served all the same, `negative` is known not to exist; `unavailable` is Redis, which was needed. */
export type CacheReadResult = 'hit' | 'stale' | 'negative' | 'miss' | 'unavailable';

/** `timeout`: another held it for as long as was waited. */
export type LockResult = 'acquired' | 'timeout' | 'unavailable';
