import { describe, expect, expectTypeOf, it } from 'vitest';
import type { KeyDigest } from '../../lib/keys/digest.ts';
import type { IdRecord } from '../../lib/keys/record.ts';
import { type ApiKeySource, type ApiKeyStore, isKeyStore } from '../../lib/keys/source/source.ts';
import { changed, idRecord, issued, onEveryKeyStore } from '../support/every-key-store.ts';

const find = (store: ApiKeyStore, digest: KeyDigest) =>
  store.findByDigest(digest, { signal: new AbortController().signal });

/** What is there of `record`, of its digests, and of `others`. */
const stateOf = async (store: ApiKeyStore, record: IdRecord, ...others: readonly KeyDigest[]) => ({
  record: await store.get(record.id),
  found: await Promise.all([...record.digests, ...others].map((digest) => find(store, digest))),
  listed: await store.list({ limit: 100 }),
});

const trues = (answers: readonly boolean[]) => answers.filter(Boolean).length;

onEveryKeyStore('a store of keys', (current) => {
  it('finds by id, by digest and in the list what was inserted', async () => {
    const store = current();
    const record = idRecord({
      scopes: ['read', 'write:*'],
      limits: { key: { limit: 5, windowMs: 60_000, burst: 2 } },
      config: { plan: 'gold', nested: [1, null, { empty: {} }] },
      expiresAt: 1_900_000_000_000,
    });
    expect(isKeyStore(store)).toBe(true);
    expect(await store.insert(record)).toBe(true);
    expect(await store.get(record.id)).toEqual(record);
    expect(await store.list({ limit: 10 })).toEqual([record]);
    const { digests, retired: _retired, ...key } = record;
    for (const digest of digests) {
      expect(await find(store, { kid: digest.kid, digest: digest.digest })).toMatchObject(key);
    }
  });

  it('has no keys but those that were inserted', async () => {
    const store = current();
    await store.insert(idRecord());
    expect(await store.get('key_0000000000000000')).toBeUndefined();
    expect(await find(store, issued('another'))).toBeUndefined();
    expect(await find(store, { ...issued('key_0123456789abcdef'), kid: 'k2' })).toBeUndefined();
  });

  it('takes no second key of one id, and leaves the first one as it is', async () => {
    const store = current();
    const first = idRecord();
    expect(await store.insert(first)).toBe(true);
    const before = await stateOf(store, first);
    const second = idRecord({ owner: 'other', digests: [issued('second')] });
    expect(await store.insert(second)).toBe(false);
    expect(await store.insert(first)).toBe(false);
    expect(await stateOf(store, first)).toEqual(before);
    expect(await find(store, issued('second'))).toBeUndefined();
  });

  it('takes one of many keys of one id that come at once', async () => {
    const stores = Array.from({ length: 10 }, current);
    const records = stores.map((_, index) => idRecord({ owner: `o${index}`, digests: [issued(`d${index}`)] }));
    const answers = await Promise.all(stores.map((store, index) => store.insert(records[index] ?? idRecord())));
    expect(trues(answers)).toBe(1);
    const winner = records[answers.indexOf(true)];
    expect(await current().get('key_0123456789abcdef')).toEqual(winner);
    const found = await Promise.all(records.map(({ digests: [digest] }) => find(current(), digest ?? issued(''))));
    expect(found.map((one) => one?.owner)).toEqual(records.map((one) => (one === winner ? one.owner : undefined)));
  });

  it('makes no change of what somebody else has changed meanwhile', async () => {
    const store = current();
    const first = idRecord();
    await store.insert(first);
    const second = changed(first, { owner: 'second' });
    expect(await store.replace(second, first)).toBe(true);
    const before = await stateOf(store, second);
    const late = changed(first, { owner: 'late', digests: [issued('late')] });
    expect(await store.replace(late, first)).toBe(false);
    expect(await stateOf(store, second)).toEqual(before);
    expect(await find(store, issued('late'))).toBeUndefined();
    expect(await store.replace(changed(idRecord({ id: 'key_absent' }), {}), idRecord({ id: 'key_absent' }))).toBe(
      false,
    );
    expect(await store.get('key_absent')).toBeUndefined();
  });

  it('lets one of many changes win in each generation', async () => {
    const stores = Array.from({ length: 12 }, current);
    let standing = idRecord();
    await current().insert(standing);
    for (let generation = 1; generation <= 6; generation += 1) {
      const previous = standing;
      const nexts = stores.map((_, index) => changed(previous, { digests: [issued(`g${generation}-${index}`)] }));
      const answers = await Promise.all(
        stores.map((store, index) => store.replace(nexts[index] ?? previous, previous)),
      );
      expect(trues(answers)).toBe(1);
      standing = nexts[answers.indexOf(true)] ?? previous;
      expect(await current().get(standing.id)).toEqual(standing);
      const found = await Promise.all(nexts.map(({ digests: [digest] }) => find(current(), digest ?? issued(''))));
      expect(found.filter((one) => one)).toHaveLength(1);
    }
    expect(standing.generation).toBe(7);
  });

  it('rotated without grace, knows the old digest as revoked', async () => {
    const store = current();
    const first = idRecord();
    await store.insert(first);
    const second = changed(first, { digests: [issued('new-key')], display: 'bw_live_…-key' });
    expect(await store.replace(second, first)).toBe(true);
    expect(await find(store, issued('new-key'))).toMatchObject({ status: 'active', display: 'bw_live_…-key' });
    expect(await find(store, issued(first.id))).toMatchObject({ status: 'revoked', id: first.id });
    expect(await store.list({ limit: 10 })).toEqual([second]);
  });

  it('rotated with grace, ends the old digest at its own time, and no later than the key', async () => {
    const store = current();
    const soon = Date.now() + 60_000;
    const first = idRecord({ expiresAt: soon + 60_000 });
    await store.insert(first);
    const [old] = first.digests;
    const second = changed(first, { digests: [issued('new-key'), issued(first.id, { until: soon })] });
    await store.replace(second, first);
    expect(await find(store, issued(first.id))).toMatchObject({
      ...{ status: 'active', id: first.id, generation: 2, expiresAt: soon, display: old?.display },
    });
    expect(await find(store, issued('new-key'))).toMatchObject({ status: 'active', expiresAt: soon + 60_000 });
    const third = changed(second, { expiresAt: soon - 30_000 });
    await store.replace(third, second);
    expect(await find(store, issued(first.id))).toMatchObject({ status: 'active', expiresAt: soon - 30_000 });
    const fourth = changed(third, { digests: [issued('newest'), issued('new-key', { until: soon })] });
    await store.replace(fourth, third);
    const statuses = [issued('newest'), issued('new-key'), issued(first.id)].map(async (one) => find(store, one));
    expect((await Promise.all(statuses)).map((one) => one?.status)).toEqual(['active', 'active', 'revoked']);
  });

  it('says of a grace that is over when it was over', async () => {
    const store = current();
    const first = idRecord();
    await store.insert(first);
    const ended = Date.now() - 1_000;
    await store.replace(changed(first, { digests: [issued('new-key'), issued(first.id, { until: ended })] }), first);
    expect(await find(store, issued(first.id))).toMatchObject({ status: 'active', expiresAt: ended });
  });

  it('once revoked, knows every digest of the key as revoked, and has it in no list', async () => {
    const store = current();
    const first = idRecord({ digests: [issued('one'), issued('two', { until: Date.now() + 60_000 })] });
    await store.insert(first);
    const revoked = changed(first, { status: 'revoked' });
    expect(await store.replace(revoked, first)).toBe(true);
    for (const digest of first.digests) {
      expect(await find(store, digest)).toMatchObject({ status: 'revoked', id: first.id, generation: 2 });
    }
    expect(await store.get(first.id)).toEqual(revoked);
    expect(await store.list({ limit: 10 })).toEqual([]);
    expect(await store.insert(first)).toBe(false);
    expect(await store.replace(changed(first, {}), first)).toBe(false);
  });

  it('goes on listing from the place of a key that has been revoked meanwhile, also among others of its age', async () => {
    const store = current();
    const records = Array.from({ length: 7 }, (_, index) =>
      idRecord({ id: `key_${index}`, createdAt: Math.floor(index / 3) }),
    );
    for (const record of records) await store.insert(record);
    for (const at of [1, 4]) {
      const record = records[at] ?? idRecord();
      await store.replace(changed(record, { status: 'revoked' }), record);
    }
    const ids = async (after?: string) => (await store.list({ limit: 2, after })).map(({ id }) => id);
    expect(await ids('key_0')).toEqual(['key_2', 'key_3']);
    expect(await ids('key_1')).toEqual(['key_2', 'key_3']);
    expect(await ids('key_4')).toEqual(['key_5', 'key_6']);
    expect(await ids('key_6')).toEqual([]);
    expect(await ids('key_none')).toEqual([]);
    expect(await store.list({ limit: 0 })).toEqual([]);
  });

  it('takes no key with a digest that another one has, nor one that has ended', async () => {
    const store = current();
    const first = idRecord({ digests: [issued('one')] });
    await store.insert(first);
    const second = idRecord({ id: 'key_second', digests: [issued('one')] });
    expect(await store.insert(second)).toBe(false);
    await store.replace(changed(first, { status: 'revoked' }), first);
    expect(await store.insert(second)).toBe(false);
    expect(await store.get('key_second')).toBeUndefined();
  });

  it('lists 25 keys in pages, oldest first, and by id where they are of one age', async () => {
    const store = current();
    const records = Array.from({ length: 25 }, (_, index) =>
      // By bytes: capitals first.
      idRecord({ id: `key_${'BZa'[index % 3]}${index}`, createdAt: 1_700_000_000_000 + Math.floor(index / 3) }),
    );
    // In another order than the list's.
    for (let index = 0; index < 25; index += 1) await store.insert(records[(index * 7) % 25] ?? idRecord());
    const pages: (readonly IdRecord[])[] = [];
    for (let after: string | undefined; ; after = pages.at(-1)?.at(-1)?.id) {
      const page = await store.list({ limit: 7, after });
      pages.push(page);
      if (page.length === 0) break;
    }
    expect(pages.map((page) => page.length)).toEqual([7, 7, 7, 4, 0]);
    expect(pages.flat()).toEqual(records);
    expect(await store.list({ limit: 100 })).toEqual(records);
    expect(await store.list({ limit: 7, after: 'key_unknown' })).toEqual([]);
  });
});

it('a store of keys has to answer of which generation one is, which a mere source need not', () => {
  type Answered<Source extends ApiKeySource> = NonNullable<Awaited<ReturnType<Source['findByDigest']>>>;
  expectTypeOf<Answered<ApiKeyStore>['generation']>().toEqualTypeOf<number>();
  expectTypeOf<Answered<ApiKeySource>['generation']>().toEqualTypeOf<number | undefined>();
});

const HOSTILE: readonly (readonly [what: string, text: string])[] = [
  ['quotes', `'"\`$1 $$ ; drop table keys; -- \\' \\" \\\\ {"v":1}`],
  ['NUL', '\0a\0\\u0000\\0'],
  ['lone surrogates', '\ud800 \udc00\ud800'],
  ['other planes and separators', 'é🦀\u2028\u2029\ufeff\uffff\u0085'],
  ['great length', 'x"é'.repeat(30_000)],
];

onEveryKeyStore('a store of hostile keys', (current) => {
  describe.each(HOSTILE)('with %s', (_, text) => {
    it('gives owner, names and payload back as they were', async () => {
      const store = current();
      const record = idRecord({ owner: text, scopes: [text], config: { [text]: [text] }, display: text });
      await store.insert(record);
      expect(await store.get(record.id)).toEqual(record);
      expect(await store.list({ limit: 1 })).toEqual([record]);
      expect(await find(store, issued(record.id))).toMatchObject({ owner: text, config: { [text]: [text] } });
      const next = changed(record, { config: text });
      expect(await store.replace(next, record)).toBe(true);
      expect((await find(store, issued(record.id)))?.config).toBe(text);
    });
  });

  it.each(HOSTILE.filter(([what]) => what === 'quotes' || what === 'NUL'))(
    'finds ids and digests with %s',
    async (_, text) => {
      const store = current();
      const record = idRecord({ id: text, digests: [issued(text, { kid: text })] });
      expect(await store.insert(record)).toBe(true);
      expect(await store.insert(record)).toBe(false);
      expect(await store.get(text)).toEqual(record);
      expect(await find(store, issued(text, { kid: text }))).toMatchObject({ id: text });
      expect(await find(store, issued(text))).toBeUndefined();
      expect(await store.list({ limit: 1, after: text })).toEqual([]);
    },
  );

  it('keeps the greatest numbers exactly', async () => {
    const store = current();
    const most = Number.MAX_SAFE_INTEGER;
    const record = idRecord({ createdAt: most, expiresAt: most, generation: most - 1 });
    await store.insert(record);
    await store.insert(idRecord({ id: 'key_earlier', createdAt: most - 1 }));
    expect(await store.get(record.id)).toEqual(record);
    expect((await store.list({ limit: 10 })).map(({ id }) => id)).toEqual(['key_earlier', record.id]);
    const next = changed(record, { status: 'revoked' });
    expect(await store.replace(next, record)).toBe(true);
    expect(await store.get(record.id)).toEqual(next);
  });

  it('writes nothing of a payload that JSON cannot hold', async () => {
    const store = current();
    await store.insert(idRecord({ id: 'key_other' }));
    const cyclic: { self?: unknown } = {};
    cyclic.self = cyclic;
    for (const config of [1n, cyclic]) {
      await expect(store.insert(idRecord({ config }))).rejects.toThrow();
      expect(await store.get(idRecord().id)).toBeUndefined();
      expect(await find(store, issued(idRecord().id))).toBeUndefined();
    }
    expect(await store.list({ limit: 10 })).toHaveLength(1);
  });
});
