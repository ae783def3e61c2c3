import fc from 'fast-check';
import { parseItem, serializeItem } from 'structured-headers';
import { describe, expect, it } from 'vitest';
import { readIdempotencyKey } from '../../../lib/guard/idempotency/idempotency-key.ts';

const read = (value: string) => readIdempotencyKey(new Headers({ 'idempotency-key': value }));
const MALFORMED = { ok: false, reason: 'malformed' };

describe('an Idempotency-Key', () => {
  it('is the same quoted and bare', () => {
    const expected = { ok: true, key: '8e03978e-40d5-43dd-bc93-6894a57f9324' };
    expect(read('"8e03978e-40d5-43dd-bc93-6894a57f9324"')).toEqual(expected);
    expect(read('8e03978e-40d5-43dd-bc93-6894a57f9324')).toEqual(expected);
  });

  it('is missing where there is no header, and malformed where it is empty', () => {
    expect(readIdempotencyKey(new Headers())).toEqual({ ok: false, reason: 'missing' });
    expect(read('')).toEqual(MALFORMED);
    expect(read('""')).toEqual(MALFORMED);
  });

  it('has 255 characters at most', () => {
    expect(read('x'.repeat(255))).toMatchObject({ ok: true });
    expect(read(`"${'x'.repeat(255)}"`)).toMatchObject({ ok: true });
    expect(read('x'.repeat(256))).toEqual(MALFORMED);
    expect(read(`"${'x'.repeat(256)}"`)).toEqual(MALFORMED);
  });

  it.each(['a b', '"a b"', 'a, b', 'é', '"a', '"a"b', '"a\\x"', '"a";v=1', 'a\tb'])('is not %j', (value) => {
    expect(read(value)).toEqual(MALFORMED);
  });

  it('that is quoted is what RFC 8941 makes of it', () => {
    const visible = fc.string({ unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)) });
    fc.assert(
      fc.property(visible, (key) => {
        const quoted = serializeItem([key, new Map()]);
        expect(parseItem(quoted)[0]).toBe(key);
        expect(read(quoted)).toEqual(key.length >= 1 && key.length <= 255 ? { ok: true, key } : MALFORMED);
      }),
    );
  });
});
