import { describe, expect, it, vi } from 'vitest';
import {
  clearAuthCache,
  configureApiKeys,
  createApiKey,
  getApiKey,
  getApiKeyUsage,
  getAuthCacheStats,
  identityProblem,
  listApiKeys,
  requireScopes,
  revokeApiKey,
  rotateApiKey,
  validateApiKey,
  verifyIdentity,
} from '../lib/auth.ts';
import { getDefaults } from '../lib/default-client.ts';
import { functionKeySource } from '../lib/keys/source/function-key-source.ts';
import { forgetDefaults, useDefaultEnvironment } from './support/default-environment.ts';

interface ProjectConfig {
  readonly plan: string;
}

useDefaultEnvironment({ BREAKWATER_KEY_PEPPER: 'k1:a pepper of more than 16' });

describe('the functions for API keys', () => {
  it("issue a key that validates, with the application's own payload", async () => {
    const { key, record } = await createApiKey<ProjectConfig>({ owner: 'acme', config: { plan: 'gold' } });
    const result = await validateApiKey<ProjectConfig>(key);
    expect(result).toMatchObject({
      valid: true,
      status: 'VALID',
      degraded: false,
      key: { id: record.id, config: { plan: 'gold' } },
    });
    expect(await getApiKey(record.id)).toEqual({ ...record, status: 'active' });
    expect(await listApiKeys()).toEqual([record]);
  });

  it('answer in one of three ways', async () => {
    expect(await validateApiKey('x')).toEqual({ valid: false, status: 'INVALID', reason: 'malformed' });
    await createApiKey({ owner: 'a' });
    const unknown = getDefaults().keys.format.generate();
    expect(await validateApiKey(unknown)).toEqual({ valid: false, status: 'INVALID', reason: 'unknown' });
    await getDefaults().kv.command(['FLUSHALL']);
    vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const other = getDefaults().keys.format.generate();
    expect(await validateApiKey(other)).toEqual({
      valid: false,
      status: 'UNAVAILABLE',
      reason: 'away',
      retryAfterMs: 1_000,
    });
  });

  it('revoke at once, by key and by id', async () => {
    const [one, two] = [await createApiKey({ owner: 'a' }), await createApiKey({ owner: 'b' })];
    for (const { key } of [one, two]) await validateApiKey(key);
    expect(await revokeApiKey(one.key)).toEqual({ revoked: true, propagated: true });
    expect(await revokeApiKey(two.record.id)).toEqual({ revoked: true, propagated: true });
    for (const { key } of [one, two])
      expect(await validateApiKey(key)).toMatchObject({ valid: false, reason: 'revoked' });
    expect(await revokeApiKey('key_0000000000000000')).toEqual({ revoked: false, propagated: false });
    expect(await listApiKeys()).toEqual([]);
  });

  it('rotate, with a grace and without', async () => {
    const first = await createApiKey({ owner: 'a' });
    const second = await rotateApiKey(first.key, { graceSeconds: 60 });
    for (const key of [first.key, second?.key ?? '']) expect(await validateApiKey(key)).toMatchObject({ valid: true });
    const third = await rotateApiKey(first.record.id);
    for (const key of [first.key, second?.key ?? '']) expect(await validateApiKey(key)).toMatchObject({ valid: false });
    expect(await validateApiKey(third?.key ?? '')).toMatchObject({ valid: true, key: { id: first.record.id } });
    expect(await rotateApiKey('key_0000000000000000')).toBeUndefined();
  });

  it('clear the cache of a key, and no revocation', async () => {
    const { key } = await createApiKey({ owner: 'a' });
    await validateApiKey(key);
    await clearAuthCache(key);
    expect(getAuthCacheStats().size).toBe(0);
    expect(await validateApiKey(key)).toMatchObject({ valid: true });
    await revokeApiKey(key);
    await clearAuthCache(key);
    expect(await validateApiKey(key)).toMatchObject({ valid: false, reason: 'revoked' });
    await expect(clearAuthCache('no key')).resolves.toBeUndefined();
  });

  it('count hits, misses, negative hits and revocations of this process', async () => {
    const { key } = await createApiKey({ owner: 'a' });
    const unknown = getDefaults().keys.format.generate();
    for (const one of [key, key, key, unknown, unknown]) await validateApiKey(one);
    await revokeApiKey(key);
    expect(getAuthCacheStats()).toEqual({ hits: 2, misses: 2, negativeHits: 1, size: 1, revocations: 1 });
  });

  it('accept no identity without a secret, call nobody unauthorised for it, and say once what to set', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    const request = new Request('https://example.test/', { headers: { 'x-breakwater-identity': 'e30.e30' } });
    for (const check of [await verifyIdentity(request), await requireScopes(request, 'admin')]) {
      expect(check).toEqual({ ok: false, reason: 'unconfigured' });
      if (!check.ok) expect(identityProblem(check).status).toBe(503);
    }
    expect(log.mock.calls).toEqual([[expect.stringContaining('BREAKWATER_IDENTITY_SECRET must be set')]]);
  });

  it('never throw for an outage, and never call it a no', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const key = getDefaults().keys.format.generate();
    vi.stubEnv('KV_STORE', undefined);
    vi.stubEnv('KV_REST_API_URL', 'http://127.0.0.1:9');
    vi.stubEnv('KV_REST_API_TOKEN', 'token');
    forgetDefaults();
    expect(await validateApiKey(key)).toMatchObject({ valid: false, status: 'UNAVAILABLE' });
    await expect(createApiKey({ owner: 'a' })).rejects.toMatchObject({ code: 'STORE' });
  });

  it('find keys where the application says, also when it says so after their first use', async () => {
    const digests: string[] = [];
    const source = functionKeySource(async ({ digest }) => {
      digests.push(digest);
      return { id: 'their-id', owner: 'theirs', config: { plan: 'gold' } };
    });
    const { key } = await createApiKey({ owner: 'ours' });
    expect(await validateApiKey(key)).toMatchObject({ valid: true, key: { owner: 'ours' } });
    configureApiKeys({ source, entryTtlMs: 1_000 });
    await getDefaults().kv.command(['FLUSHALL']);
    expect(await validateApiKey(key)).toMatchObject({
      valid: true,
      key: { owner: 'theirs', config: { plan: 'gold' } },
    });
    expect(digests).toEqual([(await getDefaults().keys.digest(key)).digest]);
    await expect(createApiKey({ owner: 'a' })).rejects.toMatchObject({ setting: 'source' });
  });

  it('have the keys of the environment, where it lists them', async () => {
    const { keys } = getDefaults();
    const key = keys.format.generate();
    const { kid, digest } = await keys.digest(key);
    forgetDefaults();
    vi.stubEnv('BREAKWATER_STATIC_KEYS', JSON.stringify([{ id: 'ci', owner: 'ci', digest: `${kid}:${digest}` }]));
    expect(await validateApiKey(key)).toMatchObject({ valid: true, key: { id: 'ci' } });
    expect(await validateApiKey(keys.format.generate())).toMatchObject({ status: 'INVALID', reason: 'unknown' });
    forgetDefaults();
    vi.stubEnv('BREAKWATER_STATIC_KEYS', `[{"id":"ci","owner":"ci","digest":"${key}"}]`);
    await expect(validateApiKey(key)).rejects.toThrow(/^BREAKWATER_STATIC_KEYS at \[0\]\.digest must be [^_]*$/);
  });

  it('tell how often a key was used', async () => {
    const { record } = await createApiKey({ owner: 'a' });
    expect(await getApiKeyUsage(record.id, 2)).toEqual([
      { day: expect.any(String), count: 0 },
      { day: expect.any(String), count: 0 },
    ]);
    expect(await getApiKeyUsage('key_0000000000000000')).toBeUndefined();
  });
});
