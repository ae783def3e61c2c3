import { createMac, type Mac, sha256 } from '../client/crypto.ts';
import { ConfigError } from '../errors.ts';

/** A secret kept outside the store: whoever reads the store cannot test guesses against it. */
export interface Pepper {
  /** Names the secret in keys, so that it can be replaced: 1 to 16 letters and digits. */
  readonly kid: string;
  /** At least 16 characters. From the environment only. */
  readonly secret: string;
}

/** What stands for a key everywhere but at the client: `<kid>:<digest>`. */
export interface KeyDigest {
  readonly kid: string;
  /** 43 characters of base64url. */
  readonly digest: string;
}

export type Digester = (key: string) => Promise<KeyDigest>;

/** The kid of keys that were digested without a pepper. */
export const NO_PEPPER = 'plain';

/** HMAC-SHA-256 under the pepper; plain SHA-256, which suffices for random keys of 190 bits, without one. */
export function createDigester(pepper: Pepper | undefined): Digester {
  if (!pepper) return async (key) => ({ kid: NO_PEPPER, digest: await sha256(key) });
  const { kid, secret } = pepper;
  if (!/^[a-z0-9]{1,16}$/i.test(kid) || kid === NO_PEPPER) {
    throw new ConfigError('pepper.kid', `must be 1 to 16 letters and digits, and not "${NO_PEPPER}"`);
  }
  if (secret.length < 16) throw new ConfigError('pepper.secret', 'must have at least 16 characters');
  const mac: Mac = createMac(secret);
  return async (key) => ({ kid, digest: await mac(key) });
}
