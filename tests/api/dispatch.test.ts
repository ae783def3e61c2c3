import { describe, expect, it } from 'vitest';
import { DELETE, GET, PATCH, POST } from '../../app/api/[...path]/route.ts';
import { useDefaultEnvironment } from '../support/default-environment.ts';

useDefaultEnvironment({ BREAKWATER_IDENTITY_SECRET: 'an identity secret of more than 32 characters' });

/** Nothing is signed here, so a handler that is reached answers 401. */
async function statusOf(method: string, path: readonly string[]) {
  const handler = { DELETE, GET, PATCH, POST }[method] ?? GET;
  const request = new Request(`https://example.test/api/${path.map(encodeURIComponent).join('/')}`, { method });
  const response = await handler(request, { params: Promise.resolve({ path: [...path] }) });
  return [response.status, response.headers.get('allow')];
}

describe('the door to the handlers', () => {
  it.each([
    ['GET', ['keys'], [401, null]],
    ['HEAD', ['keys'], [401, null]],
    ['POST', ['keys'], [401, null]],
    ['DELETE', ['keys'], [405, 'GET, POST']],
    ['GET', ['keys', 'anything'], [401, null]],
    ['DELETE', ['keys', 'key_0000000000000000'], [401, null]],
    ['POST', ['keys', 'key_0000000000000000'], [405, 'DELETE, GET']],
    ['POST', ['keys', 'key_0000000000000000', 'rotate'], [401, null]],
    ['PATCH', ['keys', 'key_0000000000000000', 'rotate'], [405, 'POST']],
    ['GET', ['analytics', 'track'], [405, 'POST']],
    ['POST', ['analytics', 'track'], [401, null]],
    ['POST', ['cron', 'sync-usage'], [405, 'GET']],
    ['GET', ['cron', 'sync-usage'], [503, null]],
    ['GET', ['whoami'], [401, null]],
    ['GET', ['whoami', 'more'], [404, null]],
    ['GET', [':'], [404, null]],
    ['GET', ['keys', ':', 'more'], [404, null]],
    ['GET', ['keys', 'a', 'rotate', 'b'], [404, null]],
    ['GET', ['keys/anything'], [404, null]],
    ['POST', ['keys', 'a/rotate'], [405, 'DELETE, GET']],
    ['GET', ['keys/:'], [404, null]],
    ['GET', ['__proto__'], [404, null]],
    ['GET', ['console', 'snapshot'], [404, null]],
    ['POST', ['console', 'stream'], [404, null]],
    ['GET', ['demo', 'outage'], [404, null]],
    ['POST', ['demo', 'outage'], [404, null]],
  ])('%s %j: %j', async (method, path, expected) => {
    expect(await statusOf(method, path)).toEqual(expected);
  });
});
