import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../lib/errors.ts';
import { type AccessListOptions, createAccessLists, joinAccessLists } from '../../lib/guard/access-lists.ts';
import { createClientIp } from '../../lib/guard/client-ip.ts';
import { cidrContains, parseCidr, parseIp } from '../../lib/guard/ip-address.ts';

const cloudflare = createClientIp({ source: 'cloudflare' });
const headers = (ip: string) => new Headers({ 'cf-connecting-ip': ip });
const said = (options: AccessListOptions, ip: string) => createAccessLists(options).ofClient(headers(ip), cloudflare);

describe('the lists of addresses', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1', 'deny'],
    ['192.0.2.1', '192.0.2.2', undefined],
    ['192.0.2.0/24', '192.0.2.255', 'deny'],
    ['192.0.2.0/24', '192.0.3.0', undefined],
    ['192.0.2.77/24', '192.0.2.1', 'deny'],
    ['0.0.0.0/0', '198.51.100.1', 'deny'],
    ['0.0.0.0/0', '2001:db8::1', undefined],
    ['::/0', '198.51.100.1', undefined],
    ['192.0.2.0/24', '::ffff:192.0.2.1', 'deny'],
    ['::ffff:192.0.2.0/120', '192.0.2.1', 'deny'],
    ['2001:db8::/32', '2001:db8:ffff::1', 'deny'],
    ['2001:db8::1', '2001:db8::1', 'deny'],
    // Neighbours in one /64 share an account, and are told apart here all the same.
    ['2001:db8::1', '2001:db8::2', undefined],
    ['192.0.2.1', '[::ffff:192.0.2.1]:443', 'deny'],
  ])('%s and the client %s: %s', (entry, client, expected) => {
    expect(said({ deny: [entry] }, client)).toBe(expected);
    expect(said({ allow: [entry] }, client)).toBe(expected && 'allow');
  });

  it('deny what they allow as well', () => {
    expect(said({ allow: ['192.0.2.1'], deny: ['192.0.2.0/24'] }, '192.0.2.1')).toBe('deny');
    expect(createAccessLists({ allow: [KEY], deny: [KEY] }).ofKey(KEY)).toBe('deny');
  });

  it('know no client without a trustworthy address, and do not look for one where no entry wants it', () => {
    for (const ip of ['', 'nobody', '192.0.2.1, 192.0.2.2']) {
      expect(said({ deny: ['0.0.0.0/0'] }, ip)).toBe('unknown');
      expect(said({ deny: [KEY] }, ip)).toBeUndefined();
    }
  });

  it('hold a block that a client is known by only when they hold all of it', () => {
    const lists = createAccessLists({ deny: ['2001:db8:1::/48', '2001:db8:2::1', '192.0.2.1'] });
    const client = (text: string | undefined) => lists.ofClient(new Headers(), () => text);
    expect(
      ['2001:db8:1:7::/64', '2001:db8:2::/64', '192.0.2.1', '192.0.2.0/24', 'x', '', undefined].map(client),
    ).toEqual(['deny', undefined, 'deny', undefined, 'unknown', 'unknown', 'unknown']);
  });

  it('agree with comparing every entry, however many there are', () => {
    const address = fc.oneof(fc.ipV4(), fc.ipV6());
    const entry = fc.tuple(address, fc.nat(128)).map(([text, prefix]) => {
      const width = text.includes(':') && parseIp(text)?.version === 6 ? 128 : 32;
      return parseIp(text)?.version === 4 && text.includes(':') ? text : `${text}/${prefix % (width + 1)}`;
    });
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 30 }), address, (deny, client) => {
        const ip = parseIp(client);
        const holds = deny.some((text) => {
          const block = parseCidr(text);
          return block && ip && cidrContains(block, ip);
        });
        expect(said({ deny }, client)).toBe(holds ? 'deny' : undefined);
      }),
    );
  });

  it('look once per length of prefix: ten thousand entries are as quick as one', () => {
    const deny = Array.from({ length: 10_000 }, (_, index) => `10.${index >> 8}.${index & 255}.0/24`);
    const lists = createAccessLists({ deny });
    const ask = (ip: string) => lists.ofClient(headers(ip), cloudflare);
    const startedAt = performance.now();
    for (let turn = 0; turn < 10_000; turn += 1) ask(`11.0.${turn >> 8}.${turn & 255}`);
    expect(ask('10.39.15.7')).toBe('deny');
    // Comparing each with each would be 100 million comparisons.
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });
});

const KEY = 'key_AbCdEf0123456789';

describe('the lists of keys', () => {
  it('know keys by their ids', () => {
    const lists = createAccessLists({ deny: [KEY], allow: ['key_9876543210fEdCbA'] });
    expect([KEY, 'key_9876543210fEdCbA', 'key_0000000000000000'].map(lists.ofKey)).toEqual([
      'deny',
      'allow',
      undefined,
    ]);
    expect([lists.hasKeys, createAccessLists({ deny: ['::1'] }).hasKeys]).toEqual([true, false]);
  });
});

describe('the options of the lists', () => {
  const settingOf = (options: unknown): string => {
    try {
      createAccessLists(options as AccessListOptions);
    } catch (error) {
      if (error instanceof ConfigError) return error.message;
      throw error;
    }
    return 'accepted';
  };

  it('name the list and the place of what is no entry, and not the entry', () => {
    const flaw = 'must hold addresses, blocks and key ids only; entry 2 is none';
    expect(settingOf({ deny: ['192.0.2.1', 'secret'] })).toBe(`lists.deny ${flaw}`);
    expect(settingOf({ allow: [KEY, ' 192.0.2.1'] })).toBe(`lists.allow ${flaw}`);
    expect(settingOf({ allow: [KEY, 7] })).toBe(`lists.allow ${flaw}`);
    expect(settingOf({ allow: '192.0.2.1' })).toMatch(/^lists\.allow must be a list of at most 10000/);
    expect(settingOf({ allow: new Array(10_001).fill(KEY) })).toMatch(/^lists\.allow must be a list of at most 10000/);
  });

  it('may be left out', () => {
    for (const options of [undefined, {}, { allow: undefined }, { allow: [], deny: [] }]) {
      expect(settingOf(options)).toBe('accepted');
      expect(createAccessLists(options).ofClient(headers('192.0.2.1'), cloudflare)).toBeUndefined();
    }
  });

  it('are joined', () => {
    expect(joinAccessLists({ allow: ['192.0.2.1'] }, { allow: [KEY], deny: ['::1'] })).toEqual({
      allow: ['192.0.2.1', KEY],
      deny: ['::1'],
    });
    expect(joinAccessLists({})).toEqual({ allow: [], deny: [] });
  });
});
