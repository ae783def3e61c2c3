import { describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import { StoreError } from '../../lib/errors.ts';
import { kvKeyStore } from '../../lib/keys/source/kv-key-store.ts';
import type { ApiKeyStore } from '../../lib/keys/source/source.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import { eventually } from '../support/eventually.ts';
import { keyWorld, PEPPER, type SourceKind } from '../support/key-world.ts';

const DAY_MS = 86_400_000;
const NEW = { kid: 'k2', secret: 'another-secret-of-the-tests' };
const NO_KEY = 'key_0000000000000000';
const REVOKED = { status: 'INVALID', reason: 'revoked' };

describe.each<SourceKind>(['kv', 'other-kv'])('uses of a key on record in %s', (kind) => {
  /** A process with a key of a daily quota, used so many times. */
  async function used(times: number) {
    const world = keyWorld(kind);
    const { keys, check } = world.start();
    const { key, record } = await keys.create({ owner: 'a', dailyQuota: 100 });
    for (let turn = 0; turn < times; turn += 1) await check(key);
    const counts = async (days?: number) => (await keys.usage(record.id, { days }))?.map(({ count }) => count);
    return { world, keys, check, key, id: record.id, counts };
  }

  it('are told for 30 days, through all keys that it has had', async () => {
    const { world, keys, check, id, counts } = await used(2);
    world.clock.advance(DAY_MS);
    const second = (await keys.rotate(id))?.key ?? '';
    await check(second);
    const third = (await keys.rotate(id, { graceSeconds: 60 }))?.key ?? '';
    for (const key of [second, third]) await check(key);
    expect(await counts(2)).toEqual([3, 2]);
    expect(await counts(1)).toEqual([3]);
    expect(await counts()).toEqual([3, 2, ...Array(28).fill(0)]);
    expect(await counts(30)).toHaveLength(30);
  });

  it('are told of no key that there is not, and for no other number of days', async () => {
    const { world, keys, key, counts } = await used(1);
    const requests = world.redis.requests.length;
    for (const none of ['', '*', key, 'key_']) expect(await keys.usage(none)).toBeUndefined();
    for (const days of [0, 31, 1.5, Number.NaN]) {
      await expect(counts(days)).rejects.toMatchObject({
        ...{ code: 'CONFIG', setting: 'days', message: 'days must be a whole number from 1 to 30' },
      });
    }
    expect(world.redis.requests).toHaveLength(requests);
    expect(await keys.usage(NO_KEY)).toBeUndefined();
  });

  it('go over to the key in whose place another is put, where there is a quota to be kept', async () => {
    const { world, keys, check, id } = await used(2);
    const day = new Date(world.clock.now()).toISOString().slice(0, 10).replaceAll('-', '');
    const next = await keys.rotate(id);
    expect(await keys.validate(next?.key ?? '')).toMatchObject({ key: { carried: { day, count: 2 } } });
    await check(next?.key ?? '');
    const third = await keys.rotate(id);
    expect(await keys.validate(third?.key ?? '')).toMatchObject({ key: { carried: { day, count: 3 } } });
    const plain = await keys.create({ owner: 'b' });
    const other = await keys.rotate(plain.key);
    const answer = await keys.validate(other?.key ?? '');
    expect(answer.status === 'VALID' && 'carried' in answer.key).toBe(false);
  });
});

describe('a key that is put in the place of another', () => {
  it('begins its day anew where nobody can say what was used of it', async () => {
    const world = keyWorld('other-kv');
    const { keys } = world.start();
    const { record } = await keys.create({ owner: 'a', dailyQuota: 5 });
    world.takeAway('redis');
    const next = await keys.rotate(record.id);
    expect(next?.record).toMatchObject({ id: record.id, generation: 2 });
    const answer = await keys.validate(next?.key ?? '');
    expect(answer.status === 'VALID' && 'carried' in answer.key).toBe(false);
  });

  it('ends the old one at once in this process, or lets it have its grace', async () => {
    for (const graceSeconds of [0, 1]) {
      const world = keyWorld('other-kv');
      const { keys } = world.start();
      const { key } = await keys.create({ owner: 'a' });
      expect(await keys.validate(key)).toMatchObject({ status: 'VALID' });
      world.takeAway('redis');
      expect((await keys.rotate(key, { graceSeconds }))?.record.generation).toBe(2);
      world.takeAway('both');
      expect(await keys.validate(key)).toMatchObject(graceSeconds === 0 ? REVOKED : { status: 'UNAVAILABLE' });
      // In its grace the source is asked again.
      world.source?.giveBack();
      expect(await keys.validate(key)).toMatchObject(graceSeconds === 0 ? REVOKED : { status: 'VALID' });
    }
  });

  it('may leave it a grace of 366 days at most', async () => {
    const world = keyWorld('kv');
    const { keys } = world.start();
    const { key } = await keys.create({ owner: 'a' });
    const message = 'graceSeconds must be a whole number from 0 to 31622400';
    await expect(keys.rotate(key, { graceSeconds: 31_622_401 })).rejects.toMatchObject({ code: 'CONFIG', message });
    expect((await keys.rotate(key, { graceSeconds: 31_622_400 }))?.record.generation).toBe(2);
    world.clock.advance(31_622_400_000 - 1);
    expect(await world.start().keys.validate(key)).toMatchObject({ status: 'VALID' });
    world.clock.advance(1);
    expect(await world.start().keys.validate(key)).toMatchObject({ status: 'INVALID' });
  });
});

describe('a list of keys', () => {
  it('is of 1,000 at most, and goes on after a key', async () => {
    const world = keyWorld('kv');
    const { keys } = world.start();
    const issued: string[] = [];
    for (const owner of ['a', 'b', 'c']) {
      world.clock.advance(1);
      issued.push((await keys.create({ owner })).record.id);
    }
    const ids = async (options: Parameters<typeof keys.list>[0]) => (await keys.list(options)).map(({ id }) => id);
    expect(await ids({ limit: 1_000 })).toEqual(issued);
    expect(await ids({ limit: 1, after: issued[0] })).toEqual([issued[1]]);
    expect(await ids({ after: issued[2] })).toEqual([]);
    expect(await ids({ after: NO_KEY })).toEqual([]);
    // One that has been revoked meanwhile keeps its place.
    await keys.revoke(issued[1] ?? '');
    expect(await ids({ after: issued[1] })).toEqual([issued[2]]);
    const limit = { setting: 'limit', message: 'limit must be a whole number from 1 to 1000' };
    for (const wrong of [0, 1_001]) await expect(ids({ limit: wrong })).rejects.toMatchObject(limit);
    const after = { setting: 'after', message: 'after must be the id of a key' };
    await expect(ids({ after: 'x' })).rejects.toMatchObject(after);
  });
});

describe('a key', () => {
  it('that was tried before it was created works from then on', async () => {
    const world = keyWorld('kv');
    const next = world.unknown();
    const { keys } = world.start({ format: { generate: () => next, accepts: (text) => text.startsWith('bw_') } });
    await world.issue();
    expect(await keys.validate(next)).toEqual({ status: 'INVALID', reason: 'unknown' });
    const { key, record } = await keys.create({ owner: 'a' });
    expect(key).toBe(next);
    expect(record.display).toBe(`…${key.slice(-4)}`);
    expect(await keys.validate(key)).toMatchObject({ status: 'VALID' });
  });

  it('can be ended under each pepper, and is counted as ended here once', async () => {
    const world = keyWorld('other-kv');
    const key = await world.issue();
    const { keys } = world.start({ pepper: [NEW, PEPPER] });
    expect(await keys.revoke(world.unknown())).toEqual({ revoked: false, propagated: false });
    expect(keys.stats().revocations).toBe(0);
    expect(await keys.revoke(key)).toEqual({ revoked: true, propagated: true });
    expect(keys.stats().revocations).toBe(1);
  });

  it('under an older pepper is tried to be put under the first once a minute, not with each request', async () => {
    const world = keyWorld('other-kv');
    const key = await world.issue();
    const store = world.source?.source as ApiKeyStore<unknown>;
    let tries = 0;
    const get = async () => {
      tries += 1;
      throw new Error('gone');
    };
    const source: ApiKeyStore<unknown> = { ...store, get };
    const { keys } = world.start({ pepper: [NEW, PEPPER], freshMs: 0, source });
    const validate = async () => expect(await keys.validate(key)).toMatchObject({ status: 'VALID' });
    await validate();
    world.clock.advance(59_999);
    await validate();
    expect(tries).toBe(1);
    world.clock.advance(1);
    await validate();
    await eventually(() => tries === 2);
  });
});

describe('a store of record', () => {
  const backing = () => kvKeyStore<unknown>({ kv: createKv({ store: memoryStore() }) });

  it('in which others are always quicker is tried 32 times, and then left as it is', async () => {
    const store = backing();
    let tries = 0;
    const source: ApiKeyStore<unknown> = {
      ...store,
      replace: async () => {
        tries += 1;
        return false;
      },
    };
    const { keys } = keyWorld('kv').start({ source });
    const { key, record } = await keys.create({ owner: 'a' });
    await expect(keys.revoke(record.id)).rejects.toMatchObject({
      ...{ code: 'STORE', kind: 'local', mayHaveRun: false, message: 'The API key is being changed by others' },
    });
    expect(tries).toBe(32);
    expect(await keys.validate(key)).toMatchObject({ status: 'VALID' });
    expect(keys.stats().revocations).toBe(0);
  });

  it('that has the id of a new key already is not written over', async () => {
    const source: ApiKeyStore<unknown> = { ...backing(), insert: async () => false };
    const { keys } = keyWorld('kv').start({ source });
    const message = 'The id of the new API key is taken';
    await expect(keys.create({ owner: 'a' })).rejects.toMatchObject({ code: 'STORE', kind: 'local', message });
  });

  it.each(['token', 'entry'])(
    'has a change although Redis refuses it for its %s, which the answer says',
    async (what) => {
      const world = keyWorld('other-kv');
      const { keys } = world.start();
      const { key, record } = await keys.create({ owner: 'a' });
      const { kid, digest } = await keys.digest(key);
      const entry = `auth:1:${kid}:${digest}`;
      if (what === 'token') world.redis.takeAway(new StoreError('auth', 'no'));
      else
        await world.redis.execute([
          ['DEL', entry],
          ['RPUSH', entry, 'x'],
        ]);
      expect(await keys.revoke(record.id)).toEqual({ revoked: true, propagated: false });
      expect(await keys.get(record.id)).toMatchObject({ status: 'revoked', generation: 2 });
      expect(await keys.validate(key)).toEqual(REVOKED);
      // What Redis may take later it is told later; what it will never take it is not told again.
      world.redis.giveBack();
      const requests = world.redis.requests.length;
      await keys.validate(world.unknown());
      await world.clock.run(0);
      const isTold = world.redis.requests.length > requests + 1;
      expect(isTold).toBe(what === 'token');
    },
  );
});
