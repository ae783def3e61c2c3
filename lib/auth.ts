import { type ApiKeysConfiguration, configureKeys, getDefaults } from './default-client.ts';
import { ConfigError } from './errors.ts';
import { type IdentityCheck, withScopes } from './guard/identity-check.ts';
import type { AuthCacheStats, ListOptions, Revocation, RotateOptions } from './keys/api-keys.ts';
import type { NewKey } from './keys/new-key.ts';
import type { ApiKey } from './keys/record.ts';
import type { IssuedKey, ManagedKey } from './keys/registry.ts';
import { checkScopes } from './keys/scopes.ts';
import type { DayUsage } from './keys/usage.ts';
import type { Validation } from './keys/validation.ts';
import { logMisconfiguration } from './log.ts';

export { type IdentityCheck, identityProblem } from './guard/identity-check.ts';
export { createApiKeys } from './keys/api-keys.ts';

/**
 * Where the functions of this module, and the middleware, have their keys on record, and whatever else the environment does
 * not say. To be called where a module is loaded that all bundles import, middleware and handlers alike: they are
 * different processes, or memories. No I/O.
 *
 * @throws ConfigError naming the option.
 *
 * @example
 * ```ts
 * configureApiKeys({ source: sqlKeyStore({ query: (text, params) => pool.query(text, params) }) });
 * ```
 */
export function configureApiKeys(configuration: ApiKeysConfiguration): void {
  configureKeys(configuration);
}

/** A {@link Validation} with the answer to the plain question. */
export type ApiKeyResult<Config = unknown> = Validation<Config> & {
  /** Whether the request may pass as this key. `false` with status `UNAVAILABLE` is a 503, not a 401. */
  readonly valid: boolean;
};

/**
 * Who a key is. 0 requests for a key known to this process, else 1. Never throws for an outage.
 *
 * @example
 * ```ts
 * const result = await validateApiKey(key);
 * if (result.status === 'VALID') console.log(result.key.owner);
 * ```
 */
export async function validateApiKey<Config = unknown>(key: string): Promise<ApiKeyResult<Config>> {
  const validation = (await getDefaults().keys.validate(key)) as Validation<Config>;
  return { ...validation, valid: validation.status === 'VALID' };
}

/** Issues a key. It is in the answer, and nowhere else. @throws when Redis is away */
export function createApiKey<Config = unknown>(key: NewKey<Config>): Promise<IssuedKey<Config>> {
  return getDefaults().keys.create(key) as Promise<IssuedKey<Config>>;
}

/**
 * Ends a key, given itself or its id. @throws when the store of record is away: the key still works, unless the error's
 * `mayHaveRun` is `true`. Ending it again tells.
 */
export function revokeApiKey(keyOrId: string): Promise<Revocation> {
  return getDefaults().keys.revoke(keyOrId);
}

/** A new key under the same id; the old one works for `graceSeconds` more. `undefined` when there is no such key. */
export function rotateApiKey(keyOrId: string, options?: RotateOptions): Promise<IssuedKey<unknown> | undefined> {
  return getDefaults().keys.rotate(keyOrId, options);
}

/** Active keys, oldest first; at most 1,000 at a time. */
export function listApiKeys(options?: ListOptions): Promise<readonly ApiKey[]> {
  return getDefaults().keys.list(options);
}

/**
 * What is on record under this id, revoked ones too; `undefined` for an id that never was. One request.
 *
 * @throws as the client does, when the store of record is away
 */
export function getApiKey(id: string): Promise<ManagedKey | undefined> {
  return getDefaults().keys.get(id);
}

/**
 * How often a key passed the front door on each of the last days of UTC, today first. `undefined` when there is no such
 * key. Two requests. @throws when Redis, or where the key is on record, is away
 */
export function getApiKeyUsage(id: string, days?: number): Promise<readonly DayUsage[] | undefined> {
  return getDefaults().keys.usage(id, { days });
}

/** Drops what is cached of a key, here and in Redis. A revoked key stays revoked. */
export function clearAuthCache(apiKey: string): Promise<void> {
  return getDefaults().keys.forget(apiKey);
}

/** Of this process. */
export function getAuthCacheStats(): AuthCacheStats {
  return getDefaults().keys.stats();
}

/**
 * Whether a request has come through the guard, and as whom. Without BREAKWATER_IDENTITY_SECRET nobody can say, which
 * `identityProblem` answers with 503, and is a line in the log. No I/O.
 */
export async function verifyIdentity(request: Request): Promise<IdentityCheck> {
  const { seal } = getDefaults();
  if (seal) return seal.verify(request);
  logMisconfiguration(
    new ConfigError('BREAKWATER_IDENTITY_SECRET', 'must be set: a handler asks who has sent a request'),
  );
  return { ok: false, reason: 'unconfigured' };
}

/**
 * {@link verifyIdentity}, and whether the identity has all of `scopes`; see `coversScopes`. A handler that asks is safe also
 * where the middleware was stepped around, or its routes do not ask for scopes. No I/O.
 *
 * @throws ConfigError for a name that no scope can have.
 *
 * @example
 * ```ts
 * const check = await requireScopes(request, 'reports:read');
 * if (!check.ok) return identityProblem(check);
 * ```
 */
export async function requireScopes(request: Request, ...scopes: readonly string[]): Promise<IdentityCheck> {
  checkScopes('scopes', scopes);
  return withScopes(await verifyIdentity(request), scopes);
}
