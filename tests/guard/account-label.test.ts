import { describe, expect, it } from 'vitest';
import { accountLabel } from '../../lib/guard/account-label.ts';
import { createClientIp } from '../../lib/guard/client-ip.ts';

describe('the label of an address', () => {
  it.each([
    ['203.0.113.7', '203.0.113.*'],
    ['255.255.255.255', '255.255.255.*'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:*'],
    ['2001:db8:1:2::/64', '2001:db8:1:*'],
    ['2001:db8::/64', '2001:db8:*'],
    ['2001::1', '2001:*'],
    ['::1', 'other'],
    ['::/64', 'other'],
    ['unknown-client', 'unknown-client'],
    ['', 'other'],
    ['a whole name', 'other'],
    ['.7', 'other'],
    [':', 'other'],
  ])('lacks its last part: %j is %j', (address, label) => {
    expect(accountLabel(address)).toBe(label);
  });

  it('is never the address, however it is written', () => {
    const clientIp = createClientIp({ source: 'vercel', ipv6PrefixLength: 128 });
    for (const sent of [
      '0.0.0.1',
      '::ffff:192.0.2.1',
      '1::',
      '1:2::',
      '1:2:3::',
      '1:2:3:4::',
      '::1:2:3',
      '1::2:3:4:5',
    ]) {
      const address = clientIp(new Headers({ 'x-real-ip': sent })) ?? '';
      expect(address).not.toBe('');
      expect(accountLabel(address)).toMatch(/^(?:[\da-f.:]+\*|other)$/);
      expect(accountLabel(address).split(':').length).toBeLessThanOrEqual(4);
    }
  });
});
