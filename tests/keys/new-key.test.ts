import { describe, expect, it } from 'vitest';
import { createKeyFormat } from '../../lib/keys/key-format.ts';
import { checkNewKey, type NewKey, plainConfig } from '../../lib/keys/new-key.ts';

const NOW = 1_700_000_000_000;
const KEY = createKeyFormat('bw', 'live').generate();

const check = ({ expiresAt, ...key }: Partial<NewKey<unknown>>) =>
  checkNewKey({ owner: 'a', ...key }, expiresAt ?? null, NOW);

const nested = (levels: number): unknown => {
  let value: unknown = 'x';
  for (let level = 0; level < levels; level += 1) value = [value];
  return value;
};

describe('what a key may be issued with', () => {
  it.each<[string, Partial<NewKey<unknown>>]>([
    ['an owner of one character', { owner: 'a' }],
    ['an owner of 256', { owner: 'é'.repeat(256) }],
    ['a policy of one letter', { limits: { K: { limit: 1, windowMs: 1 } } }],
    ['a policy of 32 characters', { limits: { [`a${'-9'.repeat(15)}x`]: { limit: 1, windowMs: 1, burst: 1 } } }],
    ['a config nested 100 deep', { config: nested(100) }],
    ['an empty config', { config: { list: [], object: {} } }],
    ['no config', { config: undefined }],
    ['a config of null', { config: null }],
    ['one use a day', { dailyQuota: 1 }],
    ['1,000,000,000 uses a day', { dailyQuota: 1_000_000_000 }],
    ['a millisecond', { expiresAt: NOW + 1 }],
  ])('is %s', (_, key) => {
    expect(() => check(key)).not.toThrow();
  });

  it.each<[string, string, Partial<NewKey<unknown>>]>([
    ['owner', 'must have 1 to 256 characters', { owner: '' }],
    ['owner', 'must have 1 to 256 characters', { owner: 'a'.repeat(257) }],
    ['owner', 'must be well-formed Unicode', { owner: 'a\ud800' }],
    ['owner', 'must not hold an API key', { owner: `of ${KEY}` }],
    ['scopes', 'must be at most 64 names of letters, digits and _ : . * -', { scopes: ['a b'] }],
    ['limits', 'must be by names of policies', { limits: [] as never }],
    ['limits', 'must be by names of policies', { limits: { '': { limit: 1, windowMs: 1 } } }],
    ['limits', 'must be by names of policies', { limits: { '9a': { limit: 1, windowMs: 1 } } }],
    ['limits', 'must be by names of policies', { limits: { 'a.': { limit: 1, windowMs: 1 } } }],
    ['limits', 'must be by names of policies', { limits: { [`a${'b'.repeat(32)}`]: { limit: 1, windowMs: 1 } } }],
    ['limits', 'must be by names of policies', { limits: 5 as never }],
    ['limits.key', 'must be a quota', { limits: { key: 5 as never } }],
    [
      ...(['limits.key', 'has a limit that must be a whole number from 1 to 1000000000'] as const),
      { limits: { key: { limit: 0, windowMs: 1 } } },
    ],
    ['config', 'must be well-formed Unicode, nested at most 100 deep', { config: nested(101) }],
    ['config', 'must be well-formed Unicode, nested at most 100 deep', { config: { '\udfff': [] } }],
    [
      ...(['config', 'must be well-formed Unicode, nested at most 100 deep'] as const),
      { config: { sound: 'x', list: ['x', '\ud800'] } },
    ],
    ['config', 'must be plain JSON', { config: 1n }],
    ['config', 'must not hold an API key', { config: { a: [KEY] } }],
    ['dailyQuota', 'must be a whole number from 1 to 1000000000', { dailyQuota: 0 }],
    ['dailyQuota', 'must be a whole number from 1 to 1000000000', { dailyQuota: 1.5 }],
    ['dailyQuota', 'must be a whole number from 1 to 1000000000', { dailyQuota: 1_000_000_001 }],
    ['expiresAt', 'must be whole milliseconds in the future', { expiresAt: NOW }],
    ['expiresAt', 'must be whole milliseconds in the future', { expiresAt: NOW + 0.5 }],
  ])('is refused by a name and in words: %s %s', (setting, expectation, key) => {
    const message = `${setting} ${expectation}`;
    expect(() => check(key)).toThrow(expect.objectContaining({ code: 'CONFIG', setting, message }));
  });

  it('has of a config what JSON keeps of it, as a copy', () => {
    const config = { at: new Date(0), list: [1, undefined], none: undefined };
    const plain = plainConfig(config);
    expect(plain).toEqual({ at: '1970-01-01T00:00:00.000Z', list: [1, null] });
    config.list.push(2);
    expect(plain?.list).toHaveLength(2);
    for (const nothing of [undefined, null, () => 1]) expect(plainConfig(nothing)).toBeNull();
  });
});
