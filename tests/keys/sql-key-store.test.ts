import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { ConfigError } from '../../lib/errors.ts';
import type { IdRecord } from '../../lib/keys/record.ts';
import type { ApiKeyStore } from '../../lib/keys/source/source.ts';
import { type SqlQuery, sqlKeyStore, sqlSchema } from '../../lib/keys/sql.ts';
import { changed, idRecord, issued } from '../support/every-key-store.ts';
import { projectRoot } from '../support/source-tree.ts';
import { sqlEngine } from '../support/sql-engine.ts';

const { signal } = new AbortController();

const engine = sqlEngine();
let table = '';
let store: ApiKeyStore;
const query: SqlQuery = (text, params) => engine.database.query(text, params);

beforeEach(async () => {
  table = await engine.freshTable();
  store = sqlKeyStore({ query, table });
});

/** All that stands in both tables. */
const contents = async () => ({
  keys: (await engine.database.query(`select * from ${table} order by id`)).rows,
  digests: (await engine.database.query(`select * from ${table}_digests order by kid, digest`)).rows,
});

describe('the schema', () => {
  it('is the migration that is packaged', async () => {
    expect(await readFile(join(projectRoot, 'sql/api-keys.sql'), 'utf8')).toBe(sqlSchema());
    const { files } = JSON.parse(await readFile(join(projectRoot, 'package.json'), 'utf8'));
    expect(files).toContain('sql');
  });

  it('can be applied again, and leaves what is there', async () => {
    await store.insert(idRecord());
    const before = await contents();
    await engine.database.exec(sqlSchema(table));
    expect(await contents()).toEqual(before);
  });

  it.each(['user', 'apart.api_keys', 'apart.order', `t${'x'.repeat(47)}`])(
    'makes tables by the name of %s',
    async (name) => {
      await engine.database.exec('create schema if not exists apart');
      await engine.database.exec(sqlSchema(name));
      const named = sqlKeyStore({ query, table: name });
      const record = idRecord();
      expect(await named.insert(record)).toBe(true);
      expect(await named.replace(changed(record, { owner: 'other' }), record)).toBe(true);
      expect(await named.list({ limit: 2, after: 'none' })).toEqual([]);
      expect((await named.findByDigest(issued(record.id), { signal }))?.owner).toBe('other');
      expect(await store.get(record.id)).toBeUndefined();
    },
  );

  it.each([
    '',
    'Keys',
    '1keys',
    'a.b.c',
    '.keys',
    'keys.',
    'keys"; drop table x; --',
    'keys\n',
    'schlüssel',
    'x'.repeat(49),
  ])('is not made by the name of %j', (name) => {
    for (const make of [() => sqlSchema(name), () => sqlKeyStore({ query, table: name })]) {
      expect(make).toThrow(ConfigError);
      expect(make).toThrow(
        'table must be 1 to 48 lower-case letters, digits and underscores, not first a digit, after a schema and a dot at most',
      );
    }
  });
});

describe('keys in PostgreSQL', () => {
  it('stand there as one row, and one for each digest, without the raw key', async () => {
    const record = idRecord({ digests: [issued('one'), issued('two', { until: 5 })] });
    await store.insert(record);
    expect(await contents()).toEqual({
      keys: [
        {
          ...{ id: record.id, status: 'active', generation: 1, created_at: record.createdAt },
          record: JSON.stringify(record),
        },
      ],
      digests: [
        { kid: 'k1', digest: issued('one').digest, id: record.id },
        { kid: 'k1', digest: issued('two').digest, id: record.id },
      ],
    });
  });

  it('are found with the digest that stands there, for the caller to compare', async () => {
    const record = idRecord();
    await store.insert(record);
    expect((await store.findByDigest(issued(record.id), { signal }))?.digest).toBe(issued(record.id).digest);
    await store.replace(changed(record, { digests: [issued('new')] }), record);
    expect((await store.findByDigest(issued(record.id), { signal }))?.digest).toBe(issued(record.id).digest);
  });

  it('are not inserted with a digest that leads elsewhere, nor is any part of them', async () => {
    const first = idRecord({ digests: [issued('one'), issued('two')] });
    await store.insert(first);
    const before = await contents();
    for (const digests of [[issued('two')], [issued('new'), issued('one')], [issued('one'), issued('new')]]) {
      expect(await store.insert(idRecord({ id: 'key_second', digests }))).toBe(false);
      expect(await contents()).toEqual(before);
    }
    // A digest that has led somewhere else is not free either.
    await store.replace(changed(first, { digests: [issued('one')] }), first);
    expect(await store.insert(idRecord({ id: 'key_second', digests: [issued('two')] }))).toBe(false);
    expect(await store.insert(idRecord({ id: 'key_second', digests: [issued('two', { kid: 'k2' })] }))).toBe(true);
  });

  it('are not changed to a digest that leads elsewhere, nor is any part of them', async () => {
    const [first, second] = [idRecord(), idRecord({ id: 'key_second' })];
    await store.insert(first);
    await store.insert(second);
    const before = await contents();
    const next = changed(second, { owner: 'x', digests: [issued('new'), issued(first.id), issued(second.id)] });
    expect(await store.replace(next, second)).toBe(false);
    expect(await contents()).toEqual(before);
  });

  it('may name one digest twice, and take one back that had ended', async () => {
    const first = idRecord({ digests: [issued('one'), issued('one')] });
    expect(await store.insert(first)).toBe(true);
    const second = changed(first, { digests: [issued('two')] });
    expect(await store.replace(second, first)).toBe(true);
    expect(await store.replace(changed(second, { digests: [issued('one')] }), second)).toBe(true);
    const statuses = ['one', 'two'].map(async (name) => (await store.findByDigest(issued(name), { signal }))?.status);
    expect(await Promise.all(statuses)).toEqual(['active', 'revoked']);
  });

  it('end when somebody says so by hand, and no change that was under way brings them back', async () => {
    const record = idRecord();
    await store.insert(record);
    await engine.database.query(`update ${table} set status = 'revoked'`);
    const found = await store.findByDigest(issued(record.id), { signal });
    expect(found).toEqual({
      ...{ v: 1, status: 'revoked', id: record.id, generation: 1, owner: '', digest: issued(record.id).digest },
    });
    expect(await store.list({ limit: 10 })).toEqual([]);
    const standing = await store.get(record.id);
    expect(standing).toEqual({ ...record, status: 'revoked' });
    expect(await store.replace(changed(record, {}), record)).toBe(false);
    expect(await store.replace(changed(record, { status: 'revoked' }), standing ?? record)).toBe(true);
    await engine.database.query(`delete from ${table}`);
    expect(await contents()).toEqual({ keys: [], digests: [] });
    expect(await store.findByDigest(issued(record.id), { signal })).toBeUndefined();
  });

  it('have ids and digests that PostgreSQL could not hold as they are', async () => {
    const names = ['\0', '\\u0000', '\\0', '\ud800', '\udc00', '\ufffd', '', ' ', '"', "'", '\\'];
    const records = names.map((id, at) =>
      idRecord({ id, createdAt: at, digests: [issued('', { kid: id, digest: id })] }),
    );
    for (const record of records) expect(await store.insert(record)).toBe(true);
    for (const record of records) {
      expect(await store.get(record.id)).toEqual(record);
      expect((await store.findByDigest({ kid: record.id, digest: record.id }, { signal }))?.id).toBe(record.id);
    }
    expect(await store.list({ limit: 100 })).toEqual(records);
    expect(await store.list({ limit: 2, after: '\0' })).toEqual(records.slice(1, 3));
  });
});

describe('a record that could not be read again', () => {
  const broken: readonly (readonly [what: string, fields: object])[] = [
    ['a fraction of a millisecond', { createdAt: 1.5 }],
    ['no time', { createdAt: Number.NaN }],
    ['a number beyond the exact ones', { createdAt: 2 ** 53 }],
    ['a text for a number', { generation: '2' }],
    ['a status of its own', { status: 'paused' }],
    ['no owner', { owner: undefined }],
    ['a digest without end', { digests: [{ ...issued('one'), until: undefined }] }],
    ['a digest that is none', { digests: [null] }],
  ];

  it.each(broken)('is not written: %s', async (_, fields) => {
    const error = await store.insert({ ...idRecord(), ...fields } as IdRecord).catch((thrown: unknown) => thrown);
    const message = 'The record of an API key cannot be written';
    expect(error).toMatchObject({ name: 'StoreError', kind: 'local', mayHaveRun: false, message });
    expect(await contents()).toEqual({ keys: [], digests: [] });
  });

  it('is not the next one of another key, or of no later generation', async () => {
    const record = idRecord();
    await store.insert(record);
    const before = await contents();
    for (const next of [
      { ...record, owner: 'x' },
      { ...changed(record, {}), id: 'key_other' },
    ]) {
      await expect(store.replace(next, record)).rejects.toMatchObject({ kind: 'local', mayHaveRun: false });
    }
    expect(await contents()).toEqual(before);
  });

  it.each([
    ['no JSON', 'not JSON: secret'],
    ['of another version', JSON.stringify({ ...idRecord(), v: 2 })],
    ['without owner', JSON.stringify({ ...idRecord(), owner: null })],
    ['with a digest that is none', JSON.stringify({ ...idRecord(), digests: [null] })],
    ['with a digest without end', JSON.stringify({ ...idRecord(), digests: [{ ...issued('one'), until: undefined }] })],
    ['an array', '[]'],
  ])('is an error where it stands: %s', async (_, text) => {
    const { id } = idRecord();
    await store.insert(idRecord());
    await engine.database.query(`update ${table} set record = $1`, [text]);
    const asked = [store.get(id), store.list({ limit: 5 }), store.findByDigest(issued(id), { signal })];
    for (const outcome of await Promise.allSettled(asked)) {
      const error = outcome.status === 'rejected' ? outcome.reason : undefined;
      expect(error).toMatchObject({
        kind: 'protocol',
        message: 'The database of API keys holds something that cannot be read',
      });
      expect(error.cause).toBeUndefined();
    }
  });
});
