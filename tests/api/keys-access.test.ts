import { describe, expect, it, vi } from 'vitest';
import * as one from '../../api/keys/[id]/index.ts';
import * as rotation from '../../api/keys/[id]/rotate.ts';
import * as all from '../../api/keys/index.ts';
import { IDENTITY_HEADER } from '../../lib/guard/identity.ts';
import { createKeyNames } from '../../lib/keys/key-names.ts';
import { useDefaultEnvironment } from '../support/default-environment.ts';
import { type Call, manageKeys } from '../support/managed-keys.ts';

useDefaultEnvironment({ BREAKWATER_IDENTITY_SECRET: 'an identity secret of more than 32 characters' });

const ID = 'key_zzzzzzzzzzzzzzzz';

const ENDPOINTS: readonly (readonly [string, (request: Request) => Promise<Response>, string, Call])[] = [
  ['create', all.POST, '/api/keys', { method: 'POST', body: { owner: 'a' } }],
  ['list', all.GET, '/api/keys', {}],
  ['show', one.GET, `/api/keys/${ID}`, {}],
  ['rotate', rotation.POST, `/api/keys/${ID}/rotate`, { method: 'POST', body: {} }],
  ['revoke', one.DELETE, `/api/keys/${ID}`, { method: 'DELETE' }],
];

describe.each(ENDPOINTS)('who may %s keys', (_what, handler, path, call) => {
  it('is not a request that has not come through the guard, with a forged identity or none', async () => {
    const { handedOn, store } = await manageKeys();
    const before = store.requests.length;
    for (const value of ['', 'e30.forged', 'x'.repeat(20_000)]) {
      const request = await handedOn(path, call);
      request.headers.set(IDENTITY_HEADER, value);
      const response = await handler(request);
      expect(response.status).toBe(401);
      expect(response.headers.get('www-authenticate')).toBe('Bearer realm="api"');
      expect(await response.json()).toMatchObject({ code: 'identity-unverified' });
    }
    expect(store.requests.length).toBe(before);
  });

  it('is not a key without the scope', async () => {
    const { handedOn, store } = await manageKeys();
    const before = store.requests.length;
    for (const scopes of [[], ['keys:*', 'administrator', 'admin:*']]) {
      const response = await handler(await handedOn(path, { ...call, scopes }));
      expect(response.status).toBe(403);
      expect(response.headers.get('www-authenticate')).toContain('error="insufficient_scope", scope="admin"');
    }
    expect(store.requests.length).toBe(before);
  });

  it('is not a key that has been revoked since it was let in', async () => {
    const { handedOn, keys, id } = await manageKeys();
    const request = await handedOn(path, call);
    await keys.revoke(id);
    const response = await handler(request);
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ code: 'api-key-invalid' });
    expect(await keys.list()).toEqual([]);
  });

  it('nobody can say while the store of record is away, or has lost its keys', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const { handedOn, store } = await manageKeys();
    store.takeAway();
    const away = await handler(await handedOn(path, call));
    store.giveBack();
    await store.execute([['FLUSHALL']]);
    const lost = await handler(await handedOn(path, call));
    for (const response of [away, lost]) {
      expect(response.status).toBe(503);
      expect(Number(response.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
      expect(await response.json()).toMatchObject({ code: 'key-store-unavailable', 'may-have-changed': false });
    }
  });

  it('nobody can say where something else stands in the place of a record', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const { handedOn, store, id } = await manageKeys();
    const request = await handedOn(path, call);
    const name = createKeyNames('').id(id);
    await store.execute([
      ['DEL', name],
      ['RPUSH', name, 'no record'],
    ]);
    const response = await handler(request);
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ code: 'key-store-unavailable', 'may-have-changed': false });
    expect(warn.mock.calls).toEqual([[expect.stringContaining('[KV] Failed to manage API keys: COMMAND')]]);
  });

  it('nobody can, where keys are on record in a source that takes no changes', async () => {
    const { handedOn } = await manageKeys({ findByDigest: async () => undefined });
    const response = await handler(await handedOn(path, call));
    expect(response.status).toBe(501);
    expect(await response.json()).toMatchObject({ code: 'keys-not-managed-here' });
  });
});

describe('an administrator', () => {
  it('may revoke the key that is in use, and is out', async () => {
    const { handedOn, id } = await manageKeys();
    const revoke = async () => one.DELETE(await handedOn(`/api/keys/${id}`, { method: 'DELETE' }));
    expect(await (await revoke()).json()).toEqual({ revoked: true, propagated: true });
    expect((await revoke()).status).toBe(401);
  });

  it('is told that a change may have been made when its answer does not come', async () => {
    const { handedOn, keys, store } = await manageKeys();
    const { record } = await keys.create({ owner: 'a' });
    const request = await handedOn(`/api/keys/${record.id}`, { method: 'DELETE' });
    const { execute } = store;
    // The write arrives; its answer does not.
    const lossy = vi.spyOn(store, 'execute').mockImplementation(async (commands, options) => {
      const replies = await execute(commands, options);
      if (commands.some(([name]) => String(name).startsWith('EVAL'))) throw new Error('reset');
      return replies;
    });
    const response = await one.DELETE(request);
    lossy.mockRestore();
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ 'may-have-changed': true });
    expect(await keys.get(record.id)).toMatchObject({ status: 'revoked' });
  });

  it('is found wherever the handler is served', async () => {
    const { handedOn } = await manageKeys();
    const created = await all.POST(await handedOn('/base/v1/keys/', { method: 'POST', body: { owner: 'a' } }));
    const location = created.headers.get('location') ?? '';
    expect(location).toMatch(/^\/base\/v1\/keys\/key_\w{16}$/);
    expect((await one.GET(await handedOn(location, {}))).status).toBe(200);
  });
});
