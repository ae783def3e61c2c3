import type { Value } from '../../client/call.ts';
import { randomDigits } from '../../client/crypto.ts';
import { runScript } from '../../client/script.ts';
import { unlessAway } from '../unavailable.ts';
import { createCodeDigests } from './code-digests.ts';
import { issueScript, verifyScript } from './code-scripts.ts';
import { type CodeCheck, type CodeIssue, type Codes, type CodesOptions, codeRules } from './codes-options.ts';

/**
 * One-time codes of 6 to 8 digits. Redis has a digest of each under the pepper, and compares and counts in one script, so
 * that answers that come together are counted all the same. @throws ConfigError naming the option
 *
 * @example
 * ```ts
 * const codes = createCodes({ kv, pepper: secret });
 * const issued = await codes.issue({ purpose: 'login', subject: user.id });
 * if (issued.status === 'issued') await sendMail(user.email, `Your code is ${issued.code}`);
 * const check = await codes.verify({ purpose: 'login', subject: user.id, code: form.code });
 * ```
 */
export function createCodes(options: CodesOptions): Codes {
  const { kv } = options;
  const { digits, ttlMs, maxTries, maxFailures, failureWindowMs, resendCooldownMs } = codeRules(options);
  const digests = createCodeDigests(kv, options.pepper);

  return {
    async issue(account) {
      const names = await digests.names(account);
      const code = randomDigits(digits);
      const args = [await digests.digest(account, code), ttlMs, maxFailures, resendCooldownMs];
      const keys = [names.code, names.failures, names.cooldown, names.grant];
      return unlessAway(async (): Promise<CodeIssue> => {
        const { status, number } = readAnswer(await runScript(kv, { script: issueScript, keys, args }));
        if (status === 'issued') return { status, code, expiresInMs: ttlMs, resendAfterMs: resendCooldownMs };
        return { status: status === 'locked' ? status : 'cooldown', retryAfterMs: Math.max(1, number) };
      });
    },

    async verify({ code, attempt, ...account }) {
      const names = await digests.names(account);
      const typed = typedCode(code, digits);
      if (typed === undefined) return { status: 'malformed' };
      const grant = attempt ? await digests.grant(account, typed, attempt) : '';
      const args = [await digests.digest(account, typed), maxTries, maxFailures, failureWindowMs, grant];
      const keys = [names.code, names.failures, names.grant];
      return unlessAway(async (): Promise<CodeCheck> => {
        const { status, number } = readAnswer(await runScript(kv, { script: verifyScript, keys, args }));
        if (status === 'verified') return { status };
        if (status === 'wrong') return { status, triesLeft: number };
        if (status === 'locked') return { status, retryAfterMs: Math.max(1, number) };
        return { status: 'expired' };
      });
    },

    async unlock(account) {
      const { failures } = await digests.names(account);
      return unlessAway(async () => {
        await kv.command(['DEL', failures]);
        return { status: 'unlocked' };
      });
    },

    async cancel(account) {
      const { code, cooldown, grant } = await digests.names(account);
      return unlessAway(async () => {
        await kv.command(['DEL', code, cooldown, grant]);
        return { status: 'cancelled' };
      });
    },
  };
}

/** As many characters of what was typed are looked at. */
const MAX_TYPED = 64;

/** The digits of what somebody has typed or pasted; `undefined` where that can be no code. */
function typedCode(typed: unknown, digits: number): string | undefined {
  if (typeof typed !== 'string' || typed.length > MAX_TYPED) return undefined;
  const code = typed.replace(/\s+/g, '');
  return code.length === digits && /^[0-9]+$/.test(code) ? code : undefined;
}

function readAnswer(reply: Value): { readonly status: unknown; readonly number: number } {
  const [status, number] = Array.isArray(reply) ? reply : [];
  return { status, number: Number(number) || 0 };
}
