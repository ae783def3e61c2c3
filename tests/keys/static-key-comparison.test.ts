import { expect, it, vi } from 'vitest';
import { constantTimeEqual } from '../../lib/client/crypto.ts';
import { type StaticKey, staticKeySource } from '../../lib/keys/source/static-key-source.ts';
import { issued } from '../support/every-key-store.ts';

// Watched, not replaced: that every key is compared shows in no answer.
vi.mock('../../lib/client/crypto.ts', async (original) => {
  const actual = await original<typeof import('../../lib/client/crypto.ts')>();
  return { ...actual, constantTimeEqual: vi.fn(actual.constantTimeEqual) };
});

const { signal } = new AbortController();
const named = (name: string) => `k1:${issued(name).digest}`;

it.each(['k0', 'k5', 'k9', 'none'])('keys of the environment are all compared, whichever it is: %s', async (name) => {
  const keys = Array.from(
    { length: 10 },
    (_, at): StaticKey => ({ id: `k${at}`, owner: 'acme', digest: named(`k${at}`) }),
  );
  const source = staticKeySource(keys);
  vi.mocked(constantTimeEqual).mockClear();
  const found = await source.findByDigest(issued(name), { signal });
  expect(found?.id).toBe(name === 'none' ? undefined : name);
  expect(vi.mocked(constantTimeEqual).mock.calls).toEqual(keys.map(({ digest }) => [digest, named(name)]));
});
