import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { boundPart, buildKey, KV_PREFIXES } from '../../lib/client/redis-keys.ts';

describe('a key built from parts', () => {
  it.each([
    [['ratelimit:', 'user', 'a:b'], 'ratelimit:user:a%3Ab'],
    [['ratelimit', 'user', 5], 'ratelimit:user:5'],
    [['', 'user'], 'user'],
    [['cache:'], 'cache:'],
    [['cache:', ''], 'cache:'],
    [['cache:', '', 'x'], 'cache::x'],
    [['p:', '*?[a]{b}\\'], 'p:%2A%3F%5Ba%5D%7Bb%7D%5C'],
    [['p:', 'a%3Ab'], 'p:a%253Ab'],
    [['p:', 'a b\t\r\n\0'], 'p:a%20b%09%0D%0A%00'],
    [['p:', '\x1f\x7f\x80'], 'p:%1F%7F%u80'],
    [['p:', '\u00a0\u2028\u0085'], 'p:%ua0%u2028%u85'],
    [['p:', '\ud800'], 'p:%ud800'],
    [['p:', 'grüße-🔑'], 'p:grüße-🔑'],
  ])('of %j is %s', ([prefix, ...parts], key) => {
    expect(buildKey(prefix as string, ...(parts as (string | number)[]))).toBe(key);
  });

  const part = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({
      unit: fc.constantFrom(':', '%', '3', 'A', 'u', '2', '0', '8', '5', '{', '}', '*', ' ', '\u0085', '\ud800'),
    }),
    fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) }),
  );

  it('is the key of these parts alone', () => {
    fc.assert(
      fc.property(fc.array(part, { minLength: 1 }), fc.array(part, { minLength: 1 }), (one, other) => {
        const same = one.length === other.length && one.every((text, index) => text === other[index]);
        expect(buildKey('p:', ...one) === buildKey('p:', ...other)).toBe(same);
      }),
      { numRuns: 3_000 },
    );
  });

  it('has no character in it with which a part could form a glob, a hash tag, a line or a further part', () => {
    fc.assert(
      fc.property(fc.array(part, { minLength: 1 }), (parts) => {
        const key = buildKey('p:', ...parts);
        expect(key).not.toMatch(/[{}*?[\]\\\s\p{Cc}]/u);
        expect(key.split(':')).toHaveLength(1 + parts.length);
        // Well-formed: UTF-8 does not change it.
        expect(new TextDecoder().decode(new TextEncoder().encode(key))).toBe(key);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('a part from an untrusted source', () => {
  it('is itself up to 128 characters and its digest beyond', async () => {
    const longest = 'x'.repeat(128);
    expect(await boundPart(longest)).toBe(longest);
    expect(await boundPart('')).toBe('');
    const bounded = await boundPart(`${longest}x`);
    expect(bounded).toMatch(/^sha256-[\w-]{43}$/);
  });

  it('cannot pose as the digest of another', async () => {
    const digest = await boundPart('x'.repeat(129));
    expect(await boundPart(digest)).not.toBe(digest);
  });

  it('keeps long ones apart', async () => {
    const tail = 'x'.repeat(1_000);
    expect(await boundPart(`a${tail}`)).not.toBe(await boundPart(`b${tail}`));
    expect(await boundPart(`a${tail}`)).toBe(await boundPart(`a${tail}`));
  });
});

describe('the table of prefixes', () => {
  it('has the names that applications import, each with its prefix, none of them twice', () => {
    const prefixes = Object.values(KV_PREFIXES);
    expect(new Set(prefixes).size).toBe(prefixes.length);
    expect(KV_PREFIXES).toEqual({
      AUTH: 'auth:',
      API_KEY: 'apikey:',
      RATE_LIMIT: 'ratelimit:',
      RATE_LIMIT_USER: 'ratelimit:user',
      RATE_LIMIT_ADMIN: 'ratelimit:admin',
      CACHE: 'cache:',
      CACHE_COMPANY: 'cache:company',
      CACHE_RESUME: 'cache:resume',
      CACHE_JOB: 'cache:job',
      CACHE_INTERVIEW: 'cache:interview',
      SESSION: 'session:',
      LOCK: 'lock:',
      DEDUP: 'dedup:',
      CODE: 'code:',
      LINK: 'link:',
      USAGE: 'usage:',
      ANALYTICS: 'analytics:',
      PUBSUB: 'pubsub:',
      EVENTS: 'events:',
      LEADERBOARD: 'leaderboard:',
      MIGRATION: 'migration:',
    });
  });
});
