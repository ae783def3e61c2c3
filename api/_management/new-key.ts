import { isObject } from '../../lib/client/json.ts';
import type { Quota } from '../../lib/client/quota.ts';
import { getDefaults } from '../../lib/default-client.ts';
import type { NewKey } from '../../lib/keys/new-key.ts';
import { readExpiry } from './expiry.ts';
import { FieldError } from './field-error.ts';
import { readFields } from './json-body.ts';

const NAMES = ['owner', 'scopes', 'limits', 'config', 'dailyQuota', 'expiresAt', 'expiresInSeconds'];
const QUOTA_NAMES = ['limit', 'windowMs', 'burst'];

/**
 * What the body of a request asks a key to be. Only types are checked here: what a key may be is checked where it is made.
 *
 * @throws FieldError
 */
export async function readNewKey(request: Request): Promise<NewKey<unknown> | Response> {
  const fields = await readFields(request, { names: NAMES });
  if (fields instanceof Response) return fields;
  const { owner, scopes = [], limits = {}, config, dailyQuota = null, expiresAt, expiresInSeconds } = fields;
  if (typeof owner !== 'string') throw new FieldError('owner', 'must be a text');
  if (!Array.isArray(scopes) || !scopes.every((scope) => typeof scope === 'string')) {
    throw new FieldError('scopes', 'must be a list of texts');
  }
  if (dailyQuota !== null && typeof dailyQuota !== 'number') throw new FieldError('dailyQuota', 'must be a number');
  return {
    ...{ owner, scopes, config, dailyQuota: dailyQuota ?? undefined },
    limits: readLimits(limits),
    // As records show it: `null` is never.
    expiresAt: readExpiry(expiresAt ?? undefined, expiresInSeconds, getDefaults().kv.clock.now()),
  };
}

function readLimits(limits: unknown): Readonly<Record<string, Quota>> {
  if (!isObject(limits)) throw new FieldError('limits', 'must be an object of limits by policy');
  return Object.fromEntries(Object.entries(limits).map(([policy, quota]) => [policy, readQuota(policy, quota)]));
}

function readQuota(policy: string, quota: unknown): Quota {
  const field = `limits.${policy}`;
  if (!isObject(quota)) throw new FieldError(field, 'must be an object with limit and windowMs');
  const unknown = Object.keys(quota).find((name) => !QUOTA_NAMES.includes(name));
  if (unknown !== undefined) throw new FieldError(`${field}.${unknown}`, 'is not known here');
  const { limit, windowMs, burst } = quota;
  if (typeof limit !== 'number') throw new FieldError(`${field}.limit`, 'must be a number');
  if (typeof windowMs !== 'number') throw new FieldError(`${field}.windowMs`, 'must be a number');
  if (burst !== undefined && typeof burst !== 'number') throw new FieldError(`${field}.burst`, 'must be a number');
  return { limit, windowMs, burst };
}
