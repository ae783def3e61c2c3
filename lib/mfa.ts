import { randomBase62 } from './client/crypto.ts';
import type { Settings } from './config.ts';
import { onDefaultClient } from './default-client.ts';
import { ConfigError, StoreError } from './errors.ts';
import { warn } from './log.ts';
import { createCodes } from './primitives/one-time-code/codes.ts';
import type { CodeAccount, CodeCheck, CodeIssue } from './primitives/one-time-code/codes-options.ts';
import type { Unavailable } from './primitives/unavailable.ts';

export type { CodeCheck, CodeIssue } from './primitives/one-time-code/codes-options.ts';
export type { Unavailable } from './primitives/unavailable.ts';

/** One for a process: codes of 6 digits, good for 5 minutes, once, and for 5 tries. */
const codes = onDefaultClient('mfa', ({ kv, settings }) => createCodes({ kv, pepper: pepperOf(settings) }));

/**
 * A new code to be sent to a user, in the place of the last. One request.
 *
 * @throws ConfigError in production without BREAKWATER_CODE_PEPPER, as all functions of this module
 *
 * @example
 * ```ts
 * const issued = await issueMfaCode(user.id);
 * if (issued.status === 'issued') await sendMail(user.email, `Your code is ${issued.code}`);
 * ```
 */
export async function issueMfaCode(userId: string): Promise<CodeIssue> {
  return codes().issue(accountOf(userId));
}

/** What comes of a code that was typed in: see `CodeCheck`. One request. */
export async function checkMfaCode(userId: string, code: string): Promise<CodeCheck> {
  return codes().verify({ ...accountOf(userId), code });
}

/**
 * Whether this is the user's code; it is then used up. One request. `false` does not say whether it was wrong, too old, or
 * tried too often, nor whether the account is locked: `checkMfaCode` does.
 *
 * @throws StoreError while Redis is away: nobody can say, which is a 503 and never a wrong code. With its `mayHaveRun` the
 *   code may be used up.
 */
export async function verifyMfaCode(userId: string, code: string): Promise<boolean> {
  const check = await checkMfaCode(userId, code);
  if (check.status !== 'unavailable') return check.status === 'verified';
  const { retryAfterMs, mayHaveRun } = check;
  throw new StoreError('unavailable', 'No code can be verified while Redis is away', { retryAfterMs, mayHaveRun });
}

/** Ends the user's code, and the wait for the next: of one that could not be sent, say. One request. */
export async function cancelMfaCode(userId: string): Promise<{ readonly status: 'cancelled' } | Unavailable> {
  return codes().cancel(accountOf(userId));
}

/** Forgets a user's wrong answers, 100 of which lock for a day from the first of them. One request. */
export async function unlockMfa(userId: string): Promise<{ readonly status: 'unlocked' } | Unavailable> {
  return codes().unlock(accountOf(userId));
}

function accountOf(userId: string): CodeAccount {
  return { purpose: 'mfa', subject: userId };
}

function pepperOf({ codePepper, production }: Settings): string {
  if (codePepper !== undefined) return codePepper;
  if (production) throw new ConfigError('BREAKWATER_CODE_PEPPER', 'must be set: one-time codes are digested under it');
  warn('[KV] BREAKWATER_CODE_PEPPER is not set: one-time codes are good in this process only');
  return randomBase62(43);
}
