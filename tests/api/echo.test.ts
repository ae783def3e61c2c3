import { describe, expect, it } from 'vitest';
import { POST } from '../../api/echo.ts';
import { GET } from '../../api/whoami.ts';
import { useDefaultEnvironment } from '../support/default-environment.ts';
import { manageKeys } from '../support/managed-keys.ts';

useDefaultEnvironment({ BREAKWATER_IDENTITY_SECRET: 'an identity secret of more than 32 characters' });

describe('the handlers behind the guard', () => {
  it('answer who has come through it', async () => {
    const { handedOn, id } = await manageKeys();
    const echoed = await POST(
      await handedOn('/api/echo', { method: 'POST', body: 'hello', headers: { 'x-api-key': 'k' } }),
    );
    expect(await echoed.json()).toEqual({ owner: 'root', echo: 'hello', remaining: 19 });
    expect(await (await GET(await handedOn('/api/whoami', {}))).json()).toEqual({
      id,
      owner: 'root',
      scopes: ['admin'],
    });
  });

  it('refuse who has not, with the challenge of every 401', async () => {
    for (const response of [
      await POST(new Request('https://example.test/api/echo', { method: 'POST', body: 'x' })),
      await GET(new Request('https://example.test/api/whoami')),
    ]) {
      expect([response.status, response.headers.get('www-authenticate')]).toEqual([401, 'Bearer realm="api"']);
    }
  });

  it('read no more of a body than they send back', async () => {
    const { handedOn } = await manageKeys();
    const send = async (body: string) =>
      (await POST(await handedOn('/api/echo', { method: 'POST', body, headers: { 'x-api-key': 'k' } }))).status;
    expect(await send('x'.repeat(65_536))).toBe(200);
    expect(await send('x'.repeat(65_537))).toBe(413);
    expect(await send('€'.repeat(21_846))).toBe(413);
  });
});
