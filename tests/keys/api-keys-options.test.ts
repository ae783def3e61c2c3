import { describe, expect, it } from 'vitest';
import { type ApiKeysOptions, resolveApiKeysOptions } from '../../lib/keys/api-keys-options.ts';
import { keyWorld } from '../support/key-world.ts';

const resolve = (options: Partial<ApiKeysOptions>) =>
  resolveApiKeysOptions({ kv: keyWorld('kv').start().kv, ...options });

describe('the times of API keys', () => {
  it('are, unless told otherwise, those that the published bounds are made of', () => {
    expect(resolve({})).toMatchObject({
      ...{ freshMs: 10_000, entryTtlMs: 300_000, staleIfErrorMs: 300_000, negativeTtlMs: 30_000, budgetMs: 1_500 },
      ...{ maxKnownKeys: 10_000, countUsage: true },
    });
  });

  it.each<[keyof ApiKeysOptions, readonly number[], readonly number[]]>([
    ['freshMs', [0, 10_000], [-1, 10_001, Number.NaN]],
    ['staleIfErrorMs', [0, 86_400_000], [-1, 86_400_001, Number.NaN]],
    ['negativeTtlMs', [0, 86_400_000], [-1, 86_400_001, Number.NaN]],
    ['entryTtlMs', [1], [0, 1.5, Number.POSITIVE_INFINITY]],
    ['maxKnownKeys', [1], [0, 1.5, Number.POSITIVE_INFINITY]],
    ['budgetMs', [1], [0, 1.5, Number.POSITIVE_INFINITY]],
  ])('have bounds that no configuration gets beyond: %s', (setting, good, bad) => {
    for (const value of good) expect(resolve({ [setting]: value })).toMatchObject({ [setting]: value });
    for (const value of bad) {
      expect(() => resolve({ [setting]: value })).toThrow(expect.objectContaining({ code: 'CONFIG', setting }));
    }
  });
});
