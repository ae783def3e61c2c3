import { describe, expect, it } from 'vitest';
import * as one from '../../api/keys/[id]/index.ts';
import * as rotation from '../../api/keys/[id]/rotate.ts';
import * as used from '../../api/keys/[id]/usage.ts';
import * as all from '../../api/keys/index.ts';
import type { IssuedKey } from '../../lib/keys/registry.ts';
import { useDefaultEnvironment } from '../support/default-environment.ts';
import { type Call, manageKeys } from '../support/managed-keys.ts';

useDefaultEnvironment({ BREAKWATER_IDENTITY_SECRET: 'an identity secret of more than 32 characters' });

async function managing() {
  const rig = await manageKeys();
  const create = async (body: unknown, call: Call = {}) =>
    all.POST(await rig.handedOn('/api/keys', { method: 'POST', body, ...call }));
  const list = async (query = '') => all.GET(await rig.handedOn(`/api/keys${query}`, {}));
  const show = async (id: string) => one.GET(await rig.handedOn(`/api/keys/${id}`, {}));
  const revoke = async (id: string, call: Call = {}) =>
    one.DELETE(await rig.handedOn(`/api/keys/${id}`, { method: 'DELETE', ...call }));
  const rotate = async (id: string, body?: unknown) =>
    rotation.POST(await rig.handedOn(`/api/keys/${id}/rotate`, { method: 'POST', body }));
  const usage = async (id: string, query = '') => used.GET(await rig.handedOn(`/api/keys/${id}/usage${query}`, {}));
  const issue = async (body: object = {}) =>
    (await (await create({ owner: 'acme', ...body })).json()) as IssuedKey<unknown>;
  return { ...rig, create, list, show, revoke, rotate, usage, issue };
}

const UNKNOWN = 'key_zzzzzzzzzzzzzzzz';

describe('creating a key', () => {
  it('answers with the key, once, its record, and where it is found', async () => {
    const { create, keys } = await managing();
    const limits = { key: { limit: 5, windowMs: 60_000, burst: 2 }, day: { limit: 9, windowMs: 1_000 } };
    const response = await create({ owner: 'acme', scopes: ['read', 'keys:*'], limits, config: { plan: ['gold'] } });
    expect(response.status).toBe(201);
    const { key, record } = (await response.json()) as IssuedKey<unknown>;
    expect(record).toMatchObject({ owner: 'acme', scopes: ['read', 'keys:*'], limits, config: { plan: ['gold'] } });
    expect(Object.fromEntries(response.headers)).toEqual({
      'cache-control': 'no-store',
      'content-type': 'application/json',
      location: `/api/keys/${record.id}`,
    });
    expect(await keys.validate(key)).toMatchObject({ status: 'VALID', key: record });
    expect(JSON.stringify(record)).not.toContain(key);
  });

  it('needs no more than an owner', async () => {
    const { issue } = await managing();
    expect((await issue()).record).toMatchObject({ scopes: [], limits: {}, config: null, expiresAt: null });
    expect((await issue({ expiresAt: null, config: null })).record).toMatchObject({ config: null, expiresAt: null });
  });

  it.each<[string, (now: number) => object, (now: number) => number]>([
    ['in Unix milliseconds', (now) => ({ expiresAt: now + 5_000 }), (now) => now + 5_000],
    ['as ISO 8601', () => ({ expiresAt: '2030-02-28T23:59:59.5Z' }), () => Date.UTC(2030, 1, 28, 23, 59, 59, 500)],
    ['in another zone', () => ({ expiresAt: '2030-03-01T01:30+01:30' }), () => Date.UTC(2030, 2, 1)],
    ['in seconds from now', () => ({ expiresInSeconds: 60 }), (now) => now + 60_000],
  ])('takes its end %s', async (_what, body, expected) => {
    const { issue, clock } = await managing();
    expect((await issue(body(clock.now()))).record.expiresAt).toBe(expected(clock.now()));
  });

  it.each<[string, unknown, string]>([
    ['nothing', {}, 'owner'],
    ['an owner that is a number', { owner: 7 }, 'owner'],
    ['an owner that is a list', { owner: ['acme'] }, 'owner'],
    ['an owner that is null', { owner: null }, 'owner'],
    ['an empty owner', { owner: '' }, 'owner'],
    ['an owner of 257 characters', { owner: 'x'.repeat(257) }, 'owner'],
    ['an owner that is half a character', '{"owner":"\\ud800"}', 'owner'],
    ['scopes that are a text', { owner: 'a', scopes: 'admin' }, 'scopes'],
    ['scopes that are null', { owner: 'a', scopes: null }, 'scopes'],
    ['a scope that is a number', { owner: 'a', scopes: ['x', 7] }, 'scopes'],
    ['a scope that is no name', { owner: 'a', scopes: ['a b'] }, 'scopes'],
    ['65 scopes', { owner: 'a', scopes: Array.from({ length: 65 }, () => 'x') }, 'scopes'],
    ['limits that are a list', { owner: 'a', limits: [] }, 'limits'],
    ['limits that are null', { owner: 'a', limits: null }, 'limits'],
    ['a limit that is null', { owner: 'a', limits: { key: null } }, 'limits.key'],
    ['a limit without a window', { owner: 'a', limits: { key: { limit: 5 } } }, 'limits.key.windowMs'],
    ['a limit that is a text', { owner: 'a', limits: { key: { limit: '5', windowMs: 1 } } }, 'limits.key.limit'],
    [
      'a burst that is null',
      { owner: 'a', limits: { key: { limit: 5, windowMs: 1, burst: null } } },
      'limits.key.burst',
    ],
    ['a limit of nothing', { owner: 'a', limits: { key: { limit: 0, windowMs: 1_000 } } }, 'limits.key'],
    ['a limit with more', { owner: 'a', limits: { key: { limit: 5, windowMs: 1_000, per: 1 } } }, 'limits.key.per'],
    ['a policy that is none', { owner: 'a', limits: { 'a b': { limit: 5, windowMs: 1_000 } } }, 'limits'],
    ['a policy of the prototype', '{"owner":"a","limits":{"__proto__":{"limit":5,"windowMs":1000}}}', 'limits'],
    ['a payload nested 101 deep', `{"owner":"a","config":${'['.repeat(101)}${']'.repeat(101)}}`, 'config'],
    ['an end in the past', { owner: 'a', expiresAt: 1 }, 'expiresAt'],
    ['an end that is a fraction', { owner: 'a', expiresAt: 4e12 + 0.5 }, 'expiresAt'],
    ['an end beyond all numbers', '{"owner":"a","expiresAt":1e400}', 'expiresAt'],
    ['an end that is a boolean', { owner: 'a', expiresAt: true }, 'expiresAt'],
    ['an end without a zone', { owner: 'a', expiresAt: '2030-01-01T00:00:00' }, 'expiresAt'],
    ['a day that there is not', { owner: 'a', expiresAt: '2030-02-29T00:00:00Z' }, 'expiresAt'],
    ['a month that there is not', { owner: 'a', expiresAt: '2030-13-01T00:00:00Z' }, 'expiresAt'],
    ['an hour that there is not', { owner: 'a', expiresAt: '2030-01-01T24:00:00Z' }, 'expiresAt'],
    ['an end in words', { owner: 'a', expiresAt: 'Tue Mar 01 2033' }, 'expiresAt'],
    ['a life that is a text', { owner: 'a', expiresInSeconds: '60' }, 'expiresInSeconds'],
    ['a life of nothing', { owner: 'a', expiresInSeconds: 0 }, 'expiresInSeconds'],
    ['a life beyond a century', { owner: 'a', expiresInSeconds: 3_155_760_001 }, 'expiresInSeconds'],
    ['two ends', { owner: 'a', expiresAt: 4e12, expiresInSeconds: 60 }, 'expiresInSeconds'],
    ['a field that there is not', { owner: 'a', scope: 'admin' }, 'scope'],
    ['a field of the record', { owner: 'a', id: 'key_0000000000000000' }, 'id'],
  ])('refuses %s with 400 that names the field, and issues nothing', async (_what, body, field) => {
    const { create, keys } = await managing();
    const response = await create(body);
    expect(response.status).toBe(400);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(await response.json()).toMatchObject({ status: 400, code: 'field-invalid', field });
    expect(await keys.list()).toHaveLength(1);
  });

  it('repeats no name of a field that may be something else', async () => {
    const { create, keys } = await managing();
    const key = keys.format.generate();
    for (const body of [{ owner: 'a', [key]: 1 }, { owner: 'a', limits: { [key]: 1 } }, { 'x\r\ny': 1 }]) {
      const response = await create(body);
      expect(response.status).toBe(400);
      const text = await response.text();
      expect(JSON.parse(text)).toMatchObject({ field: 'A field' });
      expect(text).not.toContain(key);
    }
  });

  it('takes a key for no name, no scope and no payload: it would be stored and shown as it is', async () => {
    const { create, keys } = await managing();
    const key = keys.format.generate();
    for (const [field, body] of [
      ['owner', { owner: key }],
      ['owner', { owner: `of ${key}.` }],
      ['scopes', { owner: 'a', scopes: ['read', key] }],
      ['config', { owner: 'a', config: { notes: [`see ${key}`] } }],
      ['config', { owner: 'a', config: `see\n${key}` }],
      ['config', { owner: 'a', config: { [key]: 1 } }],
    ] as const) {
      const response = await create(body);
      const text = await response.text();
      expect([response.status, JSON.parse(text)]).toEqual([400, expect.objectContaining({ field })]);
      expect(text).not.toContain(key);
    }
    expect(await keys.list()).toHaveLength(1);
  });
});

describe('the body of a request', () => {
  it.each([
    ['no JSON', '{"owner":', 400],
    ['nothing', '', 400],
    ['a list', '[]', 400],
    ['a text', '"owner"', 400],
    ['null', 'null', 400],
    ['nesting that no reader of JSON takes', `{"owner":"a","config":${'['.repeat(30_000)}${']'.repeat(30_000)}}`, 400],
    ['more than 64 KB', JSON.stringify({ owner: 'a', config: 'x'.repeat(65_536) }), 413],
  ])('that is %s is a problem', async (_what, body, status) => {
    const { create } = await managing();
    const response = await create(body);
    expect([response.status, response.headers.get('content-type')]).toEqual([status, 'application/problem+json']);
  });

  it('may be 64 KB long to the byte', async () => {
    const { create } = await managing();
    const frame = JSON.stringify({ owner: 'a', config: '' }).length;
    const config = 'x'.repeat(65_536 - frame);
    expect((await create({ owner: 'a', config })).status).toBe(201);
    expect((await create({ owner: 'a', config: `${config}x` })).status).toBe(413);
  });

  it.each([
    ['text/plain', 415],
    ['application/x-www-form-urlencoded', 415],
    ['application/jsonp', 415],
    ['multipart/form-data; boundary=application/json', 415],
    ['application/json; charset=utf-8', 201],
    ['Application/JSON;charset=UTF-8', 201],
    ['application/json', 201],
  ])('of type %s: %d', async (type, status) => {
    const { create } = await managing();
    expect((await create({ owner: 'a' }, { headers: { 'content-type': type } })).status).toBe(status);
  });

  it('without a type is a 415', async () => {
    const { handedOn } = await managing();
    const request = await handedOn('/api/keys', { method: 'POST', body: { owner: 'a' } });
    request.headers.delete('content-type');
    expect((await all.POST(request)).status).toBe(415);
  });
});

describe('listing keys', () => {
  it('goes through all of them, oldest first, page by page', async () => {
    const { list, issue, id, clock } = await managing();
    const ids = [id];
    for (const owner of ['a', 'b', 'c']) {
      clock.advance(1);
      ids.push((await issue({ owner })).record.id);
    }
    const seen: string[] = [];
    const sizes: number[] = [];
    for (let after: string | null = ''; after !== null; ) {
      const response = await list(`?limit=2&after=${after}`);
      expect([response.status, response.headers.get('cache-control')]).toEqual([200, 'no-store']);
      const page = (await response.json()) as { keys: { id: string }[]; next: string | null };
      seen.push(...page.keys.map((key) => key.id));
      sizes.push(page.keys.length);
      after = page.next;
    }
    expect([seen, sizes]).toEqual([ids, [2, 2]]);
    expect(await (await list()).json()).toMatchObject({ keys: ids.map((one) => ({ id: one })), next: null });
    expect(await (await list('?limit=1000')).json()).toMatchObject({ next: null });
  });

  it('leaves revoked keys out, and shows no digest', async () => {
    const { list, issue, keys, id } = await managing();
    const { key, record } = await issue();
    await keys.revoke(record.id);
    const text = await (await list()).text();
    expect(JSON.parse(text).keys).toMatchObject([{ id }]);
    expect(text).not.toContain((await keys.digest(key)).digest);
  });

  it.each([
    ['?limit=0', 'limit'],
    ['?limit=1001', 'limit'],
    ['?limit=-1', 'limit'],
    ['?limit=1e2', 'limit'],
    ['?limit=x', 'limit'],
    ['?after=x', 'after'],
    ['?after=key_*', 'after'],
  ])('refuses %s with 400', async (query, field) => {
    const response = await (await managing()).list(query);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ field });
  });
});

describe('one key', () => {
  it('is shown, also after its end, without what leads to it', async () => {
    const { show, revoke, issue } = await managing();
    const { record } = await issue();
    const response = await show(record.id);
    expect([response.status, response.headers.get('cache-control')]).toEqual([200, 'no-store']);
    expect(await response.json()).toEqual({ ...record, status: 'active' });
    await revoke(record.id);
    expect(await (await show(record.id)).json()).toMatchObject({ id: record.id, status: 'revoked', generation: 2 });
  });

  it('is revoked at once', async () => {
    const { revoke, issue, keys } = await managing();
    const { key, record } = await issue();
    await keys.validate(key);
    const response = await revoke(record.id);
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ revoked: true, propagated: true });
    expect(await keys.validate(key)).toEqual({ status: 'INVALID', reason: 'revoked' });
  });

  it('is rotated: the old one works for its grace, or not at all', async () => {
    const { rotate, issue, keys, clock } = await managing();
    const old = await issue();
    const response = await rotate(old.record.id, { graceSeconds: 60 });
    expect([response.status, response.headers.get('cache-control')]).toEqual([200, 'no-store']);
    const next = (await response.json()) as IssuedKey<unknown>;
    expect(next.record).toMatchObject({ id: old.record.id, generation: 2 });
    for (const { key } of [old, next]) expect(await keys.validate(key)).toMatchObject({ status: 'VALID' });
    clock.advance(60_000);
    expect(await keys.validate(old.key)).toMatchObject({ status: 'INVALID' });
    for (const body of [undefined, {}]) expect((await rotate(old.record.id, body)).status).toBe(200);
    expect(await keys.validate(next.key)).toMatchObject({ status: 'INVALID' });
  });

  it.each<[unknown, string]>([
    [{ graceSeconds: '60' }, 'graceSeconds'],
    [{ graceSeconds: null }, 'graceSeconds'],
    [{ graceSeconds: -1 }, 'graceSeconds'],
    [{ graceSeconds: 0.5 }, 'graceSeconds'],
    [{ graceSeconds: 366 * 86_400 + 1 }, 'graceSeconds'],
    [{ grace: 60 }, 'grace'],
  ])('is not rotated by %j', async (body, field) => {
    const { rotate, issue, keys } = await managing();
    const { key, record } = await issue();
    const response = await rotate(record.id, body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ field });
    expect(await keys.validate(key)).toMatchObject({ status: 'VALID' });
  });

  it('shows how often it was used', async () => {
    const { usage, issue } = await managing();
    const { record } = await issue({ dailyQuota: 5 });
    expect(record).toMatchObject({ dailyQuota: 5 });
    const { usage: days } = (await (await usage(record.id, '?days=2')).json()) as { usage: unknown };
    expect(days).toEqual(Array.from({ length: 2 }, () => ({ day: expect.any(String), count: 0 })));
    for (const days of ['0', '31', '-1', 'x', '1.5']) {
      expect(await (await usage(record.id, `?days=${days}`)).json()).toMatchObject({ status: 400, field: 'days' });
    }
    expect((await usage('key_0000000000000000')).status).toBe(404);
  });

  it('that is unknown is a 404, and one that is revoked is not rotated', async () => {
    const { show, revoke, rotate, issue } = await managing();
    for (const response of [await show(UNKNOWN), await revoke(UNKNOWN), await rotate(UNKNOWN)]) {
      expect(response.status).toBe(404);
      expect(await response.json()).toMatchObject({ code: 'key-not-found' });
    }
    const { record } = await issue();
    await revoke(record.id);
    expect((await rotate(record.id)).status).toBe(404);
  });

  it.each(['key_', 'key_0', 'key_000000000000000*', 'key_00000000000000000', '%6bey_0000000000000000', '..%2f', '*'])(
    'of an id that is none is a 404, and nobody is asked: %s',
    async (id) => {
      const { show, revoke, rotate, store } = await managing();
      const before = store.requests.length;
      for (const response of [await show(id), await revoke(id), await rotate(id)]) expect(response.status).toBe(404);
      expect(store.requests.length).toBe(before);
    },
  );

  it('is not found by the key itself, which nobody repeats or looks up', async () => {
    const { revoke, issue, keys, store } = await managing();
    const { key } = await issue();
    const before = store.requests.length;
    const response = await revoke(key);
    expect(response.status).toBe(404);
    expect(await response.text()).not.toContain(key);
    expect(store.requests.length).toBe(before);
    expect(await keys.validate(key)).toMatchObject({ status: 'VALID' });
  });
});
