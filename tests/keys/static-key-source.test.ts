import { describe, expect, it, vi } from 'vitest';
import { ConfigError } from '../../lib/errors.ts';
import { isKeyStore, recordTextOf } from '../../lib/keys/source/source.ts';
import { parseStaticKeys, type StaticKey, staticKeySource } from '../../lib/keys/source/static-key-source.ts';
import { issued } from '../support/every-key-store.ts';

const SECRET = 'c2VjcmV0';
const { signal } = new AbortController();

const named = (name: string) => `k1:${issued(name).digest}`;
const key = (name: string, fields: Partial<StaticKey> = {}): StaticKey => ({
  ...{ id: name, owner: `owner of ${name}`, digest: named(name), ...fields },
});

const errorOf = (run: () => unknown): ConfigError => {
  try {
    run();
  } catch (error) {
    if (error instanceof ConfigError) return error;
  }
  throw new Error('This should have been refused');
};

describe('keys of the environment', () => {
  it('are found by their digest, under their pepper', async () => {
    const source = staticKeySource([key('one'), key('two'), key('three')]);
    expect(await source.findByDigest(issued('two'), { signal })).toEqual({
      ...{ id: 'two', owner: 'owner of two', digest: issued('two').digest, status: 'active' },
      ...{ scopes: [], limits: {}, config: null, dailyQuota: null, expiresAt: null },
    });
    expect(await source.findByDigest(issued('four'), { signal })).toBeUndefined();
    expect(await source.findByDigest({ ...issued('two'), kid: 'k2' }, { signal })).toBeUndefined();
    expect(await source.findByDigest({ kid: '', digest: named('two') }, { signal })).toBeUndefined();
    expect(isKeyStore(source)).toBe(false);
  });

  it('have all that they were given, as the cache takes it', async () => {
    const fields = {
      ...{ scopes: ['read', 'write:*'], limits: { key: { limit: 5, windowMs: 60_000 } }, config: { plan: 'gold' } },
      ...{ expiresAt: 1_000, dailyQuota: 7 },
    };
    const source = staticKeySource([key('one', fields), key('two', { status: 'revoked' })]);
    const [one, two] = await Promise.all(['one', 'two'].map((name) => source.findByDigest(issued(name), { signal })));
    expect(one).toMatchObject(fields);
    expect(JSON.parse((one && recordTextOf(one, 'k1')) ?? '')).toMatchObject({
      v: 1,
      status: 'active',
      id: 'one',
      ...fields,
    });
    expect(JSON.parse((two && recordTextOf(two, 'k1')) ?? '')).toEqual({
      v: 1,
      status: 'revoked',
      id: 'two',
      generation: 1,
    });
  });

  it('may be two of one client, while it changes them', async () => {
    const source = staticKeySource([key('old', { id: 'ci', expiresAt: 5 }), key('new', { id: 'ci' })]);
    const found = await Promise.all(['old', 'new'].map((name) => source.findByDigest(issued(name), { signal })));
    expect(found.map((one) => [one?.id, one?.expiresAt])).toEqual([
      ['ci', 5],
      ['ci', null],
    ]);
  });

  it('may be none, and are 1,000 at most', async () => {
    const keys = Array.from({ length: 1_001 }, (_, index) => key(`k${index}`));
    expect(await staticKeySource([]).findByDigest(issued('k0'), { signal })).toBeUndefined();
    const most = staticKeySource(keys.slice(1));
    expect((await most.findByDigest(issued('k1000'), { signal }))?.id).toBe('k1000');
    expect(errorOf(() => staticKeySource(keys)).message).toBe('keys must have at most 1000 entries');
  });
});

describe('a malformed entry', () => {
  const malformed: readonly (readonly [at: string, entry: unknown])[] = [
    ['', SECRET],
    ['', null],
    ['', [SECRET]],
    ['', { ...key('x'), key: SECRET }],
    ['', { ...key('x'), expires_at: 5 }],
    ['', JSON.parse(`{"__proto__":"${SECRET}"}`)],
    ['.id', { owner: SECRET, digest: named('x') }],
    ['.id', key('x', { id: '' })],
    ['.id', key('x', { id: `${SECRET} ` })],
    ['.id', key('x', { id: SECRET.repeat(9) })],
    ['.digest', { id: 'x', owner: SECRET }],
    ['.digest', key('x', { digest: issued(SECRET).digest })],
    ['.digest', key('x', { digest: `${named(SECRET)}a` })],
    ['.digest', key('x', { digest: `bw_live_${SECRET}:${issued('x').digest}` })],
    ['.digest', key('x', { digest: `${named('x')}\n` })],
    ['.owner', { id: 'x', digest: named('x'), owner: 5 }],
    ['.owner', key('x', { owner: '' })],
    ['.owner', key('x', { owner: `\ud800${SECRET}` })],
    ['.scopes', { ...key('x'), scopes: SECRET }],
    ['.scopes', { ...key('x'), scopes: [5] }],
    ['.scopes', key('x', { scopes: [`${SECRET} b`] })],
    ['.limits', { ...key('x'), limits: [] }],
    ['.limits', { ...key('x'), limits: { [SECRET]: null } }],
    ['.limits', { ...key('x'), limits: { [SECRET]: { limit: 'x', windowMs: 5 } } }],
    ['.limits', { ...key('x'), limits: JSON.parse('{"__proto__":{"limit":1,"windowMs":1}}') }],
    ['.config', key('x', { config: `\ud800${SECRET}` })],
    ['.expiresAt', { ...key('x'), expiresAt: SECRET }],
    ['.expiresAt', key('x', { expiresAt: 1.5 })],
    ['.status', { ...key('x'), status: SECRET }],
  ];

  it.each(malformed)('is named by its position, and not quoted, here%s: %j', (at, entry) => {
    const entries = [key('first'), key('second'), entry];
    const here = errorOf(() => staticKeySource(entries as StaticKey[]));
    expect(here.setting).toBe('keys');
    expect(here.message).toMatch(new RegExp(`^keys at \\[2\\]${at.replace('.', '\\.')} (?:must|has) `));
    const there = errorOf(() => parseStaticKeys(JSON.stringify(entries)));
    expect(there.setting).toBe('BREAKWATER_STATIC_KEYS');
    expect(there.message).toBe(here.message.replace('keys', 'BREAKWATER_STATIC_KEYS'));
    for (const error of [here, there]) {
      expect(`${error.stack}${JSON.stringify(error)}`).not.toContain(SECRET);
      expect(error.cause).toBeUndefined();
    }
  });

  it.each([
    ['must be an object', null],
    [
      'must have no fields but id, owner, digest, scopes, limits, config, dailyQuota, expiresAt, status',
      { ...key('x'), key: 1 },
    ],
    ['id must be 1 to 64 letters, digits and _ : . -', key('x', { id: '' })],
    ['digest must be a kid, a colon, and 43 characters of base64url', key('x', { digest: '' })],
    ['digest must be a kid, a colon, and 43 characters of base64url', key('x', { digest: named('x').slice(2) })],
    [
      'digest must be a kid, a colon, and 43 characters of base64url',
      key('x', { digest: `${'k'.repeat(17)}:${issued('x').digest}` }),
    ],
    ['owner must be a string', { ...key('x'), owner: null }],
    ['scopes must be a list of strings', { ...key('x'), scopes: {} }],
    ['scopes must be a list of strings', { ...key('x'), scopes: ['a', 5] }],
    ['limits must be quotas by names of policies', { ...key('x'), limits: 'x' }],
    ['limits must be quotas by names of policies', { ...key('x'), limits: { a: { limit: 1, windowMs: 1 }, b: 5 } }],
    ['expiresAt must be whole Unix milliseconds, or null', { ...key('x'), expiresAt: '1' }],
    ["status must be 'active' or 'revoked'", { ...key('x'), status: '' }],
    ['dailyQuota must be a number, or null', { ...key('x'), dailyQuota: '5' }],
    ['dailyQuota must be a whole number from 1 to 1000000000', key('x', { dailyQuota: 0 })],
    ['owner must have 1 to 256 characters', key('x', { owner: '' })],
    ['config must be well-formed Unicode, nested at most 100 deep', key('x', { config: '\ud800' })],
  ])('is told of in words: %s', (words, entry) => {
    const { message } = errorOf(() => staticKeySource([entry as StaticKey]));
    expect(message.replace('keys at [0].', '').replace('keys at [0] ', '')).toBe(words);
  });

  it('is none at its bounds', () => {
    const digest = `${'K'.repeat(16)}:${issued('x').digest}`;
    const entry = key('x', { id: 'a_:.-'.padEnd(64, '9'), digest, dailyQuota: 1, expiresAt: -1, config: null });
    for (const one of [entry, { ...entry, dailyQuota: null, expiresAt: null, status: 'revoked' as const }]) {
      expect(() => staticKeySource([one])).not.toThrow();
    }
  });

  it('is one with the digest of another', () => {
    const error = errorOf(() => staticKeySource([key('one'), key('two'), key('three', { digest: named('one') })]));
    expect(error.message).toBe('keys at [2].digest must not be that of [0]');
  });

  it('is one with a payload that JSON cannot hold', () => {
    const cyclic: { self?: unknown } = {};
    cyclic.self = cyclic;
    for (const config of [1n, cyclic]) {
      expect(errorOf(() => staticKeySource([key('one', { config })])).message).toBe(
        'keys at [0].config must be plain JSON',
      );
    }
  });
});

describe('the variable', () => {
  it('has the keys as JSON', async () => {
    const keys = [
      key('one', { scopes: ['read'], config: { plan: 1 } }),
      key('two', { expiresAt: 5, status: 'revoked' }),
    ];
    expect(parseStaticKeys(JSON.stringify(keys))).toEqual(keys);
    const source = staticKeySource(parseStaticKeys(JSON.stringify(keys)));
    expect((await source.findByDigest(issued('one'), { signal }))?.scopes).toEqual(['read']);
    expect(parseStaticKeys('[]')).toEqual([]);
  });

  it.each(['', SECRET, `[{"id":"${SECRET}"`, `"${SECRET}"`, '{}', 'null', '5'])(
    'is not quoted when it is %j',
    (text) => {
      const error = errorOf(() => parseStaticKeys(text));
      expect(error.setting).toBe('BREAKWATER_STATIC_KEYS');
      const isJson = ['{}', 'null', '5', `"${SECRET}"`].includes(text);
      expect(error.message).toBe(`BREAKWATER_STATIC_KEYS must be ${isJson ? 'a list of keys' : 'JSON'}`);
      expect(error.stack).not.toContain(SECRET);
      expect(error.cause).toBeUndefined();
    },
  );

  it('is measured before it is read', () => {
    const fits = `[${' '.repeat(262_142)}]`;
    expect(parseStaticKeys(fits)).toEqual([]);
    const parse = vi.spyOn(JSON, 'parse');
    const error = errorOf(() => parseStaticKeys(`${fits} `));
    expect(error.message).toBe('BREAKWATER_STATIC_KEYS must have at most 262144 characters');
    expect(parse).not.toHaveBeenCalled();
    parse.mockRestore();
  });
});
