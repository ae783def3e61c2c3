import { describe, expect, it } from 'vitest';
import { sessionCookie, sessionUnavailable } from '../../../lib/primitives/session/index.ts';
import { begun, sessionRig } from '../../support/session-rig.ts';

const headers = (cookie: string) => new Headers({ cookie });
const TOKEN = `${'a'.repeat(22)}.${'B'.repeat(43)}`;

describe('the cookie of a session', () => {
  it('is for one host, over TLS, for no script, and not sent along by other sites but with links', () => {
    const cookie = sessionCookie();
    expect(cookie.name).toBe('__Host-session');
    expect(cookie.write(TOKEN)).toBe(`__Host-session=${TOKEN}; Path=/; HttpOnly; Secure; SameSite=Lax`);
    expect(cookie.clear()).toBe('__Host-session=; Path=/; HttpOnly; Secure; SameSite=Lax; Max-Age=0');
    expect(sessionCookie({ name: 'sid', maxAgeMs: 86_400_999 }).write(TOKEN)).toBe(
      `__Host-sid=${TOKEN}; Path=/; HttpOnly; Secure; SameSite=Lax; Max-Age=86400`,
    );
  });

  it('has no prefix where it is not secure: browsers refuse that', () => {
    const cookie = sessionCookie({ insecure: true });
    expect(cookie.write(TOKEN)).toBe(`session=${TOKEN}; Path=/; HttpOnly; SameSite=Lax`);
    expect(cookie.read(headers(`session=${TOKEN}`))).toBe(TOKEN);
    expect(cookie.read(headers(`__Host-session=${TOKEN}`))).toBeUndefined();
    expect(sessionCookie().read(headers(`session=${TOKEN}`))).toBeUndefined();
  });

  it.each([
    [`__Host-session=${TOKEN}`, TOKEN],
    [`a=b; __Host-session=${TOKEN}; c=d`, TOKEN],
    [`a=b;__Host-session= ${TOKEN} `, TOKEN],
    [`x__Host-session=${TOKEN}`, undefined],
    [`__host-session=${TOKEN}`, undefined],
    ['__Host-session=', undefined],
    ['__Host-session', undefined],
    [`__Host-session="${TOKEN}"`, undefined],
    [`__Host-session=a b; __Host-session=${TOKEN}`, TOKEN],
    [`__Host-session=${'a'.repeat(129)}`, undefined],
    [`__Host-session=${'a'.repeat(128)}`, 'a'.repeat(128)],
    [`__Host-session=a=b`, undefined],
    ['', undefined],
  ])('is read of the header %j', (header, token) => {
    expect(sessionCookie().read(headers(header))).toBe(token);
  });

  it('is not looked for in a header of more than 16,384 characters, nor where there is none', () => {
    const cookie = sessionCookie();
    const own = `; __Host-session=${TOKEN}`;
    expect(cookie.read(headers('x'.repeat(16_384 - own.length) + own))).toBe(TOKEN);
    expect(cookie.read(headers('x'.repeat(16_385 - own.length) + own))).toBeUndefined();
    expect(cookie.read(new Headers())).toBeUndefined();
  });

  it.each(['', 'a b', 'a;b', 'a\r\nSet-Cookie: b', 'ü', 'a'.repeat(129)])('is not written of %j', (token) => {
    expect(() => sessionCookie().write(token)).toThrow(expect.objectContaining({ setting: 'token' }));
  });

  it.each([
    ['name', { name: '' }],
    ['name', { name: '__Host-session' }],
    ['name', { name: '__secure-x' }],
    ['name', { name: 'a;b' }],
    ['maxAgeMs', { maxAgeMs: 999 }],
    ['maxAgeMs', { maxAgeMs: Number.NaN }],
    ['maxAgeMs', { maxAgeMs: 400 * 86_400_000 + 1 }],
  ] as const)('is not made with a wrong %s', (setting, options) => {
    expect(() => sessionCookie(options)).toThrow(expect.objectContaining({ code: 'CONFIG', setting }));
  });

  it('carries the token of a session there and back', async () => {
    const { sessions } = sessionRig();
    const cookie = sessionCookie();
    const { token } = await begun(sessions);
    const [pair = ''] = cookie.write(token).split(';');
    expect(await sessions.read(cookie.read(headers(pair)) ?? '')).toMatchObject({ status: 'active' });
    // The group in it says nothing of the user, and is the same for all of his.
    expect(token).not.toContain('ada');
    expect((await begun(sessions)).token.slice(0, 22)).toBe(token.slice(0, 22));
    expect((await begun(sessions, 'bob')).token.slice(0, 22)).not.toBe(token.slice(0, 22));
    const peppered = sessionRig({ pepper: 'sixteen letters.' });
    expect((await begun(peppered.sessions)).token.slice(0, 22)).not.toBe(token.slice(0, 22));
  });
});

describe('the answer where nobody can say', () => {
  it('is a 503 that says when to ask again, is kept by no cache, and leaves the cookie alone', async () => {
    const response = sessionUnavailable({ retryAfterMs: 1_001 });
    expect(response.status).toBe(503);
    expect(Object.fromEntries(response.headers)).toEqual({
      'cache-control': 'no-store',
      'content-type': 'application/problem+json',
      'retry-after': '2',
    });
    expect(response.headers.getSetCookie()).toEqual([]);
    expect(await response.json()).toMatchObject({ status: 503 });
    expect(sessionUnavailable({ retryAfterMs: 0 }).headers.get('retry-after')).toBe('1');
  });
});
