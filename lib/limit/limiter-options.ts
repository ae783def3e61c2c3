import type { CallOptions } from '../client/call.ts';
import type { KvClient } from '../client/kv-client.ts';
import { ConfigError } from '../errors.ts';
import type { Leases } from './leases.ts';
import type { Ledger, OnUnavailable } from './ledger.ts';
import type { Charge, CompiledPolicy, Plan, Policy } from './policy.ts';
import type { LimitResult } from './result.ts';

/** Settings of a limiter. Wrong ones throw a ConfigError when it is made. */
export interface LimiterOptions {
  readonly kv: KvClient;
  readonly policies: readonly Policy[];
  /**
   * While Redis is away: `local` counts in this process against the same policies; `allow` and `deny` do not count.
   * @default 'local'
   */
  readonly onUnavailable?: OnUnavailable | undefined;
  /** Among how many processes `local` divides each limit; at least one permit is left of each. @default 1: each has all of it */
  readonly expectedProcesses?: number | undefined;
  /** Do not ask Redis at all and count in this process: the switch for an emergency. @default false */
  readonly localOnly?: boolean | undefined;
  /** Subjects remembered in this process, for each of its uses; beyond it the longest unused are forgotten. @default 100_000 */
  readonly maxLocalKeys?: number | undefined;
  /**
   * How long this process believes a refusal without asking again, in milliseconds, and never beyond the moment at which
   * the check would fit. Bounds how late it hears of a reset or of a higher limit made elsewhere. 0 asks every time. A
   * policy with `maxOverAdmission` believes one for as long as what it takes in advance is good for. @default 1_000
   */
  readonly refusalTtlMs?: number | undefined;
  /**
   * Take further permits of policies with `maxOverAdmission` before the last are spent, so that nobody waits for them. That
   * work is `pending` in a result: hand it to `waitUntil` where the platform ends with the answer. @default false
   */
  readonly prefetch?: boolean | undefined;
}

/** Whose account of which policy: `{ ip: '203.0.113.7', key: 'k_1' }`. Never a raw API key. */
export type Subjects = Readonly<Record<string, string>>;

/** How much one check takes, and how long it may wait. */
export interface CheckOptions extends CallOptions {
  /** Permits to take from each policy; a whole number from 0. @default 1 */
  readonly cost?: number | undefined;
  /** The plan of this subject, by policy name, where it is not the policy's own. */
  readonly quotas?: Readonly<Record<string, Plan>> | undefined;
}

/** How long `blockUntilReady` waits. */
export interface WaitOptions extends CheckOptions {
  /** How long to wait at most, in milliseconds. */
  readonly maxWaitMs: number;
}

/** Checks policies: all of one check's together or none, in one request at most. */
export interface Limiter {
  /**
   * Takes `cost` permits from every policy in `subjects`, or from none. One request to Redis, shared with whatever else
   * leaves in the same tick; none while permits taken in advance last, or a refusal stands. With Redis away, or a key that
   * holds something else, see `onUnavailable`.
   *
   * @throws ConfigError for an unknown policy, an empty subject or a cost that is none.
   */
  check(subjects: Subjects, options?: CheckOptions): Promise<LimitResult>;
  /** What `check` would answer, taking nothing; `remaining` is what is left now. One request. */
  peek(subjects: Subjects, options?: CheckOptions): Promise<LimitResult>;
  /**
   * As `check`, but waits until the permits are to be had: as long as the refusal says and a little longer, so that those
   * who wait do not all come back at once. A wait that cannot end in time is not begun.
   *
   * @returns the grant, or the last refusal. @throws the signal's reason
   */
  blockUntilReady(subjects: Subjects, options: WaitOptions): Promise<LimitResult>;
  /**
   * Gives `cost` permits back, never more than were taken. One request. Not for policies with `maxOverAdmission`: their
   * bound would not hold.
   *
   * @throws ConfigError for such a policy, and for `concurrency`, whose result has a `release`; and when Redis is away
   */
  refund(subjects: Subjects, options?: CheckOptions): Promise<LimitResult>;
  /** Gives these subjects everything back: at once here, elsewhere see `refusalTtlMs`. One request. @throws when Redis is away */
  reset(subjects: Subjects, options?: Pick<CheckOptions, 'quotas'>): Promise<void>;
  /**
   * Gives everybody everything back: at once here; in other processes within a second, and under a leased policy when a
   * refusal that they believe, or a permit that they hold, has ended. One request. @throws when Redis is away
   */
  clear(): Promise<void>;
  /**
   * The result of a check that needs no request, as far as there is one: permits that are held here, or a refusal that
   * stands. Without it the check has to be made.
   */
  held(charges: readonly Charge[], cost: number): LimitResult | undefined;
  /** What a check of `subject` would charge; later where the subject is long, or its plan is asked for. @throws ConfigError */
  chargeOf(policy: string, subject: string, plan?: Plan): Charge | Promise<Charge>;
  /** For composing a check with other work in one request. */
  readonly policies: ReadonlyMap<string, CompiledPolicy>;
  readonly ledger: Ledger;
  readonly leases: Leases;
  readonly localOnly: boolean;
}

type ResolvedLimiterOptions = {
  readonly [Option in keyof LimiterOptions]-?: Exclude<LimiterOptions[Option], undefined>;
};

/** Defaults filled in; an explicit `undefined` is unset. @throws ConfigError naming the option */
export function resolveLimiterOptions(options: LimiterOptions): ResolvedLimiterOptions {
  const { kv, policies, onUnavailable = 'local', localOnly = false, prefetch = false } = options;
  const { expectedProcesses = 1, refusalTtlMs = 1_000, maxLocalKeys = 100_000 } = options;
  requireWhole('expectedProcesses', expectedProcesses);
  requireWhole('maxLocalKeys', maxLocalKeys);
  if (!(refusalTtlMs >= 0)) throw new ConfigError('refusalTtlMs', `must be at least 0, got ${refusalTtlMs}`);
  if (!['local', 'allow', 'deny'].includes(onUnavailable)) {
    throw new ConfigError('onUnavailable', "must be 'local', 'allow' or 'deny'");
  }
  return { kv, policies, onUnavailable, localOnly, prefetch, expectedProcesses, refusalTtlMs, maxLocalKeys };
}

function requireWhole(option: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new ConfigError(option, `must be a whole number of at least 1, got ${value}`);
  }
}
