import { describe, expect, it, vi } from 'vitest';
import { admit } from '../../../api/_console/admission.ts';
import { GET } from '../../../api/console/snapshot.ts';
import * as stream from '../../../api/console/stream.ts';
import { getDefaults } from '../../../lib/default-client.ts';
import { forgetDefaults, useDefaultEnvironment } from '../../support/default-environment.ts';
import { manageKeys } from '../../support/managed-keys.ts';

useDefaultEnvironment({ BREAKWATER_CONSOLE: 'on' });

const request = (headers: Readonly<Record<string, string>> = {}) =>
  new Request('https://app.example/api/console/snapshot', { headers });

async function administrators() {
  const managed = await manageKeys();
  const { key, record } = await managed.keys.create({ owner: 'ann', scopes: ['admin'] });
  return { ...managed, key, id: record.id, bearer: { authorization: `Bearer ${key}` } };
}

async function statusAndCode(response: Response) {
  return [response.status, ((await response.json()) as { code?: string }).code];
}

describe('the console of an application in production', () => {
  it.each([
    ['a look', GET],
    ['the stream', stream.GET],
  ])('is nowhere unless it is switched on: %s', async (_, handler) => {
    const { bearer } = await administrators();
    vi.stubEnv('BREAKWATER_CONSOLE', undefined);
    expect(await statusAndCode(await handler(request(bearer)))).toEqual([404, 'not-found']);
  });

  it('asks for a key, and for one that is valid', async () => {
    const { keys } = await administrators();
    for (const handler of [GET, stream.GET]) {
      const response = await handler(request());
      expect(response.headers.get('www-authenticate')).toBe('Bearer realm="api"');
      expect(await statusAndCode(response)).toEqual([401, 'api-key-missing']);
    }
    const refused = async (key: string) => statusAndCode(await GET(request({ authorization: `Bearer ${key}` })));
    expect(await refused('hunter2')).toEqual([401, 'api-key-malformed']);
    expect(await refused(keys.format.generate())).toEqual([401, 'api-key-invalid']);
  });

  it('wants the scope admin, whole', async () => {
    const { keys } = await administrators();
    for (const scopes of [[], ['read'], ['admin:*'], ['administrator']]) {
      const { key } = await keys.create({ owner: 'ann', scopes });
      const response = await GET(request({ 'x-api-key': key }));
      expect(response.headers.get('www-authenticate')).toContain('scope="admin"');
      expect(await statusAndCode(response)).toEqual([403, 'scope-missing']);
    }
  });

  it('lets an administrator in, who gets no keys of any demo', async () => {
    const { bearer } = await administrators();
    const response = await GET(request(bearer));
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(await response.json()).toMatchObject({ store: { kind: 'memory', host: null }, demo: null });
  });

  it('takes no identity, and no secret of a process, from outside', async () => {
    await administrators();
    for (const name of ['x-breakwater-identity', 'x-breakwater-console', 'x-breakwater-demo', 'cookie']) {
      expect((await GET(request({ [name]: 'x'.repeat(43) }))).status).toBe(401);
    }
  });

  it('keeps to the lists of those who are never let in', async () => {
    const first = await administrators();
    vi.stubEnv('BREAKWATER_DENY', first.id);
    forgetDefaults();
    const { kv, keys } = first;
    Object.assign(globalThis, { [Symbol.for('breakwater.defaults.1')]: { ...getDefaults(), kv, keys } });
    expect(await statusAndCode(await GET(request(first.bearer)))).toEqual([403, 'key-denied']);
  });

  it('ends for a key that is revoked, and goes on for as long as nobody can say', async () => {
    const { keys, id, bearer, store, clock } = await administrators();
    const leave = await admit(request(bearer));
    if (leave instanceof Response) throw new Error('refused');
    store.takeAway();
    // Within the time for which a known key passes by itself, and after it.
    for (const ms of [60_000, 600_000]) {
      clock.advance(ms);
      expect(await leave.holds()).toBe(true);
    }
    expect((await GET(request(bearer))).status).toBe(503);
    store.giveBack();
    await keys.revoke(id);
    expect(await leave.holds()).toBe(false);
  });

  it('is a 503 and no 401 where nobody can say whether a key is valid', async () => {
    const { keys, store } = await administrators();
    store.takeAway();
    const unknown = await GET(request({ authorization: `Bearer ${keys.format.generate()}` }));
    expect(await statusAndCode(unknown)).toEqual([503, 'key-store-unavailable']);
    expect(Number(unknown.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
  });

  it('costs one request for a key that is new to this process, and none for a look', async () => {
    const { bearer, store, keys } = await administrators();
    // Loads the script that looks keys up.
    await GET(request({ authorization: `Bearer ${keys.format.generate()}` }));
    const before = store.requests.length;
    await GET(request(bearer));
    expect(store.requests.length - before).toBe(1);
    for (let index = 0; index < 5; index += 1) await GET(request(bearer));
    expect(store.requests.length - before).toBe(1);
  });
});
