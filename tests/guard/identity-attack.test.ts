import { describe, expect, it } from 'vitest';
import { base64urlEncode, createMac } from '../../lib/client/crypto.ts';
import { createIdentitySeal, IDENTITY_HEADER } from '../../lib/guard/identity.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';

const SECRET = 'a secret of at least thirty-two characters';
const IDENTITY = { id: 'key_0123456789abcdef', owner: 'acme', scopes: ['read'] };
const HOST = 'https://example.test';

const clock = manualClock();
const seal = createIdentitySeal({ secret: SECRET, clock });
const asked = (path: string, method = 'GET') => new Request(`${HOST}${path}`, { method });

/** What the handler at `path` makes of a header. */
const verify = (value: string, path = '/api/echo', method = 'GET') =>
  seal.verify(new Request(`${HOST}${path}`, { method, headers: { [IDENTITY_HEADER]: value } }));

/** A value that the secret has signed, whatever it is. */
async function signed(payload: string): Promise<string> {
  return `${payload}.${await createMac(SECRET)(payload)}`;
}

describe('a seal for one path', () => {
  it.each([
    ['/api/echo', '/api/echo?admin=1'],
    ['/api/echo?q=1', '/api/echo'],
    ['/api/echo/', '/api/echo'],
    ['/api/echo', '/api/echo/'],
    ['/api//echo', '/api/echo'],
    ['/api/%65cho', '/api/echo'],
    ['/api/caf%C3%A9', '/api/café'],
    ['/api/a%20b', '/api/a%20b'],
    ['/api/%zz', '/api/%zz'],
    ['/', '/'],
  ])('made at %s is good at %s, which servers take for the same', async (made, shown) => {
    expect(await verify(await seal.seal(IDENTITY, asked(made)), shown)).toMatchObject({ ok: true });
  });

  it.each([
    ['/api/echo', '/api/echo/more'],
    ['/api/echo', '/api'],
    ['/api/echo', '/api%2Fecho'],
    ['/api/echo', '/api/ECHO'],
    ['/api/echo', '/api/echo%00'],
    ['/api/echo', '/api/%2565cho'],
    ['/api/health/..%2Fkeys', '/api/keys'],
    ['/base/api/echo', '/api/echo'],
  ])('made at %s is foreign at %s', async (made, shown) => {
    expect(await verify(await seal.seal(IDENTITY, asked(made)), shown)).toEqual({ ok: false, reason: 'foreign' });
  });

  it.each([
    ['GET', 'HEAD', true],
    ['HEAD', 'GET', true],
    ['HEAD', 'HEAD', true],
    ['GET', 'POST', false],
    ['HEAD', 'DELETE', false],
    ['POST', 'PUT', false],
  ])('made for %s is good for %s: %s', async (made, shown, ok) => {
    const value = await seal.seal(IDENTITY, asked('/api/echo', made));
    expect((await verify(value, '/api/echo', shown)).ok).toBe(ok);
  });
});

describe('a seal made under a base path', () => {
  const sealed = (path: string, basePath: string) => seal.seal(IDENTITY, asked(path), basePath);

  it('is good for the handler, which may be shown the path with it or without', async () => {
    const value = await sealed('/base/api/echo/', '/base');
    expect((await verify(value, '/api/echo')).ok).toBe(true);
    expect((await verify(value, '/base/api/echo')).ok).toBe(true);
    expect((await verify(await sealed('/base', '/base'), '/')).ok).toBe(true);
  });

  it.each([
    ['/base/api/echo', '/base', '/echo'],
    ['/base/api/echo', '/base', '/base/base/api/echo'],
    ['/basement/echo', '/base', '/ment/echo'],
    ['/elsewhere/api/echo', '/base', '/api/echo'],
  ])('at %s under %s is foreign at %s', async (made, basePath, shown) => {
    expect(await verify(await sealed(made, basePath), shown)).toEqual({ ok: false, reason: 'foreign' });
  });
});

describe('the largest identity that a key can have', () => {
  const scopes = Array.from({ length: 64 }, (_, index) => String(index).padStart(64, 's'));

  it.each([
    ['control characters', '\u0001'],
    ['quotes', '"'],
    ['three bytes each', '€'],
    ['line separators', '\u2028'],
  ])('passes with an owner of %s', async (_what, char) => {
    const identity = { ...IDENTITY, owner: char.repeat(256), scopes };
    const path = `/base/${'p'.repeat(240)}`;
    const value = await seal.seal(identity, asked(path, 'DELETE'), '/base');
    expect(value.length).toBeLessThan(9_000);
    expect(await verify(value, path, 'DELETE')).toEqual({ ok: true, identity });
  });

  it('passes on a path of 8,000 characters, and on no other', async () => {
    const path = `/api/${'x'.repeat(8_000)}`;
    const value = await seal.seal({ ...IDENTITY, scopes }, asked(path));
    expect(value.length).toBeLessThan(9_000);
    expect((await verify(value, path)).ok).toBe(true);
    expect(await verify(value, `${path}x`)).toEqual({ ok: false, reason: 'foreign' });
  });

  it('is no larger than a header may be: beyond that nothing is handed on that a handler would refuse', async () => {
    const owner = (length: number) => ({ ...IDENTITY, owner: 'x'.repeat(length) });
    const value = await seal.seal(owner(12_000), asked('/api/echo'));
    expect(value.length).toBeLessThanOrEqual(16_384);
    expect((await verify(value)).ok).toBe(true);
    await expect(seal.seal(owner(12_300), asked('/api/echo'))).rejects.toMatchObject({
      code: 'CONFIG',
      setting: 'identity',
    });
  });
});

describe('a header that nobody has sealed', () => {
  it.each([
    ['of a megabyte', `${'a'.repeat(1_000_000)}.${'b'.repeat(43)}`],
    ['of dots', '.'.repeat(1_000)],
    ['that is no text', '\u0080\u00ff'],
    ['of other alphabets', 'e30=.e30='],
    ['of JSON', '{"id":"key_1"}'],
    ['that is a JSON Web Token without signature', 'eyJhbGciOiJub25lIn0.eyJpZCI6ImtleV8xIn0.'],
  ])('is altered: %s', async (_what, value) => {
    expect(await verify(value)).toEqual({ ok: false, reason: 'altered' });
  });

  it('is altered where a sealed one came twice, or beside a forged one', async () => {
    const value = await seal.seal(IDENTITY, asked('/api/echo'));
    for (const values of [
      [value, value],
      ['forged.seal', value],
      [value, 'forged.seal'],
    ]) {
      const headers = new Headers(values.map((one): [string, string] => [IDENTITY_HEADER, one]));
      const request = new Request(`${HOST}/api/echo`, { headers });
      expect(await seal.verify(request)).toEqual({ ok: false, reason: 'altered' });
    }
  });

  it('is altered where two sealed ones are put together', async () => {
    const one = await seal.seal(IDENTITY, asked('/api/echo'));
    const other = await seal.seal({ ...IDENTITY, scopes: ['admin'] }, asked('/api/other'));
    const mixed = `${other.split('.')[0]}.${one.split('.')[1]}`;
    expect(await verify(mixed)).toEqual({ ok: false, reason: 'altered' });
  });
});

describe('what the secret has signed, but is no identity', () => {
  const whole = { ...IDENTITY, iat: clock.now(), method: 'GET', path: '/api/echo' };

  it('is read as one where it has the form', async () => {
    expect(await verify(await signed(base64urlEncode(JSON.stringify(whole))))).toEqual({
      ok: true,
      identity: IDENTITY,
    });
  });

  it.each<[string, unknown]>([
    ['null', null],
    ['a number', 7],
    ['a text', 'key_1'],
    ['a list', [whole]],
    ['nothing', {}],
    ['an id that is none', { ...whole, id: 7 }],
    ['no owner', { ...whole, owner: undefined }],
    ['an owner that is a list', { ...whole, owner: ['acme'] }],
    ['scopes that are a text', { ...whole, scopes: 'admin' }],
    ['scopes that are an object', { ...whole, scopes: { 0: 'admin', length: 1 } }],
    ['a scope that is a list', { ...whole, scopes: [['admin']] }],
    ['no time', { ...whole, iat: undefined }],
    ['a time that is a text', { ...whole, iat: String(whole.iat) }],
    ['a time that is null', { ...whole, iat: null }],
    ['no method', { ...whole, method: undefined }],
    ['a path that is a list', { ...whole, path: ['/api/echo'] }],
    ['an inner path that is null', { ...whole, path: '/x', inner: null }],
  ])('is altered, and nothing is thrown: %s', async (_what, value) => {
    expect(await verify(await signed(base64urlEncode(JSON.stringify(value))))).toEqual({
      ok: false,
      reason: 'altered',
    });
  });

  it.each([
    ['no JSON', base64urlEncode('{')],
    ['nothing', ''],
    ['no base64url', '%%%'],
    ['no UTF-8', '_____w'],
  ])('is altered, and nothing is thrown: %s', async (_what, payload) => {
    expect(await verify(await signed(payload))).toEqual({ ok: false, reason: 'altered' });
  });

  it('is old where its time is beyond all numbers', async () => {
    const text = JSON.stringify(whole).replace(String(whole.iat), '1e308');
    expect(await verify(await signed(base64urlEncode(text)))).toEqual({ ok: false, reason: 'old' });
  });
});

describe('the age that a seal may have', () => {
  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('must be a positive number: %s', (maxAgeMs) => {
    expect(() => createIdentitySeal({ secret: SECRET, maxAgeMs })).toThrow(
      expect.objectContaining({ code: 'CONFIG', setting: 'maxAgeMs' }),
    );
  });
});
