import { getDefaults } from './default-client.ts';
import type { IdentityCheck } from './guard/identity.ts';
import type { AuthCacheStats, RotateOptions } from './keys/api-keys.ts';
import type { NewKey } from './keys/new-key.ts';
import type { ApiKey } from './keys/record.ts';
import type { IssuedKey } from './keys/registry.ts';
import type { Validation } from './keys/verifier.ts';

export { createApiKeys } from './keys/api-keys.ts';

/** A {@link Validation} with the answer to the plain question. */
export type ApiKeyResult<Config = unknown> = Validation<Config> & {
  /** Whether the request may pass as this key. `false` with status `UNAVAILABLE` is a 503, not a 401. */
  readonly valid: boolean;
};

/**
 * Who a key is. 0 requests for a key known to this process, else 1. Never throws for an outage.
 *
 * @example
 * const result = await validateApiKey(key);
 * if (result.status === 'VALID') console.log(result.key.owner);
 */
export async function validateApiKey<Config = unknown>(key: string): Promise<ApiKeyResult<Config>> {
  const validation = (await getDefaults().keys.validate(key)) as Validation<Config>;
  return { ...validation, valid: validation.status === 'VALID' };
}

/** Issues a key. It is in the answer, and nowhere else. @throws when Redis is away */
export function createApiKey<Config = unknown>(key: NewKey<Config>): Promise<IssuedKey<Config>> {
  return getDefaults().keys.create(key) as Promise<IssuedKey<Config>>;
}

/** Ends a key, given itself or its id. @throws when Redis is away; the key then still works */
export function revokeApiKey(keyOrId: string): Promise<{ readonly revoked: boolean; readonly propagated: boolean }> {
  return getDefaults().keys.revoke(keyOrId);
}

/** A new key under the same id; the old one works for `graceSeconds` more. `undefined` when there is no such key. */
export function rotateApiKey(keyOrId: string, options?: RotateOptions): Promise<IssuedKey<unknown> | undefined> {
  return getDefaults().keys.rotate(keyOrId, options);
}

/** Active keys, oldest first. */
export function listApiKeys(): Promise<readonly ApiKey[]> {
  return getDefaults().keys.list();
}

export function getApiKey(id: string): Promise<(ApiKey & { readonly status: 'active' | 'revoked' }) | undefined> {
  return getDefaults().keys.get(id);
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
 * Whether a request has come through the guard, and as whom. Without BREAKWATER_IDENTITY_SECRET nobody has. No I/O.
 */
export async function verifyIdentity(request: Request): Promise<IdentityCheck> {
  const { seal } = getDefaults();
  return seal ? seal.verify(request) : { ok: false, reason: 'missing' };
}
