import { randomBase62, sha256 } from '../../client/crypto.ts';
import { readJson } from '../../client/json.ts';
import { KV_PREFIXES } from '../../client/redis-keys.ts';
import { wholeNumber } from '../../client/whole-number.ts';
import { DAY_MS } from '../../clock.ts';
import { ConfigError } from '../../errors.ts';
import { entityName } from '../names.ts';
import { checkPurpose } from '../purpose.ts';
import { unlessAway } from '../unavailable.ts';
import type { LinkTokens, LinkTokensOptions } from './link-tokens-options.ts';

/** Of base62: 190 bits, which nobody guesses, so that a plain digest hides them. */
const TOKEN_LENGTH = 32;
const TOKEN = new RegExp(`^[0-9A-Za-z]{${TOKEN_LENGTH}}$`);

/**
 * Tokens for links that are good once. @throws ConfigError naming the option
 *
 * @example
 * ```ts
 * const links = createLinkTokens<{ userId: string }>({ kv, purpose: 'confirm-email', ttlMs: 86_400_000 });
 * const issued = await links.issue({ userId: user.id });
 * if (issued.status === 'issued') await sendMail(user.email, `https://example.test/confirm?token=${issued.token}`);
 * const redeemed = await links.redeem(form.token);
 * ```
 */
export function createLinkTokens<Payload = unknown>(options: LinkTokensOptions): LinkTokens<Payload> {
  const { kv } = options;
  const purpose = checkPurpose(options.purpose);
  const ttlMs = wholeNumber('ttlMs', options.ttlMs, 1_000, 30 * DAY_MS);
  const maxLength = wholeNumber('maxPayloadLength', options.maxPayloadLength ?? 4_096, 2, 65_536);

  const nameOf = async (token: string) => entityName(kv, KV_PREFIXES.LINK, purpose, await sha256(token));

  return {
    async issue(payload) {
      const text = textOf(payload);
      if (text === undefined || text.length > maxLength) {
        throw new ConfigError('payload', `must be JSON of at most ${maxLength} characters`);
      }
      const token = randomBase62(TOKEN_LENGTH);
      const name = await nameOf(token);
      return unlessAway(async () => {
        await kv.command(['SET', name, text, 'PX', ttlMs]);
        return { status: 'issued', token, expiresInMs: ttlMs };
      });
    },

    async redeem(token) {
      if (!isToken(token)) return { status: 'invalid' };
      const name = await nameOf(token);
      return unlessAway(async () => {
        const payload = readJson(await kv.command(['GETDEL', name]));
        return payload === undefined ? { status: 'invalid' } : { status: 'redeemed', payload: payload as Payload };
      });
    },

    async exists(token) {
      if (!isToken(token)) return { status: 'invalid' };
      const name = await nameOf(token);
      return unlessAway(async () => ({ status: (await kv.command(['EXISTS', name])) === 1 ? 'exists' : 'invalid' }));
    },
  };
}

function isToken(token: unknown): token is string {
  return typeof token === 'string' && TOKEN.test(token);
}

/** `undefined` for what is no JSON: a function, a circle. What is wrong with it might be quoted, so nobody is told. */
function textOf(payload: unknown): string | undefined {
  try {
    return JSON.stringify(payload);
  } catch {
    return undefined;
  }
}
