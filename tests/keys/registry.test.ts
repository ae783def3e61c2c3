import { describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import { ConfigError } from '../../lib/errors.ts';
import type { BreakwaterEvent } from '../../lib/events.ts';
import { type ApiKeysOptions, createApiKeys } from '../../lib/keys/api-keys.ts';
import { createDigester, type KeyDigest } from '../../lib/keys/digest.ts';
import { createKeyFormat } from '../../lib/keys/key-format.ts';
import type { NewKey } from '../../lib/keys/new-key.ts';
import { createRegistry } from '../../lib/keys/registry.ts';
import { kvKeyStore } from '../../lib/keys/source/kv-key-store.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import type { Store } from '../../lib/store/store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { contentsOf, onEveryStore } from '../support/every-store.ts';
import { watchedStore } from '../support/watched-store.ts';

const keysOn = (store: Store, options: Partial<ApiKeysOptions> = {}) =>
  createApiKeys({ kv: createKv({ store }), pepper: { kid: 'k1', secret: 'a-secret-of-the-tests' }, ...options });

const SENTINEL = 'apikey:sentinel';

onEveryStore('the registry of keys', (store) => {
  it('issues a key that validates everywhere, with everything that it was given', async () => {
    const keys = keysOn(store());
    const limits = { key: { limit: 5, windowMs: 60_000, burst: 2 } };
    const { key, record } = await keys.create({
      owner: 'acme "\\\0 \u2028 é🦀',
      scopes: ['read', 'write:*'],
      limits,
      config: { nested: [1, null, { '\u0001"': 'x\\u0000\\ud800' }], empty: {}, list: [] },
    });
    expect(record).toMatchObject({ id: expect.stringMatching(/^key_\w{16}$/), generation: 1, limits, expiresAt: null });
    expect(await keysOn(store()).validate(key)).toEqual({
      status: 'VALID',
      key: { v: 1, status: 'active', kid: 'k1', ...record },
      degraded: false,
    });
  });

  it('gets and lists keys without what leads to them', async () => {
    const keys = keysOn(store());
    expect(await keys.list()).toEqual([]);
    const first = await keys.create({ owner: 'a' });
    const second = await keys.create({ owner: 'b' });
    expect(await keys.get(first.record.id)).toEqual({ ...first.record, status: 'active' });
    const listed = await keys.list();
    expect(listed).toHaveLength(2);
    expect(listed).toEqual(expect.arrayContaining([first.record, second.record]));
    expect(JSON.stringify([listed, await keys.get(first.record.id)])).not.toContain(
      (await keys.digest(first.key)).digest,
    );
    expect(await keys.get('key_0000000000000000')).toBeUndefined();
  });

  it.each(['key', 'id'] as const)('revokes by %s, at once here and for whoever asks Redis', async (by) => {
    const [here, there] = [keysOn(store()), keysOn(store(), { freshMs: 0 })];
    const { key, record } = await here.create({ owner: 'a' });
    expect((await here.validate(key)).status).toBe('VALID');
    expect((await there.validate(key)).status).toBe('VALID');
    expect(await here.revoke(by === 'key' ? key : record.id)).toEqual({ revoked: true, propagated: true });
    for (const keys of [here, there, keysOn(store())]) {
      expect(await keys.validate(key)).toEqual({ status: 'INVALID', reason: 'revoked' });
    }
    expect(await here.get(record.id)).toMatchObject({ status: 'revoked', generation: 2 });
    expect(await here.list()).toEqual([]);
    expect(await here.rotate(record.id)).toBeUndefined();
    expect(here.stats().revocations).toBe(1);
  });

  it('rotates: a new key under the same id, and the old one ends at once', async () => {
    const [here, there] = [keysOn(store()), keysOn(store(), { freshMs: 0 })];
    const old = await here.create({ owner: 'a', scopes: ['read'], config: { plan: 'gold' } });
    await here.validate(old.key);
    const rotated = await here.rotate(old.key);
    expect(rotated?.record).toMatchObject({
      id: old.record.id,
      scopes: ['read'],
      config: { plan: 'gold' },
      generation: 2,
    });
    expect(rotated?.record.display.slice(-4)).toBe(rotated?.key.slice(-4));
    for (const keys of [here, there]) {
      expect((await keys.validate(old.key)).status).toBe('INVALID');
      expect((await keys.validate(rotated?.key ?? '')).status).toBe('VALID');
    }
    expect(await here.list()).toEqual([rotated?.record]);
  });

  it('ends every key of an id with its revocation, those in their grace too', async () => {
    const keys = keysOn(store(), { freshMs: 0 });
    const first = await keys.create({ owner: 'a' });
    const second = await keys.rotate(first.record.id, { graceSeconds: 3_600 });
    const third = await keys.rotate(first.record.id, { graceSeconds: 3_600 });
    const all = [first.key, second?.key ?? '', third?.key ?? ''];
    for (const key of all) expect((await keys.validate(key)).status).toBe('VALID');
    await keys.revoke(first.record.id);
    for (const key of all) expect(await keys.validate(key)).toEqual({ status: 'INVALID', reason: 'revoked' });
  });

  it('stores no key and shows none: not in names, not in values, not in events', async () => {
    const events: BreakwaterEvent[] = [];
    const watched = watchedStore(store());
    const kv = createKv({ store: watched, onEvent: (event) => events.push(event) });
    const keys = createApiKeys({ kv });
    const issued = await keys.create({ owner: 'a' });
    const rotated = await keys.rotate(issued.key, { graceSeconds: 60 });
    const unknown = keys.format.generate();
    for (const key of [issued.key, rotated?.key ?? '', unknown, `${issued.key}\n`, issued.key.slice(1)]) {
      await keys.validate(key);
      await keys.forget(key);
      await keys.get(key);
      await keys.rotate(key).catch(() => undefined);
      await keys.revoke(key);
    }
    const everything = JSON.stringify([[...(await contentsOf(store()))], watched.requests, events]);
    expect(everything).toContain('apikey:');
    for (const key of [issued.key, rotated?.key ?? '', unknown]) expect(everything).not.toContain(key.slice(8, 40));
  });

  it('gives records no time to live, entries at most theirs, and tombstones longer than any entry', async () => {
    const keys = keysOn(store());
    const active = await keys.create({ owner: 'a' });
    const revoked = await keys.create({ owner: 'b' });
    await keys.revoke(revoked.key);
    const contents = await contentsOf(store());
    const ttlOf = async (prefix: string, key: string) => {
      const { kid, digest } = await keys.digest(key);
      return contents.get(`${prefix}:1:${kid}:${digest}`)?.ttlMs ?? Number.NaN;
    };
    expect(await ttlOf('apikey', active.key)).toBe(-1);
    expect(await ttlOf('auth', active.key)).toBeGreaterThan(290_000);
    expect(await ttlOf('auth', active.key)).toBeLessThanOrEqual(300_000);
    expect(await ttlOf('auth', revoked.key)).toBeGreaterThan(300_000);
    expect(await ttlOf('apikey', revoked.key)).toBeGreaterThan(300_000);
    expect(contents.get(SENTINEL)).toEqual({ value: '1', ttlMs: -1 });
  });

  it('forgets what is cached of a key, and never a tombstone', async () => {
    const keys = keysOn(store());
    const { key } = await keys.create({ owner: 'a', config: { status: 'revoked' } });
    const { kid, digest } = await keys.digest(key);
    const entry = `auth:1:${kid}:${digest}`;
    await keys.forget(key);
    expect((await contentsOf(store())).has(entry)).toBe(false);
    expect((await keys.validate(key)).status).toBe('VALID');
    await keys.revoke(key);
    await keys.forget(key);
    expect((await contentsOf(store())).has(entry)).toBe(true);
    expect((await keys.validate(key)).status).toBe('INVALID');
  });
});

describe('the registry of keys', () => {
  it('lists active keys, oldest first, however many have been revoked before them', async () => {
    const clock = manualClock();
    const keys = createApiKeys({ kv: createKv({ store: memoryStore({ clock }), clock }) });
    for (let index = 0; index < 5; index += 1)
      await keys.revoke((await keys.create({ owner: `old${index}` })).record.id);
    for (const owner of ['a', 'b', 'c']) {
      clock.advance(1);
      await keys.create({ owner });
    }
    expect((await keys.list({ limit: 2 })).map(({ owner }) => owner)).toEqual(['a', 'b']);
    for (const limit of [0, -1, 1.5, Number.NaN]) await expect(keys.list({ limit })).rejects.toThrow(ConfigError);
  });

  it('lets an old key work for its grace and not a millisecond longer', async () => {
    const clock = manualClock();
    const keys = createApiKeys({ kv: createKv({ store: memoryStore({ clock }), clock }), freshMs: 0 });
    const old = await keys.create({ owner: 'a' });
    const rotated = await keys.rotate(old.key, { graceSeconds: 600 });
    clock.advance(599_999);
    expect((await keys.validate(old.key)).status).toBe('VALID');
    clock.advance(1);
    expect(await keys.validate(old.key)).toEqual({ status: 'INVALID', reason: 'expired' });
    expect((await keys.validate(rotated?.key ?? '')).status).toBe('VALID');
  });

  it('gives a retired key no second grace with another rotation', async () => {
    const clock = manualClock();
    const keys = createApiKeys({ kv: createKv({ store: memoryStore({ clock }), clock }), freshMs: 0 });
    const first = await keys.create({ owner: 'a' });
    const second = await keys.rotate(first.key, { graceSeconds: 60 });
    clock.advance(30_000);
    await keys.rotate(first.record.id, { graceSeconds: 3_600 });
    clock.advance(30_000);
    expect((await keys.validate(first.key)).status).toBe('INVALID');
    expect((await keys.validate(second?.key ?? '')).status).toBe('VALID');
    await keys.rotate(first.record.id);
    expect((await keys.validate(second?.key ?? '')).status).toBe('INVALID');
    clock.advance(90_000_000);
    expect((await keys.validate(first.key)).status).toBe('INVALID');
  });

  it('lets no grace outlive the key itself', async () => {
    const clock = manualClock();
    const keys = createApiKeys({ kv: createKv({ store: memoryStore({ clock }), clock }), freshMs: 0 });
    const { key } = await keys.create({ owner: 'a', expiresAt: clock.now() + 1_000 });
    const rotated = await keys.rotate(key, { graceSeconds: 3_600 });
    clock.advance(999);
    for (const one of [key, rotated?.key ?? '']) expect((await keys.validate(one)).status).toBe('VALID');
    clock.advance(1);
    for (const one of [key, rotated?.key ?? '']) expect((await keys.validate(one)).status).toBe('INVALID');
  });

  it.each([-1, 0.5, Number.NaN, 366 * 86_400 + 1])('refuses a grace of %d seconds', async (graceSeconds) => {
    const keys = createApiKeys({ kv: createKv({ store: memoryStore() }) });
    const { key } = await keys.create({ owner: 'a' });
    await expect(keys.rotate(key, { graceSeconds })).rejects.toMatchObject({ setting: 'graceSeconds' });
    expect((await keys.validate(key)).status).toBe('VALID');
  });

  it('asks nobody for an id that is none', async () => {
    const store = watchedStore(memoryStore());
    const keys = createApiKeys({ kv: createKv({ store }) });
    for (const id of ['', '*', 'key_', 'key_*', 'index', 'x'.repeat(100_000), '\0', '\ud800']) {
      expect(await keys.get(id)).toBeUndefined();
      expect(await keys.revoke(id)).toEqual({ revoked: false, propagated: false });
      expect(await keys.rotate(id)).toBeUndefined();
    }
    expect(store.requests).toEqual([]);
  });

  it('rejects every change while Redis is away, and the key works on', async () => {
    const store = watchedStore(memoryStore());
    const keys = createApiKeys({ kv: createKv({ store }) });
    const { key, record } = await keys.create({ owner: 'a' });
    await keys.validate(key);
    store.takeAway();
    await expect(keys.create({ owner: 'b' })).rejects.toMatchObject({ code: 'STORE' });
    await expect(keys.revoke(record.id)).rejects.toMatchObject({ code: 'STORE' });
    await expect(keys.rotate(record.id)).rejects.toMatchObject({ code: 'STORE' });
    expect((await keys.validate(key)).status).toBe('VALID');
  });

  it('begins a store with its first key, unless it may not, or has seen one there before', async () => {
    const store = memoryStore();
    const [careful, keys] = [false, undefined].map((mayBegin) => createApiKeys({ kv: createKv({ store }), mayBegin }));
    await expect(careful?.create({ owner: 'a' })).rejects.toMatchObject({ code: 'STORE', kind: 'unavailable' });
    expect(await store.execute([['DBSIZE']])).toEqual([0]);
    const first = await keys?.create({ owner: 'a' });
    expect(await careful?.create({ owner: 'b' })).toBeDefined();
    await store.execute([['FLUSHALL']]);
    for (const one of [careful, keys]) {
      await expect(one?.create({ owner: 'c' })).rejects.toMatchObject({ code: 'STORE', kind: 'unavailable' });
    }
    const fresh = createApiKeys({ kv: createKv({ store }) });
    await fresh.create({ owner: 'd' });
    expect(await fresh.validate(first?.key ?? '')).toEqual({ status: 'INVALID', reason: 'unknown' });
  });

  it('says of a revocation whose answer is lost that it may have been made, as it was, and makes it again', async () => {
    const store = memoryStore();
    const elsewhere = createApiKeys({ kv: createKv({ store }) });
    const { key, record } = await elsewhere.create({ owner: 'a' });
    const isLosing = { answers: true };
    const lossy: Store = {
      ...store,
      async execute(commands, options) {
        const replies = await store.execute(commands, options);
        if (isLosing.answers && commands.some(([name]) => String(name).startsWith('EVAL'))) throw new Error('reset');
        return replies;
      },
    };
    const keys = createApiKeys({ kv: createKv({ store: lossy }) });
    await expect(keys.revoke(record.id)).rejects.toMatchObject({ code: 'STORE', mayHaveRun: true });
    expect(await elsewhere.validate(key)).toEqual({ status: 'INVALID', reason: 'revoked' });
    isLosing.answers = false;
    expect(await keys.revoke(record.id)).toEqual({ revoked: true, propagated: true });
    expect(await keys.validate(key)).toEqual({ status: 'INVALID', reason: 'revoked' });
  });

  it('says that a record cannot be read instead of writing over it', async () => {
    const store = memoryStore();
    const keys = createApiKeys({ kv: createKv({ store }) });
    const { record } = await keys.create({ owner: 'a' });
    await store.execute([['SET', `apikey:id:${record.id}`, '{"v":2}']]);
    await expect(keys.revoke(record.id)).rejects.toMatchObject({ code: 'STORE', kind: 'protocol' });
    expect(await store.execute([['GET', `apikey:id:${record.id}`]])).toEqual(['{"v":2}']);
  });

  const deep = (levels: number): unknown => (levels === 0 ? 'x' : [deep(levels - 1)]);

  it.each<[string, Partial<NewKey<unknown>>]>([
    ['owner', { owner: '' }],
    ['owner', { owner: 'x'.repeat(257) }],
    ['owner', { owner: 'x\ud800' }],
    ['scopes', { scopes: [''] }],
    ['scopes', { scopes: ['a b'] }],
    ['scopes', { scopes: Array.from({ length: 65 }, (_, index) => `s${index}`) }],
    ['limits', { limits: { 'a:b': { limit: 1, windowMs: 1_000 } } }],
    ['limits.key', { limits: { key: { limit: 0, windowMs: 1_000 } } }],
    ['limits.key', { limits: { key: { limit: 1.5, windowMs: 1_000 } } }],
    ['limits.key', { limits: { key: { limit: 1, windowMs: 1_000, burst: 0 } } }],
    ['limits.key', { limits: { key: { limit: 2_000_000, windowMs: 1_000 } } }],
    ['limits.key', { limits: { key: { limit: 1, windowMs: 400 * 86_400_000 } } }],
    ['limits.key', { limits: { key: { limit: 1, windowMs: 86_400_000, burst: 1_000_000 } } }],
    ['limits.key', { limits: { key: { limit: 12_721, windowMs: 40_144_423, burst: 999_999_999 } } }],
    ['config', { config: 'x\udfff' }],
    ['config', { config: { '\ud800': 1 } }],
    ['config', { config: deep(101) }],
    ['expiresAt', { expiresAt: 1 }],
    ['expiresAt', { expiresAt: Number.NaN }],
    ['expiresAt', { expiresAt: Number.POSITIVE_INFINITY }],
  ])('refuses at once a key with a bad %s, which could not be read or counted later: %j', async (setting, bad) => {
    const store = watchedStore(memoryStore());
    const keys = createApiKeys({ kv: createKv({ store }) });
    await expect(keys.create({ owner: 'a', ...bad })).rejects.toMatchObject({ code: 'CONFIG', setting });
    expect(store.requests).toEqual([]);
  });
});

onEveryStore('a configuration at its bounds', (store) => {
  it('validates', async () => {
    const keys = keysOn(store());
    let config: unknown = 'x';
    for (let level = 0; level < 100; level += 1) config = [config];
    const { key } = await keys.create({ owner: 'a', config });
    expect(await keysOn(store()).validate(key)).toMatchObject({ status: 'VALID', key: { config } });
  });
});

describe('the record of a key', () => {
  async function registered() {
    const clock = manualClock();
    const kv = createKv({ store: memoryStore({ clock }), clock });
    const format = createKeyFormat('bw', 'live');
    const registry = createRegistry({ store: kvKeyStore({ kv }), clock, format, digest: createDigester(undefined) });
    const { change } = await registry.create({ owner: 'a' });
    const { id } = change.next;
    const rotate = () => registry.rotate(id, { graceMs: 0, carriedOf: async () => undefined });
    const retired = async () => (await registry.record(id))?.retired.length;
    return { clock, registry, rotate, retired, first: change.next };
  }

  it('has the digests that it had for as long as their uses are kept', async () => {
    const { clock, rotate, retired } = await registered();
    await rotate();
    clock.advance(32 * 86_400_000 - 1);
    await rotate();
    expect(await retired()).toBe(2);
    clock.advance(1);
    await rotate();
    expect(await retired()).toBe(2);
  });

  it('has 32 of them at most, the latest', async () => {
    const { registry, rotate, retired, first } = await registered();
    for (let turn = 0; turn < 32; turn += 1) await rotate();
    expect(await retired()).toBe(32);
    await rotate();
    const digests = (await registry.record(first.id))?.retired.map(({ digest }) => digest);
    expect(digests).toHaveLength(32);
    expect(digests).not.toContain(first.digests[0]?.digest);
  });

  it('is put under another digest once, where the key is found under one that it still has', async () => {
    const { registry, rotate, first } = await registered();
    const [next, other] = ['next', 'other'].map((digest) => ({ kid: 'k2', digest }));
    const [found] = first.digests;
    // A key without a quota has nothing to carry along.
    const nobody = () => Promise.reject(new Error('asked for uses'));
    if (!next || !other || !found) throw new Error('no digest');
    const adopt = (one: KeyDigest, under: KeyDigest) => registry.adopt(first.id, one, under, nobody);
    expect(await adopt(other, next)).toBeUndefined();
    expect(await adopt(found, next)).toMatchObject({
      next: { generation: 2, digests: [found, { ...next, until: null, display: found.display }] },
    });
    expect(await adopt(found, next)).toBeUndefined();
    await rotate();
    expect(await adopt(found, other)).toBeUndefined();
    expect((await registry.record(first.id))?.generation).toBe(3);
    const revoked = (await registry.revoke(first.id))?.next;
    expect(await adopt(revoked?.digests[0] ?? found, other)).toBeUndefined();
    expect((await registry.record(first.id))?.generation).toBe(4);
  });
});
