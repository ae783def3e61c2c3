import type { KvClient } from '../../client/kv-client.ts';
import { wholeNumber } from '../../client/whole-number.ts';
import { DAY_MS } from '../../clock.ts';
import { ConfigError } from '../../errors.ts';
import type { Unavailable } from '../unavailable.ts';

/** Settings of one-time codes. Wrong ones throw a ConfigError. */
export interface CodesOptions {
  readonly kv: KvClient;
  /**
   * A secret of at least 32 characters that is kept outside Redis: codes are so short that whoever reads Redis could try
   * them all without it. Another one ends the codes that are under way, and what was counted.
   */
  readonly pepper: string;
  /** Of a code: 6, 7 or 8. @default 6 */
  readonly digits?: number | undefined;
  /** How long a code is good for, in milliseconds; 10 minutes at most. @default 300_000 */
  readonly ttlMs?: number | undefined;
  /** Wrong answers after which a code is good no longer; 10 at most. @default 5 */
  readonly maxTries?: number | undefined;
  /** Wrong answers after which an account is locked, whatever their number of codes; 100 at most. @default 100 */
  readonly maxFailures?: number | undefined;
  /**
   * How long wrong answers count, in milliseconds, from the first of them: a minute to 365 days. Further ones do not prolong
   * it, so that nobody is locked for longer. @default 86_400_000
   */
  readonly failureWindowMs?: number | undefined;
  /** How long after a code no other one is issued, in milliseconds; 0 for not at all, 10 minutes at most. @default 60_000 */
  readonly resendCooldownMs?: number | undefined;
}

/** Whose code, and for what. Each purpose of a subject has codes and counts of its own. */
export interface CodeAccount {
  /** The application's own word: 1 to 64 letters, digits, dots, hyphens and underscores. */
  readonly purpose: string;
  /** A user's id, say, or an address, as one always writes it: `Ann` and `ann` are two. In Redis it is a digest. */
  readonly subject: string;
}

/** What somebody has typed in, and whose code it is to be. */
export interface CodeAnswer extends CodeAccount {
  /** As it was typed. White space in it does not matter. */
  readonly code: string;
  /**
   * Names this very submission, by random text in its form, say. Where the answer to the right code was lost, the same code
   * in the same attempt is verified again, within a minute and before another code is issued. @default none
   */
  readonly attempt?: string | undefined;
}

/** A code to send, this once; or why there is none. */
export type CodeIssue =
  /** To be sent to the subject, and shown to nobody else. An older one is good no longer. */
  | { readonly status: 'issued'; readonly code: string; readonly expiresInMs: number; readonly resendAfterMs: number }
  /** Too soon after the last one, which is still the one that is good. */
  | { readonly status: 'cooldown'; readonly retryAfterMs: number }
  /** Too many wrong answers: see `Codes.unlock`. */
  | { readonly status: 'locked'; readonly retryAfterMs: number }
  | Unavailable;

/** What a submitted code was. `unavailable` is not `wrong`: nobody can say. */
export type CodeCheck =
  /** Said once of each code; to its own attempt again. */
  | { readonly status: 'verified' }
  /** `triesLeft` is 0 when it takes another code. */
  | { readonly status: 'wrong'; readonly triesLeft: number }
  /** There is no code to compare with: never issued, past its end, used, tried too often, or cancelled. Not counted. */
  | { readonly status: 'expired' }
  /** Too many wrong answers: the right one is refused too. */
  | { readonly status: 'locked'; readonly retryAfterMs: number }
  /** Cannot be any code. Not counted; Redis was not asked. */
  | { readonly status: 'malformed' }
  /** With `mayHaveRun` the code may be used up, or the answer counted. Never to be told as a wrong code. */
  | Unavailable;

/** Codes that are sent to somebody, who proves by one that they have arrived. Nothing here rejects because Redis is away. */
export interface Codes {
  /** A new code in the place of the last; the account's wrong answers stay counted. One request. @throws ConfigError */
  issue(account: CodeAccount): Promise<CodeIssue>;
  /**
   * Whether this is the code. It is then used up, and the account's wrong answers are forgotten. One request, never sent
   * twice; none for what is malformed. @throws ConfigError
   */
  verify(answer: CodeAnswer): Promise<CodeCheck>;
  /** Forgets the wrong answers of an account, once its owner has proved otherwise who they are. One request. @throws ConfigError */
  unlock(account: CodeAccount): Promise<{ readonly status: 'unlocked' } | Unavailable>;
  /** Ends the code under way, and the wait for the next: of one that could not be sent, say. One request. @throws ConfigError */
  cancel(account: CodeAccount): Promise<{ readonly status: 'cancelled' } | Unavailable>;
}

export type CodeRules = {
  readonly [Option in Exclude<keyof CodesOptions, 'kv' | 'pepper'>]-?: number;
};

const MINUTE_MS = 60_000;
const MAX_CODE_MS = 10 * MINUTE_MS;
const MIN_PEPPER = 32;

/** Defaults filled in; an explicit `undefined` is unset. @throws ConfigError naming the option */
export function codeRules(options: CodesOptions): CodeRules {
  const { pepper, digits = 6, ttlMs = 5 * MINUTE_MS, maxTries = 5 } = options;
  const { maxFailures = 100, failureWindowMs = DAY_MS, resendCooldownMs = MINUTE_MS } = options;
  if (typeof pepper !== 'string' || pepper.length < MIN_PEPPER) {
    throw new ConfigError('pepper', `must have at least ${MIN_PEPPER} characters`);
  }
  return {
    digits: wholeNumber('digits', digits, 6, 8),
    ttlMs: wholeNumber('ttlMs', ttlMs, 1_000, MAX_CODE_MS),
    maxTries: wholeNumber('maxTries', maxTries, 1, 10),
    maxFailures: wholeNumber('maxFailures', maxFailures, 1, 100),
    failureWindowMs: wholeNumber('failureWindowMs', failureWindowMs, MINUTE_MS, 365 * DAY_MS),
    resendCooldownMs: wholeNumber('resendCooldownMs', resendCooldownMs, 0, MAX_CODE_MS),
  };
}
