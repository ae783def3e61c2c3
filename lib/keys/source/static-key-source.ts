import { constantTimeEqual } from '../../client/crypto.ts';
import { isObject } from '../../client/json.ts';
import type { Quota } from '../../client/quota.ts';
import { ConfigError } from '../../errors.ts';
import { checkNewKey } from '../new-key.ts';
import type { ApiKeySource, FoundKey } from './source.ts';

/** A key as a deployment names it. The key itself is nowhere in it. */
export interface StaticKey<Config = unknown> {
  /** 1 to 64 letters, digits and `_ : . -`. Two entries of one id are two keys of one client, as while it changes them. */
  readonly id: string;
  /** Whose key it is; 1 to 256 characters. */
  readonly owner: string;
  /** `<kid>:<digest>`, the digest being 43 characters of base64url. */
  readonly digest: string;
  /** @default [] */
  readonly scopes?: readonly string[] | undefined;
  /** Other numbers for policies of the same names. @default {} */
  readonly limits?: Readonly<Record<string, Quota>> | undefined;
  /** The application's own payload. @default null */
  readonly config?: Config | null | undefined;
  /** Requests that may pass the front door on a day of UTC. @default any number */
  readonly dailyQuota?: number | null | undefined;
  /** Unix milliseconds. @default never */
  readonly expiresAt?: number | null | undefined;
  /** @default 'active' */
  readonly status?: 'active' | 'revoked' | undefined;
}

/** Each lookup compares with every one of them: 0.2 ms for so many. */
const MAX_KEYS = 1_000;
const MAX_CHARACTERS = 262_144;
const VARIABLE = 'BREAKWATER_STATIC_KEYS';

/**
 * API keys that a deployment brings along, at most 1,000 of them; no I/O. What changes of them needs a deployment, and
 * caches hear of it when their entries end.
 *
 * @throws ConfigError naming the position of a malformed entry, and nothing of what is in it.
 */
export function staticKeySource<Config = unknown>(keys: readonly StaticKey<Config>[]): ApiKeySource<Config> {
  checkKeys(keys, 'keys');
  const entries = keys.map((key) => ({ named: key.digest, found: foundKeyOf(key) }));
  return {
    async findByDigest({ kid, digest }) {
      const wanted = `${kid}:${digest}`;
      let match: FoundKey<Config> | undefined;
      // To the end, whatever matches: how long it takes says nothing of where it stands.
      for (const { named, found } of entries) if (constantTimeEqual(named, wanted)) match = found;
      return match;
    },
  };
}

function foundKeyOf<Config>(key: StaticKey<Config>): FoundKey<Config> {
  const { id, owner, scopes = [], limits = {}, config = null, expiresAt = null, status = 'active' } = key;
  const { dailyQuota = null } = key;
  return { id, owner, scopes, limits, config, dailyQuota, expiresAt, status, digest: key.digest.split(':')[1] };
}

/**
 * The keys for {@link staticKeySource} from the JSON of an environment variable, an array of at most 262,144 characters.
 *
 * @throws ConfigError naming `BREAKWATER_STATIC_KEYS` and the position of a malformed entry, and nothing of what is in it.
 */
export function parseStaticKeys<Config = unknown>(text: string): readonly StaticKey<Config>[] {
  if (text.length > MAX_CHARACTERS) throw new ConfigError(VARIABLE, `must have at most ${MAX_CHARACTERS} characters`);
  const value = parseJson(text);
  checkKeys(value, VARIABLE);
  return value as readonly StaticKey<Config>[];
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The message of the parser quotes what it could not read.
    throw new ConfigError(VARIABLE, 'must be JSON');
  }
}

function checkKeys(value: unknown, setting: string): asserts value is readonly StaticKey[] {
  if (!Array.isArray(value)) throw new ConfigError(setting, 'must be a list of keys');
  if (value.length > MAX_KEYS) throw new ConfigError(setting, `must have at most ${MAX_KEYS} entries`);
  const positions = new Map<unknown, number>();
  for (const [position, entry] of value.entries()) {
    const problem = problemOf(entry);
    if (problem !== undefined) throw new ConfigError(setting, `at [${position}]${problem}`);
    const { digest } = entry as StaticKey;
    const earlier = positions.get(digest);
    if (earlier !== undefined)
      throw new ConfigError(setting, `at [${position}].digest must not be that of [${earlier}]`);
    positions.set(digest, position);
  }
}

const FIELDS: ReadonlySet<string> = new Set([
  ...['id', 'owner', 'digest', 'scopes', 'limits', 'config', 'dailyQuota', 'expiresAt', 'status'],
]);

/** What is wrong with `entry`, after its position. Not a word of what is in it: it may be a key in the wrong place. */
function problemOf(entry: unknown): string | undefined {
  if (!isObject(entry)) return ' must be an object';
  // An `expires_at` would be an expiry that never comes.
  if (!Object.keys(entry).every((name) => FIELDS.has(name)))
    return ` must have no fields but ${[...FIELDS].join(', ')}`;
  const { id, owner, digest, scopes = [], limits = {}, config = null, expiresAt = null, status = 'active' } = entry;
  const { dailyQuota = null } = entry;
  if (typeof id !== 'string' || !/^[\w:.-]{1,64}$/.test(id)) {
    return '.id must be 1 to 64 letters, digits and _ : . -';
  }
  if (typeof digest !== 'string' || !/^[a-z0-9]{1,16}:[\w-]{43}$/i.test(digest)) {
    return '.digest must be a kid, a colon, and 43 characters of base64url';
  }
  if (typeof owner !== 'string') return '.owner must be a string';
  if (!isTexts(scopes)) return '.scopes must be a list of strings';
  if (!isQuotas(limits)) return '.limits must be quotas by names of policies';
  if (expiresAt !== null && !Number.isSafeInteger(expiresAt))
    return '.expiresAt must be whole Unix milliseconds, or null';
  if (status !== 'active' && status !== 'revoked') return ".status must be 'active' or 'revoked'";
  if (dailyQuota !== null && typeof dailyQuota !== 'number') return '.dailyQuota must be a number, or null';
  try {
    // An expiry in the past is one that has come since the deployment.
    checkNewKey({ owner, scopes, limits, config, dailyQuota: dailyQuota ?? undefined }, null, 0);
  } catch (error) {
    if (!(error instanceof ConfigError)) return '.config must be plain JSON';
    const [field] = error.setting.split('.');
    return `.${field}${error.message.slice(error.setting.length)}`;
  }
  return undefined;
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((part) => typeof part === 'string');
}

function isQuotas(value: unknown): value is Readonly<Record<string, Quota>> {
  return isObject(value) && Object.values(value).every(isObject);
}
