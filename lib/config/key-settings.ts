import { ConfigError } from '../errors.ts';
import { MAX_PEPPERS, NO_PEPPER, type Pepper, type Peppers } from '../keys/digest.ts';
import { createKeyFormat } from '../keys/key-format.ts';
import { parseStaticKeys, type StaticKey } from '../keys/source/static-key-source.ts';
import { type Read, underName } from './variables.ts';

/** How API keys look, and under which secrets they are digested. */
export interface KeySettings {
  /** First part of every key. */
  readonly prefix: string | undefined;
  /** Second part of every key. */
  readonly env: string | undefined;
  /** The one of new keys, then those of older keys. */
  readonly pepper: Peppers | undefined;
  /** The keys that there are, where a deployment brings them along. */
  readonly list: readonly StaticKey[] | undefined;
}

const CURRENT = 'BREAKWATER_KEY_PEPPER';
const PREVIOUS = 'BREAKWATER_KEY_PEPPER_PREVIOUS';
const MAX_PREVIOUS = MAX_PEPPERS - 1;

/** @throws ConfigError naming the variable. */
export function readKeySettings(read: Read): KeySettings {
  const [prefix, env] = [read('BREAKWATER_KEY_PREFIX'), read('BREAKWATER_KEY_ENV')];
  // Whatever stands in for the one that is not set is accepted.
  const check = () => createKeyFormat(prefix ?? 'a', env ?? 'a');
  underName({ prefix: 'BREAKWATER_KEY_PREFIX', env: 'BREAKWATER_KEY_ENV' }, check);
  const list = read('BREAKWATER_STATIC_KEYS');
  return { prefix, env, pepper: readPeppers(read), list: list === undefined ? undefined : parseStaticKeys(list) };
}

function readPeppers(read: Read): Peppers | undefined {
  const [current, previous] = [read(CURRENT), read(PREVIOUS)];
  if (current === undefined) {
    if (previous !== undefined) throw new ConfigError(CURRENT, `must be set together with ${PREVIOUS}`);
    return undefined;
  }
  const first = parsePepper(current);
  if (!first) {
    throw new ConfigError(
      CURRENT,
      `must be <name>:<secret>, a name other than ${NO_PEPPER} and a secret of at least 16 characters`,
    );
  }
  const older = (previous?.split(/\s+/) ?? []).map(parseOlder);
  if (older.length > MAX_PREVIOUS) throw new ConfigError(PREVIOUS, `must be at most ${MAX_PREVIOUS} peppers`);
  const peppers: Peppers = [first, ...older];
  if (new Set(peppers.map(nameOf)).size < peppers.length) {
    throw new ConfigError(PREVIOUS, `must be of other names than ${CURRENT}, each of them once`);
  }
  return peppers;
}

function parseOlder(text: string): Pepper | 'plain' {
  const pepper = text === NO_PEPPER ? NO_PEPPER : parsePepper(text);
  if (pepper) return pepper;
  throw new ConfigError(
    PREVIOUS,
    `must be ${NO_PEPPER}, or <name>:<secret> with at least 16 characters and no white space, separated by white space`,
  );
}

function parsePepper(text: string): Pepper | undefined {
  const [, kid, secret] = /^([a-z0-9]{1,16}):(.{16,})$/i.exec(text) ?? [];
  return kid === undefined || secret === undefined || kid === NO_PEPPER ? undefined : { kid, secret };
}

function nameOf(pepper: Pepper | 'plain'): string {
  return pepper === NO_PEPPER ? NO_PEPPER : pepper.kid;
}
