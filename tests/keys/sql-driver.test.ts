import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ConfigError, StoreError } from '../../lib/errors.ts';
import type { ApiKeyStore } from '../../lib/keys/source/source.ts';
import { type SqlQuery, sqlKeyStore } from '../../lib/keys/sql.ts';
import { changed, idRecord, issued } from '../support/every-key-store.ts';
import { sqlEngine } from '../support/sql-engine.ts';

const SECRET = 'c2VjcmV0';
const record = idRecord({ owner: `owner-${SECRET}`, digests: [issued(SECRET)] });
const { signal } = new AbortController();

/** Every operation of a store, once. */
const operations: Readonly<Record<string, (store: ApiKeyStore) => Promise<unknown>>> = {
  findByDigest: (store) => store.findByDigest(issued(SECRET), { signal }),
  get: (store) => store.get(record.id),
  insert: (store) => store.insert(record),
  replace: (store) => store.replace(changed(record, {}), record),
  list: (store) => store.list({ limit: 10 }),
  'list after': (store) => store.list({ limit: 10, after: record.id }),
};
const names = Object.keys(operations);

const run = (name: string, query: SqlQuery): Promise<unknown> =>
  operations[name]?.(sqlKeyStore({ query })) ?? Promise.reject(new Error('no such operation'));

const errorOf = async (name: string, query: SqlQuery): Promise<StoreError> => {
  const error = await run(name, query).catch((thrown: unknown) => thrown);
  if (!(error instanceof StoreError)) throw new Error(`${name} has not failed as it should`);
  return error;
};

describe('a driver', () => {
  const engine = sqlEngine();

  it.each([
    ['an object with the rows', (answer: { rows: unknown[] }) => answer],
    ['the rows themselves', ({ rows }: { rows: unknown[] }) => Object.assign([...rows], { count: rows.length })],
  ])('may answer %s', async (_, shape) => {
    const table = await engine.freshTable();
    const store = sqlKeyStore({
      query: async (text, params) => shape(await engine.database.query(text, params)),
      table,
    });
    expect(await store.insert(record)).toBe(true);
    expect(await store.insert(record)).toBe(false);
    expect(await store.replace(changed(record, {}), record)).toBe(true);
    expect(await store.replace(changed(record, {}), record)).toBe(false);
    expect(await store.get(record.id)).toEqual(changed(record, {}));
    expect(await store.get('key_none')).toBeUndefined();
    expect(await store.list({ limit: 5 })).toEqual([changed(record, {})]);
    expect(await store.findByDigest(issued(SECRET), { signal })).toMatchObject({ id: record.id, generation: 2 });
    expect(await store.findByDigest(issued('none'), { signal })).toBeUndefined();
  });

  it.each(names)('is sent one statement for %s, with strings for all it names', async (name) => {
    const table = await engine.freshTable();
    const sent: { text: string; params: readonly unknown[] }[] = [];
    const query: SqlQuery = (text, params) => {
      sent.push({ text, params });
      return engine.database.query(text, params);
    };
    await operations[name]?.(sqlKeyStore({ query, table }));
    expect(sent).toHaveLength(1);
    const [{ text, params } = { text: '', params: [] }] = sent;
    expect(params.every((param) => typeof param === 'string')).toBe(true);
    expect(text).not.toContain(';');
    expect(text).not.toContain(SECRET);
    const named = new Set([...text.matchAll(/\$(\d+)(::text)?/g)].map(([, number, cast]) => `${number}${cast}`));
    expect([...named].sort()).toEqual(params.map((_, index) => `${index + 1}::text`));
  });

  it('is given the signal of a lookup', async () => {
    const given: unknown[] = [];
    const store = sqlKeyStore({
      query: async (_text, _params, options) => {
        given.push(options.signal);
        return [];
      },
    });
    await store.findByDigest(issued(SECRET), { signal });
    await store.get(record.id);
    expect(given).toEqual([signal, undefined]);
  });
});

it('a driver is a function', () => {
  const make = () => sqlKeyStore({ query: {} as unknown as SqlQuery });
  expect(make).toThrow(ConfigError);
  expect(make).toThrow('query must be a function');
});

describe('a driver that fails', () => {
  const failure = (code?: unknown) =>
    Object.assign(new Error(`duplicate key: (digest)=(${SECRET})`), {
      ...{ detail: SECRET, parameters: [SECRET], query: `select '${SECRET}'`, code },
    });
  const failing =
    (error: unknown): SqlQuery =>
    () =>
      Promise.reject(error);

  it.each(names)('says nothing of what was asked in %s', async (name) => {
    const wrapped = Object.assign(new Error(SECRET, { cause: failure('08006') }), { params: [SECRET] });
    const thrown: readonly unknown[] = [
      failure(),
      failure('57P01'),
      failure(SECRET),
      failure(7),
      wrapped,
      SECRET,
      undefined,
    ];
    for (const value of thrown) {
      const error = await errorOf(name, failing(value));
      expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(SECRET);
      expect(JSON.stringify(error)).not.toContain(SECRET);
    }
    const sync = await errorOf(name, () => {
      throw failure();
    });
    expect(inspect(sync, { depth: 10 })).not.toContain(SECRET);
  });

  it.each([
    [undefined, 'network', undefined],
    ['ECONNREFUSED', 'network', 'ECONNREFUSED'],
    ['EPIPE', 'network', 'EPIPE'],
    ['08006', 'network', '08006'],
    ['28P01', 'auth', '28P01'],
    ['42501', 'auth', '42501'],
    ['42P01', 'protocol', '42P01'],
    ['42703', 'protocol', '42703'],
    ['25006', 'unavailable', '25006'],
    ['40P01', 'unavailable', '40P01'],
    ['53300', 'unavailable', '53300'],
    ['57P03', 'unavailable', '57P03'],
    ['22003', 'protocol', '22003'],
    ['23502', 'protocol', '23502'],
    ['54000', 'protocol', '54000'],
    ['55P03', 'unavailable', '55P03'],
    ['58030', 'unavailable', '58030'],
    ['XX000', 'unavailable', 'XX000'],
    ['57P0', 'network', '57P0'],
    ['570000', 'network', '570000'],
    ['A'.repeat(32), 'network', 'A'.repeat(32)],
    ['A'.repeat(33), 'network', undefined],
    ['57P03\n', 'network', undefined],
    [' 57P03', 'network', undefined],
    ['', 'network', undefined],
    ['not a code', 'network', undefined],
  ])('is told apart by its code: %s', async (code, kind, cause) => {
    const error = await errorOf('get', failing(failure(code)));
    expect({ kind: error.kind, cause: error.cause }).toEqual({ kind, cause });
    expect('cause' in error).toBe(cause !== undefined);
    const wrapped = await errorOf('get', failing(new Error('wrapped', { cause: failure(code) })));
    expect(wrapped.kind).toBe(kind);
  });

  it('says in words what is the matter, and that a change may have been made', async () => {
    const tell = async (code: string) => {
      const { message, mayHaveRun } = await errorOf('get', failing(failure(code)));
      return { message, mayHaveRun };
    };
    expect(await tell('42P01')).toEqual({ message: 'The tables of API keys are missing', mayHaveRun: true });
    expect(await tell('57P01')).toEqual({ message: 'The database of API keys did not answer', mayHaveRun: true });
  });

  it('is told apart by the code of what it wraps, three layers deep', async () => {
    const wrapped = (layers: number): unknown =>
      layers === 0 ? failure('28P01') : { message: 'x', cause: wrapped(layers - 1) };
    expect((await errorOf('get', failing(wrapped(3)))).kind).toBe('auth');
    expect((await errorOf('get', failing(wrapped(4)))).kind).toBe('network');
  });

  it('has given up when the caller has', async () => {
    const controller = new AbortController();
    const query: SqlQuery = (_text, _params, options) =>
      new Promise((_, reject) => options.signal?.addEventListener('abort', () => reject(options.signal?.reason)));
    const asked = sqlKeyStore({ query }).findByDigest(issued(SECRET), { signal: controller.signal });
    controller.abort(new Error(SECRET));
    const error = await asked.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ kind: 'aborted', message: 'The answer of the database of API keys was given up' });
    expect(inspect(error, { depth: 10 })).not.toContain(SECRET);
  });

  it('with a digest or a generation taken in a race, has made no change', async () => {
    const taken = failing(failure('23505'));
    expect(await run('insert', taken)).toBe(false);
    expect(await run('replace', taken)).toBe(false);
    expect(await run('insert', failing(new Error('wrapped', { cause: failure('23505') })))).toBe(false);
    expect(await run('replace', failing(failure('40001')))).toBe(false);
    expect((await errorOf('insert', failing(failure('40001')))).kind).toBe('unavailable');
    expect((await errorOf('get', failing(failure('23505')))).kind).toBe('protocol');
  });
});

describe('a driver that answers something else', () => {
  const row = { record: JSON.stringify(record), status: 'active', digest: issued(SECRET).digest, made: '1' };
  const answers: readonly (readonly [what: string, answer: unknown])[] = [
    ['nothing', undefined],
    ['null', null],
    ['a text', SECRET],
    ['a number', 1],
    ['an object without rows', { rowCount: 1 }],
    ['rows that are none', { rows: { 0: row } }],
    ['rows of values', [[SECRET]]],
    ['a row that is nothing', [null]],
    ['a row without columns', [{}]],
    ['parsed columns', [{ ...row, record, made: 1 }]],
    ['columns of bytes', [{ ...row, record: new Uint8Array(3), made: true }]],
    ['a record of another kind', [{ ...row, record: `{"v":1,"id":"${SECRET}"}`, made: '2' }]],
    ['a status of another kind', [{ ...row, status: SECRET, made: SECRET }]],
  ];

  it.each(answers)('is an error in every operation: %s', async (_, answer) => {
    for (const name of names) {
      const error = await errorOf(name, (async () => answer) as unknown as SqlQuery);
      expect(error.kind).toBe('protocol');
      expect(inspect(error, { depth: 10 })).not.toContain(SECRET);
    }
  });

  it('has made no change that it does not tell of', async () => {
    for (const name of ['insert', 'replace']) {
      expect((await errorOf(name, async () => [])).message).toBe(
        'The change of an API key was answered by something else',
      );
    }
  });

  it('without the digest, is no answer to a lookup', async () => {
    const { digest: _digest, ...rest } = row;
    expect((await errorOf('findByDigest', async () => [rest])).kind).toBe('protocol');
  });
});
