import { createMac, sha256 } from '../client/crypto.ts';
import { ConfigError } from '../errors.ts';

/** A secret kept outside the store: whoever reads the store cannot test guesses against it. */
export interface Pepper {
  /** Names the secret in keys, so that it can be replaced: 1 to 16 letters and digits. */
  readonly kid: string;
  /** At least 16 characters. From the environment only. */
  readonly secret: string;
}

/**
 * The pepper of new keys, then those of older ones, which go on working as long as theirs is here; `'plain'` for keys from
 * before there was a pepper. At most `MAX_PEPPERS`: each costs a digest, and a look in Redis for an unknown key.
 */
export type Peppers = readonly (Pepper | 'plain')[];

/** What stands for a key everywhere but at the client: `<kid>:<digest>`. */
export interface KeyDigest {
  readonly kid: string;
  /** 43 characters of base64url. */
  readonly digest: string;
}

export interface Digester {
  /** Under the first pepper. */
  (key: string): Promise<KeyDigest>;
  /** Under each pepper, in order. */
  readonly all: (key: string) => Promise<readonly [KeyDigest, ...KeyDigest[]]>;
}

/** The kid of keys that were digested without a pepper. */
export const NO_PEPPER = 'plain';
export const MAX_PEPPERS = 4;

type Digest = (key: string) => Promise<KeyDigest>;

/** HMAC-SHA-256 under the pepper; plain SHA-256, which suffices for random keys of 190 bits, without one. */
export function createDigester(pepper: Pepper | Peppers | undefined): Digester {
  const peppers: Peppers = pepper === undefined ? [] : 'kid' in pepper ? [pepper] : pepper;
  if (peppers.length > MAX_PEPPERS) throw new ConfigError('pepper', `must be at most ${MAX_PEPPERS}`);
  const [first = plain, ...others] = peppers.map((one) => (one === 'plain' ? plain : peppered(one)));
  const kids = peppers.map((one) => (one === 'plain' ? NO_PEPPER : one.kid));
  if (new Set(kids).size < kids.length) throw new ConfigError('pepper.kid', 'must name one pepper only');
  const all = (key: string): Promise<readonly [KeyDigest, ...KeyDigest[]]> =>
    Promise.all([first(key), ...others.map((one) => one(key))]);
  return Object.assign((key: string) => first(key), { all });
}

async function plain(key: string): Promise<KeyDigest> {
  return { kid: NO_PEPPER, digest: await sha256(key) };
}

function peppered({ kid, secret }: Pepper): Digest {
  if (!/^[a-z0-9]{1,16}$/i.test(kid) || kid === NO_PEPPER) {
    throw new ConfigError('pepper.kid', `must be 1 to 16 letters and digits, and not "${NO_PEPPER}"`);
  }
  if (secret.length < 16) throw new ConfigError('pepper.secret', 'must have at least 16 characters');
  const mac = createMac(secret);
  return async (key) => ({ kid, digest: await mac(key) });
}
