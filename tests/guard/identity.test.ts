import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createIdentitySeal, IDENTITY_HEADER } from '../../lib/guard/identity.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';

const SECRET = 'a secret of at least thirty-two characters';
const IDENTITY = { id: 'key_1', owner: 'acme é🦀', scopes: ['read', 'write:*'] };
const URL_ = 'https://example.test/api/echo?q=1';

function sealing(options: { maxAgeMs?: number } = {}) {
  const clock = manualClock();
  const seal = createIdentitySeal({ secret: SECRET, clock, ...options });
  const request = (value: string | undefined, url = URL_, method = 'GET') =>
    new Request(url, { method, headers: value === undefined ? {} : { [IDENTITY_HEADER]: value } });
  const sealed = () => seal.seal(IDENTITY, new Request(URL_));
  return { clock, seal, request, sealed };
}

describe('the seal of an identity', () => {
  it('carries it to the handler of this request', async () => {
    const { seal, request, sealed } = sealing();
    expect(await seal.verify(request(await sealed()))).toEqual({ ok: true, identity: IDENTITY });
    expect(await seal.verify(request(await sealed(), 'https://inside:3000/api/echo'))).toMatchObject({ ok: true });
  });

  it('is missed where there is none', async () => {
    const { seal, request } = sealing();
    for (const none of [undefined, ''])
      expect(await seal.verify(request(none))).toEqual({ ok: false, reason: 'missing' });
  });

  it('is refused with any character changed, added or left out', async () => {
    const { seal, request, sealed } = sealing();
    const value = await sealed();
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: value.length - 1 }), fc.constantFrom(...'Az09-_.'), async (place, char) => {
        for (const altered of [
          value.slice(0, place) + char + value.slice(place + 1),
          value.slice(0, place) + char + value.slice(place),
          value.slice(0, place) + value.slice(place + 1),
        ]) {
          if (altered !== value) expect(await seal.verify(request(altered))).toEqual({ ok: false, reason: 'altered' });
        }
      }),
    );
  });

  it.each(['.', 'x', 'x.', '.x', 'e30.', 'e30.e30', 'null', 'a'.repeat(10_000), `${'a'.repeat(9_000)}.b`])(
    'is refused where it is made up: %s',
    async (value) => {
      const { seal, request } = sealing();
      expect(await seal.verify(request(value))).toEqual({ ok: false, reason: 'altered' });
    },
  );

  it('is refused under another secret', async () => {
    const { seal, request, clock } = sealing();
    const other = createIdentitySeal({ secret: `another ${SECRET}`, clock });
    expect(await seal.verify(request(await other.seal(IDENTITY, new Request(URL_))))).toEqual({
      ok: false,
      reason: 'altered',
    });
  });

  it('is refused once it is old, on both sides of the boundary, and from as far in the future', async () => {
    const { clock, seal, request, sealed } = sealing({ maxAgeMs: 1_000 });
    const value = await sealed();
    clock.advance(999);
    expect((await seal.verify(request(value))).ok).toBe(true);
    clock.advance(1);
    expect(await seal.verify(request(value))).toEqual({ ok: false, reason: 'old' });
    clock.jumpWall(-1_999);
    expect((await seal.verify(request(value))).ok).toBe(true);
    clock.jumpWall(-1);
    expect(await seal.verify(request(value))).toEqual({ ok: false, reason: 'old' });
  });

  it('is good for less than a minute, unless told otherwise', async () => {
    const { clock, seal, request, sealed } = sealing();
    const value = await sealed();
    clock.advance(59_999);
    expect((await seal.verify(request(value))).ok).toBe(true);
    clock.advance(1);
    expect(await seal.verify(request(value))).toEqual({ ok: false, reason: 'old' });
  });

  it.each([
    ['another path', 'https://example.test/api/keys', 'GET'],
    ['a path below', `${new URL(URL_).origin}/api/echo/x`, 'GET'],
    ['another method', URL_, 'POST'],
  ])('is foreign to %s', async (_what, url, method) => {
    const { seal, request, sealed } = sealing();
    expect(await seal.verify(request(await sealed(), url, method))).toEqual({ ok: false, reason: 'foreign' });
  });

  it('is a value that a header can carry, whatever the owner is called', async () => {
    const { seal, request } = sealing();
    for (const owner of ['\r\nset-cookie: x', '\0', '\u2028', 'é', '🦀', 'x'.repeat(256)]) {
      const value = await seal.seal({ ...IDENTITY, owner }, new Request(URL_));
      expect(value).toMatch(/^[\w-]+\.[\w-]{43}$/);
      expect(await seal.verify(request(value))).toMatchObject({ ok: true, identity: { owner } });
    }
  });

  it('needs a secret of some length, and does not tell it', () => {
    const secret = 'x'.repeat(31);
    expect(() => createIdentitySeal({ secret })).toThrow(expect.objectContaining({ code: 'CONFIG' }));
    expect(() => createIdentitySeal({ secret })).not.toThrow(secret);
  });
});
