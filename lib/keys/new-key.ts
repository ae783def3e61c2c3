import { flawOf, MAX_PERMITS, type Quota } from '../client/quota.ts';
import { ConfigError } from '../errors.ts';
import { holdsKey } from './key-format.ts';
import { checkScopes } from './scopes.ts';

/** What a key is issued with. What cannot be throws a ConfigError that names the field. */
export interface NewKey<Config> {
  /** Whose key it is; 1 to 256 characters. */
  readonly owner: string;
  /** @default [] */
  readonly scopes?: readonly string[] | undefined;
  /** Other numbers for policies of the same names. @default {} */
  readonly limits?: Readonly<Record<string, Quota>> | undefined;
  /** Requests that may pass the front door on a day of UTC. @default any number */
  readonly dailyQuota?: number | undefined;
  /** The application's own payload, handed back by validation. @default null */
  readonly config?: Config | undefined;
  /** Unix milliseconds. @default never */
  readonly expiresAt?: number | undefined;
}

/** Redis reads JSON to a depth of 1000; the rest of the record needs a few. */
const MAX_DEPTH = 100;

/** @throws ConfigError naming what the front door could not read, count or compare. */
export function checkNewKey(
  { owner, scopes = [], limits = {}, config, dailyQuota }: NewKey<unknown>,
  expiresAt: number | null,
  now: number,
): void {
  if (typeof owner !== 'string' || owner.length < 1 || owner.length > 256)
    throw new ConfigError('owner', 'must have 1 to 256 characters');
  if (!isReadable(owner)) throw new ConfigError('owner', 'must be well-formed Unicode');
  checkScopes('scopes', scopes);
  if (typeof limits !== 'object' || limits === null || Array.isArray(limits)) {
    throw new ConfigError('limits', 'must be by names of policies');
  }
  for (const [policy, quota] of Object.entries(limits)) {
    if (!/^[a-z][a-z0-9-]{0,31}$/i.test(policy)) throw new ConfigError('limits', 'must be by names of policies');
    if (typeof quota !== 'object' || quota === null) throw new ConfigError(`limits.${policy}`, 'must be a quota');
    // Other numbers the front door would ignore, and the key would pass under no plan of its own.
    const [option, expectation] = flawOf(quota) ?? [];
    if (option) throw new ConfigError(`limits.${policy}`, `has a ${option} that ${expectation}`);
  }
  if (!isReadable(plainConfig(config))) {
    throw new ConfigError('config', `must be well-formed Unicode, nested at most ${MAX_DEPTH} deep`);
  }
  // It would stand in the store, in answers and in lists, as it is.
  for (const [field, value] of Object.entries({ owner, scopes, config })) {
    if (holdsKey(JSON.stringify(value) ?? '')) throw new ConfigError(field, 'must not hold an API key');
  }
  if (dailyQuota !== undefined && !(Number.isSafeInteger(dailyQuota) && dailyQuota >= 1 && dailyQuota <= MAX_PERMITS)) {
    throw new ConfigError('dailyQuota', `must be a whole number from 1 to ${MAX_PERMITS}`);
  }
  if (expiresAt !== null && !(Number.isSafeInteger(expiresAt) && expiresAt > now)) {
    throw new ConfigError('expiresAt', 'must be whole milliseconds in the future');
  }
}

/** What JSON keeps of `config`, with nothing in it that the caller could change later. @throws ConfigError */
export function plainConfig<Config>(config: Config | undefined): Config | null {
  try {
    return JSON.parse(JSON.stringify(config ?? null) ?? 'null') as Config | null;
  } catch {
    // A cycle, a bigint, nesting deeper than the stack; the error would quote names in it.
    throw new ConfigError('config', 'must be plain JSON');
  }
}

/** Whether the JSON reader inside Redis takes it: lone surrogates and deep nesting it does not. */
function isReadable(value: unknown, depth = 0): boolean {
  if (typeof value === 'string') return !/\p{Cs}/u.test(value);
  if (typeof value !== 'object' || value === null) return true;
  return (
    depth < MAX_DEPTH && Object.entries(value).every(([name, part]) => isReadable(name) && isReadable(part, depth + 1))
  );
}
