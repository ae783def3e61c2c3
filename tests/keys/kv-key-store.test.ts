import { describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import type { BreakwaterEvent } from '../../lib/events.ts';
import { createApiKeys } from '../../lib/keys/api-keys.ts';
import { createKeyNames } from '../../lib/keys/key-names.ts';
import { kvKeyStore } from '../../lib/keys/source/kv-key-store.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { changed, idRecord, issued } from '../support/every-key-store.ts';
import { watchedStore } from '../support/watched-store.ts';

const names = createKeyNames('');

describe('keys on record in another Redis', () => {
  it('are unknown there only beside its sentinel: without it the data is lost, which is no 401', async () => {
    const records = memoryStore();
    const source = kvKeyStore({ kv: createKv({ store: records }) });
    const start = () => createApiKeys({ kv: createKv({ store: memoryStore() }), source });
    const issuing = start();
    const { key } = await issuing.create({ owner: 'acme' });
    expect(await start().validate(issuing.format.generate())).toEqual({ status: 'INVALID', reason: 'unknown' });
    await records.execute([['FLUSHALL']]);
    for (const one of [key, issuing.format.generate()]) {
      expect(await start().validate(one)).toMatchObject({ status: 'UNAVAILABLE', reason: 'away' });
    }
    await expect(issuing.create({ owner: 'acme' })).rejects.toMatchObject({ code: 'STORE', kind: 'unavailable' });
    expect(await records.execute([['DBSIZE']])).toEqual([0]);
  });

  it('are not taken for unknown where something else stands in the place of a record', async () => {
    const records = memoryStore();
    const source = kvKeyStore({ kv: createKv({ store: records }) });
    const events: BreakwaterEvent[] = [];
    const start = () =>
      createApiKeys({ kv: createKv({ store: memoryStore(), onEvent: (event) => events.push(event) }), source });
    const issuing = start();
    const [spoilt, sound] = [await issuing.create({ owner: 'acme' }), await issuing.create({ owner: 'acme' })];
    const record = names.record(await issuing.digest(spoilt.key));
    const [text] = await records.execute([['GET', record]]);
    await records.execute([
      ['DEL', record],
      ['RPUSH', record, 'no record'],
    ]);
    const keys = start();
    for (let turn = 0; turn < 8; turn += 1) {
      expect(await keys.validate(spoilt.key)).toMatchObject({ status: 'UNAVAILABLE', reason: 'away' });
    }
    // The source is there: one spoilt record is no outage, and keeps no other key out.
    expect(events.filter(({ type }) => type === 'source')).toEqual([]);
    expect(events).toContainEqual(expect.objectContaining({ type: 'unreadable', feature: 'keys' }));
    expect(await keys.validate(sound.key)).toMatchObject({ status: 'VALID' });
    await records.execute([['SET', record, String(text)]]);
    expect(await keys.validate(spoilt.key)).toMatchObject({ status: 'VALID' });
  });
});

describe('a store of keys in Redis', () => {
  const { signal } = new AbortController();

  function stored(options: { readonly mayBegin?: boolean } = {}) {
    const clock = manualClock();
    const redis = watchedStore(memoryStore({ clock }));
    const store = kvKeyStore({ kv: createKv({ store: redis, clock }), ...options });
    return { clock, redis, store };
  }
  const ofAge = (id: string, createdAt: number) => idRecord({ id, createdAt, digests: [issued(id)] });

  it('lists from behind a key, also one that has been revoked, among several of one millisecond', async () => {
    const { redis, store } = stored();
    const records = [ofAge('a', 1), ofAge('b', 2), ofAge('c', 2), ofAge('d', 2), ofAge('e', 3)];
    for (const record of records) await store.insert(record);
    const ids = async (after?: string, limit = 10) => (await store.list({ limit, after })).map(({ id }) => id);
    expect(await ids()).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(await ids(undefined, 2)).toEqual(['a', 'b']);
    expect(await ids('b', 2)).toEqual(['c', 'd']);
    expect(await ids('e')).toEqual([]);
    expect(await ids('none')).toEqual([]);
    const [, , third] = records;
    if (third) await store.replace(changed(third, { status: 'revoked' }), third);
    expect(await ids()).toEqual(['a', 'b', 'd', 'e']);
    expect(await ids('c')).toEqual(['d', 'e']);
    const requests = redis.requests.length;
    expect(await ids(undefined, 0)).toEqual([]);
    expect(await ids('a', -1)).toEqual([]);
    // Where to begin is asked of the second only.
    expect(redis.requests).toHaveLength(requests + 1);
  });

  it('lists no key that has been revoked while it was listed, nor one that cannot be read', async () => {
    const { redis, store } = stored();
    for (const record of [ofAge('a', 1), ofAge('b', 2), ofAge('c', 3)]) await store.insert(record);
    const revoked = JSON.stringify({ ...ofAge('a', 1), status: 'revoked' });
    await redis.execute([
      ['SET', names.id('a'), revoked],
      ['SET', names.id('b'), 'x'],
    ]);
    expect((await store.list({ limit: 10 })).map(({ id }) => id)).toEqual(['c']);
  });

  it('fills a page in which some keys are none any more: a short one says that there are no more', async () => {
    const { redis, store } = stored();
    for (const record of [ofAge('a', 1), ofAge('b', 2), ofAge('c', 3), ofAge('d', 4)]) await store.insert(record);
    await redis.execute([
      ['SET', names.id('a'), 'x'],
      ['DEL', names.id('c')],
    ]);
    const ids = async (limit: number) => (await store.list({ limit })).map(({ id }) => id);
    expect([await ids(1), await ids(2), await ids(3), await ids(9)]).toEqual([
      ['b'],
      ['b', 'd'],
      ['b', 'd'],
      ['b', 'd'],
    ]);
    await redis.execute([['SET', names.id('b'), 'x']]);
    expect([await ids(1), await ids(2)]).toEqual([['d'], ['d']]);
  });

  it('says of a revoked digest for a day that it is, and of one in its grace for a day longer', async () => {
    const { clock, redis, store } = stored();
    const first = ofAge('a', 1);
    await store.insert(first);
    const lifeOf = async (name: string) => (await redis.execute([['PTTL', names.record(issued(name))]]))[0];
    expect(await lifeOf('a')).toBe(-1);
    const until = clock.now() + 60_000;
    const second = changed(first, { digests: [issued('new'), issued('a', { until })] });
    await store.replace(second, first);
    expect([await lifeOf('new'), await lifeOf('a')]).toEqual([-1, 86_460_000]);
    clock.advance(60_000 + 86_400_000);
    // It is still in the record, although its time has been over for long.
    const third = changed(second, { owner: 'x' });
    await store.replace(third, second);
    expect(await lifeOf('a')).toBe(1);
    await store.replace(changed(third, { status: 'revoked' }), third);
    expect(await lifeOf('new')).toBe(86_400_000);
    expect(await store.findByDigest(issued('new'), { signal })).toEqual({
      ...{ v: 1, status: 'revoked', id: 'a', generation: 4, owner: '' },
    });
  });

  it.each(['get', 'findByDigest'] as const)(
    'says in words that what stands there cannot be read, with %s',
    async (how) => {
      const { redis, store } = stored();
      await store.insert(ofAge('a', 1));
      const place = how === 'get' ? names.id('a') : names.record(issued('a'));
      const ask = () => (how === 'get' ? store.get('a') : store.findByDigest(issued('a'), { signal }));
      await redis.execute([['SET', place, '{}']]);
      const message = 'The record of an API key cannot be read';
      await expect(ask()).rejects.toMatchObject({ code: 'STORE', kind: 'protocol', message });
      await redis.execute([
        ['DEL', place],
        ['RPUSH', place, 'x'],
      ]);
      await expect(ask()).rejects.toMatchObject({ code: 'COMMAND', replyCode: 'WRONGTYPE' });
    },
  );

  it.each(['looked into', 'issued in', 'found in'])(
    'takes a Redis that it has %s for no new one any more',
    async (how) => {
      const { redis, store } = stored();
      await kvKeyStore({ kv: createKv({ store: redis }) }).insert(ofAge('a', 1));
      if (how === 'looked into') await store.findByDigest(issued('none'), { signal });
      if (how === 'found in') await store.findByDigest(issued('a'), { signal });
      if (how === 'issued in') await store.insert(ofAge('b', 1));
      await redis.execute([['FLUSHALL']]);
      const lost = { code: 'STORE', kind: 'unavailable', message: 'The store of API keys has lost its data' };
      await expect(store.insert(ofAge('c', 1))).rejects.toMatchObject(lost);
      await expect(store.findByDigest(issued('a'), { signal })).rejects.toMatchObject(lost);
      expect(await redis.execute([['DBSIZE']])).toEqual([0]);
    },
  );

  it('begins with its first key, unless it may not, and never with a change', async () => {
    const careful = stored({ mayBegin: false });
    await expect(careful.store.insert(ofAge('a', 1))).rejects.toMatchObject({ kind: 'unavailable' });
    const { store } = stored();
    const record = ofAge('a', 1);
    await expect(store.replace(changed(record, {}), record)).rejects.toMatchObject({ kind: 'unavailable' });
    expect(await store.insert(record)).toBe(true);
  });

  it('changes what stands there, whoever has read it, and nothing else', async () => {
    const { store } = stored();
    const record = ofAge('a', 1);
    await store.insert(record);
    const next = changed(record, { owner: 'x' });
    expect(await store.replace(next, record)).toBe(true);
    expect(await store.replace(next, record)).toBe(false);
    const read = await store.get('a');
    expect(await store.replace(changed(next, { owner: 'y' }), read ?? record)).toBe(true);
    expect(await store.get('a')).toMatchObject({ owner: 'y', generation: 3 });
  });
});
