import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../lib/errors.ts';
import { type ClientIpSource, createClientIp, forwardedHops } from '../../lib/guard/client-ip.ts';
import { cidrContains, formatIp, type IpAddress, parseCidr, parseIp } from '../../lib/guard/ip-address.ts';

const canonical = (text: string): string | undefined => {
  const ip = parseIp(text);
  return ip && formatIp(ip);
};

const cidr = (text: string) => {
  const parsed = parseCidr(text);
  if (parsed === undefined) throw new Error(`not a block: ${text}`);
  return parsed;
};

const contains = (block: string, address: string): boolean => {
  const ip = parseIp(address);
  if (ip === undefined) throw new Error(`not an address: ${address}`);
  return cidrContains(cidr(block), ip);
};

const settingOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof ConfigError) return error.setting;
    throw error;
  }
  return 'accepted';
};

const groups = fc
  .array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), { minLength: 8, maxLength: 8 })
  // Mapped addresses are IPv4 and have their own tests.
  .filter((list) => !(list.slice(0, 5).every((group) => group === 0) && list[5] === 0xffff));

/** All eight groups in full, the way nothing has to be left out: what Node's URL parser canonicalises. */
const longForm = (list: readonly number[], pad: number, upper: boolean): string => {
  const text = list.map((group) => group.toString(16).padStart(pad, '0')).join(':');
  return upper ? text.toUpperCase() : text;
};

describe('parseIp', () => {
  it.each([
    ['0.0.0.0', '0.0.0.0'],
    ['255.255.255.255', '255.255.255.255'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['2001:DB8::A', '2001:db8::a'],
    ['2001:0db8:0000:0000:0001:0000:0000:0001', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ['1:2:3:4:5:6:1.2.3.4', '1:2:3:4:5:6:102:304'],
    ['ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:C000:0201', '192.0.2.1'],
    ['0:0:0:0:0:ffff:192.0.2.1', '192.0.2.1'],
    ['::192.0.2.1', '::c000:201'],
  ])('reads %s as %s', (text, expected) => {
    expect(canonical(text)).toBe(expected);
  });

  it.each([
    '',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.256',
    '01.2.3.4',
    '1.2.3.04',
    '0x1.2.3.4',
    '16909060',
    '1.2.3.',
    '1..3.4',
    '+1.2.3.4',
    '1.2.3.4 ',
    '1.2.3.٤',
    ':',
    ':::',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4::5:6:7:8',
    '1::2::3',
    ':1::2',
    '1::2:',
    '12345::',
    'g::',
    '::1.2.3',
    '::1.2.3.4:5',
    '1.2.3.4::',
    '1:2:3:4:5:6:7:1.2.3.4',
    'fe80::1%eth0',
    '[::1]',
    '::1/64',
    '1.2.3.4\0',
    '::\0',
    `${'0'.repeat(64)}::1`,
  ])('refuses %j', (text) => {
    expect(parseIp(text)).toBeUndefined();
  });

  it('reads every IPv4 address and writes it back unchanged', () => {
    fc.assert(
      fc.property(fc.ipV4(), (text) => {
        expect(canonical(text)).toBe(text);
      }),
    );
  });

  it('accepts every IPv6 form that a generator knows, and canonicalising twice changes nothing', () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const once = canonical(text);
        expect(once).toBeDefined();
        expect(canonical(once ?? '')).toBe(once);
      }),
    );
  });

  it('gives all spellings of one address the same text, which is the one of the WHATWG URL parser', () => {
    fc.assert(
      fc.property(groups, fc.integer({ min: 1, max: 4 }), fc.boolean(), (list, pad, upper) => {
        const expected = new URL(`http://[${longForm(list, 4, false)}]/`).hostname.slice(1, -1);
        const text = canonical(longForm(list, pad, upper));
        expect(text).toBe(expected);
        const dotted = [6, 7].map((index) => list[index] ?? 0).flatMap((group) => [group >> 8, group & 0xff]);
        expect(canonical(`${longForm(list.slice(0, 6), pad, upper)}:${dotted.join('.')}`)).toBe(expected);
      }),
    );
  });

  it('unwraps every mapped address, dotted or in hex', () => {
    fc.assert(
      fc.property(fc.ipV4(), (text) => {
        const hex = text.split('.').map((octet) => Number(octet).toString(16).padStart(2, '0'));
        expect(canonical(`::ffff:${text}`)).toBe(text);
        expect(canonical(`0:0:0:0:0:FFFF:${hex.slice(0, 2).join('')}:${hex.slice(2).join('')}`)).toBe(text);
      }),
    );
  });
});

describe('parseCidr', () => {
  it.each([
    ['10.0.0.0/8', '10.0.0.0', 8],
    ['10.1.2.3/8', '10.0.0.0', 8],
    ['192.0.2.129/25', '192.0.2.128', 25],
    ['192.0.2.1', '192.0.2.1', 32],
    ['0.0.0.0/0', '0.0.0.0', 0],
    ['2001:db8:ffff::/33', '2001:db8:8000::', 33],
    ['::1', '::1', 128],
    ['::/0', '::', 0],
    ['::ffff:10.0.0.0/104', '10.0.0.0', 8],
    ['::ffff:10.0.0.1', '10.0.0.1', 32],
    ['::ffff:0:0/96', '0.0.0.0', 0],
  ])('reads %s as %s with %d bits', (text, address, prefixLength) => {
    const block = cidr(text);
    expect([formatIp(block.address), block.prefixLength]).toEqual([address, prefixLength]);
  });

  it.each([
    '',
    '/8',
    '10.0.0.0/',
    '10.0.0.0/33',
    '10.0.0.0/08',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '10.0.0.0/1e1',
    '10.0.0/8',
    '::/129',
    '::ffff:10.0.0.0/95',
    '10.0.0.0/255.0.0.0',
    'fe80::%1/10',
  ])('refuses %j', (text) => {
    expect(parseCidr(text)).toBeUndefined();
  });

  it('holds its first and last address and not the ones beside them', () => {
    expect(contains('192.0.2.64/26', '192.0.2.64')).toBe(true);
    expect(contains('192.0.2.64/26', '192.0.2.127')).toBe(true);
    expect(contains('192.0.2.64/26', '192.0.2.63')).toBe(false);
    expect(contains('192.0.2.64/26', '192.0.2.128')).toBe(false);
    expect(contains('2001:db8:8000::/33', '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff')).toBe(true);
    expect(contains('2001:db8:8000::/33', '2001:db8:7fff:ffff:ffff:ffff:ffff:ffff')).toBe(false);
  });

  it('knows a mapped address as the IPv4 address that it is', () => {
    expect(contains('10.0.0.0/8', '::ffff:10.9.9.9')).toBe(true);
    expect(contains('::ffff:10.0.0.0/104', '10.9.9.9')).toBe(true);
  });

  it('keeps the versions apart: the whole of IPv6 holds no IPv4 address', () => {
    expect(contains('::/0', '192.0.2.1')).toBe(false);
    expect(contains('0.0.0.0/0', '2001:db8::1')).toBe(false);
  });

  it('agrees with comparing the leading bits one by one', () => {
    const bits = (ip: IpAddress): string => ip.bytes.map((byte) => byte.toString(2).padStart(8, '0')).join('');
    const flip = (ip: IpAddress, bit: number): IpAddress => ({
      version: ip.version,
      bytes: ip.bytes.map((byte, index) => (index === bit >> 3 ? byte ^ (0x80 >> (bit & 7)) : byte)),
    });
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.nat(128), fc.nat(127), (text, prefix, bit) => {
        const ip = parseIp(text);
        if (ip === undefined) return;
        const width = ip.bytes.length * 8;
        const block = cidr(`${formatIp(ip)}/${prefix % (width + 1)}`);
        const other = flip(ip, bit % width);
        expect(cidrContains(block, ip)).toBe(true);
        const sameStart = bits(other).slice(0, block.prefixLength) === bits(ip).slice(0, block.prefixLength);
        expect(cidrContains(block, other)).toBe(sameStart);
      }),
    );
  });
});

describe('createClientIp on a platform', () => {
  const vercel = createClientIp({ source: 'vercel' });
  const cloudflare = createClientIp({ source: 'cloudflare' });

  it('takes x-real-ip on Vercel before x-vercel-forwarded-for', () => {
    expect(vercel(new Headers({ 'x-real-ip': '192.0.2.1', 'x-vercel-forwarded-for': '192.0.2.2' }))).toBe('192.0.2.1');
    expect(vercel(new Headers({ 'x-vercel-forwarded-for': '192.0.2.2' }))).toBe('192.0.2.2');
    expect(vercel(new Headers({ 'x-real-ip': '', 'x-vercel-forwarded-for': '192.0.2.2' }))).toBe('192.0.2.2');
  });

  it('takes cf-connecting-ip on Cloudflare', () => {
    expect(cloudflare(new Headers({ 'cf-connecting-ip': '2001:db8:1:2:3::4' }))).toBe('2001:db8:1:2::/64');
  });

  it('ignores every header that the platform does not write', () => {
    const spoofed = new Headers({
      'x-forwarded-for': '192.0.2.1',
      'true-client-ip': '192.0.2.1',
      'x-client-ip': '192.0.2.1',
      forwarded: 'for=192.0.2.1',
    });
    const others = new Headers(spoofed);
    others.set('x-real-ip', '192.0.2.1');
    expect(vercel(spoofed)).toBeUndefined();
    expect(cloudflare(others)).toBeUndefined();
    expect(
      createClientIp({ source: { trustedProxies: [] } })(new Headers({ 'x-real-ip': '192.0.2.1' })),
    ).toBeUndefined();
  });

  it('finds no address where there is none, and does not make one up', () => {
    expect(vercel(new Headers())).toBeUndefined();
    expect(cloudflare(new Headers())).toBeUndefined();
  });

  it('refuses a single-valued header that was sent twice', () => {
    const headers = new Headers({ 'x-real-ip': '192.0.2.1' });
    headers.append('x-real-ip', '192.0.2.2');
    expect(vercel(headers)).toBeUndefined();
  });

  it.each([
    ['192.0.2.1:4711', '192.0.2.1'],
    ['[2001:db8::1]:4711', '2001:db8::/64'],
    ['[2001:db8::1]', '2001:db8::/64'],
    ['[::ffff:192.0.2.1]:65535', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['\t 192.0.2.1 \t', '192.0.2.1'],
  ])('reads %j as %s', (text, expected) => {
    expect(vercel(new Headers({ 'x-real-ip': text }))).toBe(expected);
  });

  it.each([
    '192.0.2.1:',
    '192.0.2.1:65536',
    '192.0.2.1:0x50',
    '192.0.2.1:80:80',
    '[192.0.2.1]:80',
    '[::1',
    '::1]',
    '[::1]80',
    '[::1]:',
    '[::1]]',
    '[]',
    '[fe80::1%25eth0]:80',
    'fe80::1%eth0',
    'unknown',
    '_hidden',
    '"192.0.2.1"',
    '192.0.2.1 192.0.2.2',
    'localhost',
    ':80',
    ':',
  ])('finds no address in %j', (text) => {
    expect(vercel(new Headers({ 'x-real-ip': text }))).toBeUndefined();
  });
});

describe('createClientIp behind trusted proxies', () => {
  const behind = (...trustedProxies: string[]) => createClientIp({ source: { trustedProxies } });
  const forwarded = (value: string) => new Headers({ 'x-forwarded-for': value });

  it('takes the right-most entry that is not a proxy of ours', () => {
    const clientIp = behind('10.0.0.0/8', '2001:db8:ffff::/48');
    expect(clientIp(forwarded('203.0.113.7, 10.0.0.2'))).toBe('203.0.113.7');
    expect(clientIp(forwarded('203.0.113.7, 2001:db8:ffff::2, 10.0.0.2:443'))).toBe('203.0.113.7');
  });

  it('never believes what stands left of the client, however the client dresses it', () => {
    const clientIp = behind('10.0.0.0/8');
    for (const lie of ['127.0.0.1', '10.0.0.9', 'unknown', '', ',,,', '"', '\u0001']) {
      expect(clientIp(forwarded(`${lie}, 203.0.113.7, 10.0.0.2`))).toBe('203.0.113.7');
    }
  });

  it('takes the left-most entry when all of them are ours', () => {
    expect(behind('10.0.0.0/8')(forwarded('10.0.0.9, 10.0.0.3, 10.0.0.2'))).toBe('10.0.0.9');
  });

  it('takes the last entry when the list of proxies is empty', () => {
    expect(behind()(forwarded('198.51.100.1, 203.0.113.7'))).toBe('203.0.113.7');
  });

  it('knows a proxy by its mapped address too', () => {
    expect(behind('10.0.0.0/8')(forwarded('203.0.113.7, ::ffff:10.0.0.2'))).toBe('203.0.113.7');
  });

  it.each(['unknown', '_hidden', '', ' ', '"203.0.113.7"', '203.0.113.7;', 'for=203.0.113.7', '203.0.113', '::1%lo'])(
    'ends the walk without an address at the hop %j',
    (hop) => {
      expect(behind('10.0.0.0/8')(forwarded(`198.51.100.1, ${hop}, 10.0.0.2`))).toBeUndefined();
      expect(behind('10.0.0.0/8')(forwarded(`198.51.100.1, ${hop}`))).toBeUndefined();
    },
  );

  it('cannot be handed NUL or line breaks: Headers refuses them', () => {
    for (const text of ['203.0.113.7\0', '203.0.113.7\r\nx: y', '203.0.113.7\n1']) {
      expect(() => forwarded(text)).toThrow(TypeError);
    }
  });

  it('joins repeated headers in the order in which they came', () => {
    const headers = forwarded('198.51.100.1');
    headers.append('x-forwarded-for', '203.0.113.7');
    headers.append('x-forwarded-for', '10.0.0.2');
    expect(behind('10.0.0.0/8')(headers)).toBe('203.0.113.7');
  });

  it('finds the client right of ten thousand invented hops', () => {
    const invented = new Array<string>(10_000).fill('10.0.0.1').join(', ');
    expect(behind('10.0.0.0/8')(forwarded(`${invented}, 203.0.113.7, 10.0.0.2`))).toBe('203.0.113.7');
  });

  it('looks at 64 hops and at no more', () => {
    const clientIp = behind('10.0.0.0/8');
    const proxies = (count: number) => new Array<string>(count).fill('10.0.0.2').join(',');
    expect(clientIp(forwarded(`203.0.113.7,${proxies(63)}`))).toBe('203.0.113.7');
    expect(clientIp(forwarded(`203.0.113.7,${proxies(64)}`))).toBe('10.0.0.2');
  });

  it('does not read an address that the cut of a long header went through', () => {
    // The last 4096 characters begin inside `110.0.0.9`, right after its first digit.
    const end = ', 10.0.0.2';
    const kept = `10.0.0.9${end.padStart(4096 - '10.0.0.9'.length, ' ')}`;
    expect(kept).toHaveLength(4096);
    const header = `203.0.113.7, 1${kept}`;
    expect(forwardedHops(header)).toEqual([' 10.0.0.2']);
    expect(behind('10.0.0.0/8')(forwarded(header))).toBe('10.0.0.2');
  });

  it('finds no address in one endless hop', () => {
    expect(behind()(forwarded('1'.repeat(65_536)))).toBeUndefined();
    expect(behind()(forwarded(`203.0.113.7${' '.repeat(5000)}x`))).toBeUndefined();
  });

  it('looks at a bounded part of a 64 KB header, whatever its hops look like', () => {
    const hop = fc.constantFrom('', ' ', '1', '203.0.113.7', '2001:db8::1', 'x'.repeat(100), '[::1]:80', '10.0.0.1');
    fc.assert(
      fc.property(fc.array(hop, { minLength: 1, maxLength: 20 }), (pattern) => {
        const unit = `${pattern.join(',')},`;
        const header = unit.repeat(Math.ceil(65_536 / unit.length));
        const hops = forwardedHops(header);
        expect(hops.length).toBeLessThanOrEqual(64);
        expect(hops.join(',').length).toBeLessThanOrEqual(4096);
        expect(header.endsWith([...hops].reverse().join(','))).toBe(true);
      }),
    );
  });

  it('keeps all hops of a header of ordinary size', () => {
    expect(forwardedHops('a, b,c')).toEqual(['c', ' b', 'a']);
  });
});

describe('createClientIp on any text', () => {
  const headerText = fc.oneof(
    fc.string({ unit: fc.constantFrom(...'0123456789abcdefx.:,[]%/" \t_') }),
    fc.string({ unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)) }),
  );
  const sources: readonly ClientIpSource[] = ['vercel', 'cloudflare', { trustedProxies: ['10.0.0.0/8', '::/1'] }];

  it('never throws, and answers with nothing or with canonical text', () => {
    fc.assert(
      fc.property(fc.constantFrom(...sources), headerText, (source, text) => {
        const headers = new Headers();
        for (const name of ['x-real-ip', 'x-vercel-forwarded-for', 'cf-connecting-ip', 'x-forwarded-for']) {
          headers.set(name, text);
        }
        const answer = createClientIp({ source })(headers);
        if (answer === undefined) return;
        const block = cidr(answer);
        const address = formatIp(block.address);
        expect(answer).toBe(block.address.version === 4 ? address : `${address}/64`);
      }),
      { numRuns: 1000 },
    );
  });

  it('groups IPv6 addresses by their leading bits and leaves IPv4 addresses alone', () => {
    const answer = (ipv6PrefixLength: number | undefined, text: string) =>
      createClientIp({ source: 'cloudflare', ipv6PrefixLength })(new Headers({ 'cf-connecting-ip': text }));
    expect(answer(undefined, '2001:db8:1:2:ffff::1')).toBe('2001:db8:1:2::/64');
    expect(answer(undefined, '2001:DB8:1:2:0:0:0:9')).toBe('2001:db8:1:2::/64');
    expect(answer(undefined, '2001:db8:1:3::1')).toBe('2001:db8:1:3::/64');
    expect(answer(56, '2001:db8:1:2ff::1')).toBe('2001:db8:1:200::/56');
    expect(answer(128, '2001:db8:1:2::1')).toBe('2001:db8:1:2::1/128');
    expect(answer(1, 'ffff::1')).toBe('8000::/1');
    expect(answer(32, '192.0.2.1')).toBe('192.0.2.1');
  });
});

describe('createClientIp on headers that are only there to be expensive', () => {
  const sources: readonly ClientIpSource[] = ['vercel', 'cloudflare', { trustedProxies: ['10.0.0.0/8', '::/1'] }];
  const hostile = ['1', '1.', ':', '::', '0:', '[', ']', ',', '10.0.0.1,', '::ffff:10.0.0.1, ', ' ,\t', '1.2.3.4:80:'];

  it.each(sources)('finds no address, or one of ours, in 64 KB of them, from the source %j', (source) => {
    const clientIp = createClientIp({ source });
    for (const unit of hostile) {
      const headers = new Headers();
      for (const name of ['x-real-ip', 'x-vercel-forwarded-for', 'cf-connecting-ip', 'x-forwarded-for']) {
        headers.set(name, unit.repeat(65_536 / unit.length));
      }
      // A hundred times: work that grew with the square of the length would not end within the time of a test.
      for (let turn = 0; turn < 100; turn += 1) expect([undefined, '10.0.0.1']).toContain(clientIp(headers));
    }
  });
});

describe('all bits of the address', () => {
  const clientIp = createClientIp({ source: 'vercel', ipv6PrefixLength: 32 });
  const address = (text: string) => {
    const ip = clientIp.address?.(new Headers({ 'x-real-ip': text }));
    return ip && formatIp(ip);
  };

  it('are there beside the block that makes an account', () => {
    expect(address('[2001:DB8:1:2:3::4]:443')).toBe('2001:db8:1:2:3::4');
    expect(address('::ffff:192.0.2.1')).toBe('192.0.2.1');
    expect(address('unknown')).toBeUndefined();
  });
});

describe('createClientIp options', () => {
  const construct = (options: unknown) =>
    settingOf(() => createClientIp(options as Parameters<typeof createClientIp>[0]));

  it.each([0, 129, 64.5, Number.NaN, '64', null])('refuses an ipv6PrefixLength of %j by name', (ipv6PrefixLength) => {
    expect(construct({ source: 'vercel', ipv6PrefixLength })).toBe('ipv6PrefixLength');
  });

  it.each(['nginx', undefined, null, {}, { trustedProxies: '10.0.0.0/8' }])(
    'refuses the source %j by name',
    (source) => {
      expect(construct({ source })).toBe('source');
    },
  );

  it('names the trusted proxy that it cannot read', () => {
    expect(construct({ source: { trustedProxies: ['10.0.0.0/8', '10.0.0.0/33'] } })).toBe('source.trustedProxies[1]');
    expect(construct({ source: { trustedProxies: [10] } })).toBe('source.trustedProxies[0]');
  });

  it('accepts what is documented', () => {
    expect(construct({ source: 'vercel' })).toBe('accepted');
    expect(construct({ source: 'cloudflare', ipv6PrefixLength: undefined })).toBe('accepted');
    expect(construct({ source: { trustedProxies: ['10.0.0.1', '2001:db8::/32'] }, ipv6PrefixLength: 1 })).toBe(
      'accepted',
    );
  });

  it('reads its list of proxies once: changing it later changes nothing', () => {
    const trustedProxies = ['10.0.0.0/8'];
    const clientIp = createClientIp({ source: { trustedProxies } });
    trustedProxies.push('0.0.0.0/0');
    expect(clientIp(new Headers({ 'x-forwarded-for': '198.51.100.1, 203.0.113.7, 10.0.0.2' }))).toBe('203.0.113.7');
  });
});
