import { expect, it } from 'vitest';
import { ConfigError } from '../../lib/errors.ts';
import { functionKeySource } from '../../lib/keys/source/function-key-source.ts';
import { type FoundKey, isKeyStore } from '../../lib/keys/source/source.ts';
import { issued } from '../support/every-key-store.ts';

const { signal } = new AbortController();
const digest = issued('one');

/** A source whose function answers `value`, whatever its type. */
const answering = (value: unknown) => functionKeySource(async () => value as FoundKey);

it('passes digest and signal to the function, and its answer back', async () => {
  const asked: unknown[] = [];
  const key = { id: 'k', owner: 'acme', scopes: ['read'] };
  const source = functionKeySource(async (...given) => {
    asked.push(given);
    return key;
  });
  expect(await source.findByDigest(digest, { signal })).toBe(key);
  expect(asked).toEqual([[digest, { signal }]]);
  expect(isKeyStore(source)).toBe(false);
});

it.each([undefined, null])('takes %s for "there is no such key"', async (nothing) => {
  expect(await answering(nothing).findByDigest(digest, { signal })).toBeUndefined();
});

it.each([false, 0, '', 'k', 5, [], ['k'], {}, { id: undefined }, { id: 7 }, { id: '' }, { owner: 'acme' }, () => 5])(
  'takes %j for no answer at all',
  async (value) => {
    const error = await answering(value)
      .findByDigest(digest, { signal })
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      ...{ name: 'StoreError', kind: 'protocol' },
      message: 'The function that finds API keys has answered something else',
    });
  },
);

it('throws what the function throws, also before it has promised anything', async () => {
  const problem = new Error('away');
  const rejecting = functionKeySource(() => Promise.reject(problem));
  const throwing = functionKeySource(() => {
    throw problem;
  });
  for (const source of [rejecting, throwing]) {
    const asked = source.findByDigest(digest, { signal });
    await expect(asked).rejects.toBe(problem);
  }
});

it('is made of a function only', () => {
  const make = () => functionKeySource(undefined as unknown as () => Promise<undefined>);
  expect(make).toThrow(ConfigError);
  expect(make).toThrow('find must be a function');
});
