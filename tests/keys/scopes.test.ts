import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkScopes, coversScopes } from '../../lib/keys/scopes.ts';

describe('a granted scope', () => {
  it.each<[granted: string, wanted: string, covered: boolean]>([
    ['admin', 'admin', true],
    ['admin', 'Admin', false],
    ['admin', 'administrator', false],
    ['admin', 'admin:read', false],
    ['*', 'anything:at:all', true],
    ['*', '*', true],
    ['keys:*', 'keys:read', true],
    ['keys:*', 'keys:read:all', true],
    ['keys:*', 'keys:*', true],
    ['keys:*', 'keys', false],
    ['keys:*', 'keys:', false],
    ['keys:*', 'keysx:read', false],
    ['keys:*', '*', false],
    ['keys:read:*', 'keys:read', false],
    ['keys:read', 'keys:*', false],
    ['keys', 'keys:read', false],
    ['keys*', 'keys:read', false],
    ['keys*', 'keysx', false],
    ['keys.*', 'keys.read', false],
    ['*:read', 'keys:read', false],
    ['k.ys:*', 'keys:read', false],
    [':*', ':x', true],
    [':*', 'x', false],
    ['', '', true],
    ['', 'x', false],
  ])('%s and the wanted %s: %s', (granted, wanted, covered) => {
    expect(coversScopes([granted], [wanted])).toBe(covered);
  });
});

describe('scopes', () => {
  it('have to cover all that is wanted, each by any of them', () => {
    expect(coversScopes(['a', 'keys:*'], ['keys:read', 'a'])).toBe(true);
    expect(coversScopes(['a', 'keys:*'], ['keys:read', 'b'])).toBe(false);
    expect(coversScopes([], ['a'])).toBe(false);
    expect(coversScopes([], [])).toBe(true);
  });

  it('never cover less for being more, and always themselves', () => {
    const scope = fc.stringMatching(/^[ab:*]{1,5}$/);
    fc.assert(
      fc.property(fc.array(scope), fc.array(scope), fc.array(scope), (one, more, wanted) => {
        expect(coversScopes([...more, ...one], one)).toBe(true);
        if (coversScopes(one, wanted)) expect(coversScopes([...one, ...more], wanted)).toBe(true);
      }),
    );
  });

  it('are names that a key can be given', () => {
    expect(() => checkScopes('scopes', ['a', 'A:b.c-d_9*', 'x'.repeat(64)])).not.toThrow();
    for (const wrong of ['', ' ', 'a b', 'é', 'a\n', '"', 'x'.repeat(65)]) {
      expect(() => checkScopes('scopes', ['a', wrong])).toThrow(
        expect.objectContaining({ code: 'CONFIG', setting: 'scopes' }),
      );
    }
  });

  it('are 64 at most, in a list', () => {
    const names = Array.from({ length: 65 }, (_, index) => `s${index}`);
    const message = 'wanted must be at most 64 names of letters, digits and _ : . * -';
    for (const good of [[], names.slice(1)]) expect(() => checkScopes('wanted', good)).not.toThrow();
    for (const wrong of [names, 'read', { length: 0 }, [5]]) {
      expect(() => checkScopes('wanted', wrong as string[])).toThrow(expect.objectContaining({ message }));
    }
  });
});
