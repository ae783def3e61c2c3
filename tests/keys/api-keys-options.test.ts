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

  const WHOLE = 'must be a whole number of at least 1';

  it.each<[keyof ApiKeysOptions, string, readonly number[], readonly number[]]>([
    ['freshMs', 'must be from 0 to 10000', [0, 10_000], [-1, 10_001, Number.NaN]],
    ['staleIfErrorMs', 'must be from 0 to 86400000', [0, 86_400_000], [-1, 86_400_001, Number.NaN]],
    ['negativeTtlMs', 'must be from 0 to 86400000', [0, 86_400_000], [-1, 86_400_001, Number.NaN]],
    ['entryTtlMs', WHOLE, [1], [0, 1.5, Number.POSITIVE_INFINITY]],
    ['maxKnownKeys', WHOLE, [1], [0, 1.5, Number.POSITIVE_INFINITY]],
    ['budgetMs', WHOLE, [1], [0, 1.5, Number.POSITIVE_INFINITY]],
  ])('have bounds that no configuration gets beyond: %s %s', (setting, expectation, good, bad) => {
    for (const value of good) expect(resolve({ [setting]: value })).toMatchObject({ [setting]: value });
    const message = `${setting} ${expectation}`;
    for (const value of bad) {
      expect(() => resolve({ [setting]: value })).toThrow(
        expect.objectContaining({ code: 'CONFIG', setting, message }),
      );
    }
  });
});

describe('the form of keys', () => {
  it('is, unless told otherwise, that of bw_live', () => {
    expect(resolve({}).format.generate()).toMatch(/^bw_live_/);
    expect(resolve({ prefix: 'acme', env: 'test' }).format.generate()).toMatch(/^acme_test_/);
  });

  it("is one's own, with what it shows of a key", () => {
    const own = { generate: () => 'sk_1', accepts: (text: string) => text.startsWith('sk_') };
    const { generate, accepts, display } = resolve({ format: own, prefix: 'acme' }).format;
    expect([generate(), accepts('sk_1'), accepts('acme_live_1'), display]).toEqual(['sk_1', true, false, undefined]);
    expect(accepts('sk_'.padEnd(512, 'x'))).toBe(true);
    expect(accepts('sk_'.padEnd(513, 'x'))).toBe(false);
    const shown = resolve({ format: { ...own, display: (key) => key.slice(0, 3) } }).format;
    expect(shown.display?.('sk_1')).toBe('sk_');
  });
});
