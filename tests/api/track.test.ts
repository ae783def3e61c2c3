import { describe, expect, it } from 'vitest';
import { POST } from '../../api/analytics/track.ts';
import { StoreError } from '../../lib/errors.ts';
import { useDefaultEnvironment } from '../support/default-environment.ts';
import { manageKeys } from '../support/managed-keys.ts';
import { AWAY } from '../support/scripted-client.ts';

useDefaultEnvironment({ BREAKWATER_IDENTITY_SECRET: 'an identity secret of more than 32 characters' });

async function tracker() {
  const { store, clock, handedOn } = await manageKeys();
  const track = async (body: unknown, as?: string) => {
    const response = await POST(await handedOn('/api/analytics/track', { method: 'POST', body, as }));
    return [response.status, await response.json()] as const;
  };
  return { store, clock, handedOn, track };
}

describe('POST /api/analytics/track', () => {
  it('tracks an event, and with an id once within its time', async () => {
    const { clock, track } = await tracker();
    const view = { event: 'page_view', dimensions: { path: '/pricing', logged: true, items: 3 } };
    expect(await track(view)).toEqual([200, { tracked: true }]);
    expect(await track(view)).toEqual([200, { tracked: true }]);
    const once = { ...view, id: 'visitor-7', ttlSeconds: 60 };
    expect(await track(once)).toEqual([200, { tracked: true }]);
    expect(await track(once)).toEqual([200, { tracked: false, reason: 'duplicate' }]);
    clock.advance(60_001);
    expect(await track(once)).toEqual([200, { tracked: true }]);
  });

  it('keeps the ids of one API key apart from those of another', async () => {
    const { track } = await tracker();
    const once = { event: 'page_view', id: 'visitor-7' };
    expect(await track(once)).toEqual([200, { tracked: true }]);
    expect(await track(once, 'key_1111111111111111')).toEqual([200, { tracked: true }]);
  });

  it('is for those whom the guard has let in', async () => {
    await tracker();
    const request = new Request('https://example.test/api/analytics/track', { method: 'POST', body: '{}' });
    expect((await POST(request)).status).toBe(401);
  });

  it.each([
    ['event', {}],
    ['event', { event: 7 }],
    ['event', { event: 'no spaces' }],
    ['dimensions', { event: 'x', dimensions: [] }],
    ['dimensions', { event: 'x', dimensions: { a: {} } }],
    ['dimensions', { event: 'x', dimensions: { a: 'x'.repeat(600) } }],
    ['id', { event: 'x', id: '' }],
    ['id', { event: 'x', id: 'x'.repeat(129) }],
    ['id', { event: 'x', id: 7 }],
    ['ttlSeconds', { event: 'x', id: 'a', ttlSeconds: 0 }],
    ['ttlSeconds', { event: 'x', id: 'a', ttlSeconds: 86_401 }],
    ['more', { event: 'x', more: 1 }],
  ])('answers 400 that names the field, and asks Redis nothing: %s', async (field, body) => {
    const { store, track } = await tracker();
    const requests = store.requests.length;
    const [status, answer] = await track(body);
    expect([status, answer]).toMatchObject([400, { code: 'field-invalid', field }]);
    expect(answer.title ?? answer.detail).not.toContain('undefined');
    expect(store.requests).toHaveLength(requests);
  });

  it.each([
    ['no JSON', '{', 400],
    ['a list', '[]', 400],
    ['more than 64 KiB', JSON.stringify({ event: 'x'.repeat(70_000) }), 413],
  ])('refuses a body that is %s', async (_, body, status) => {
    const { track } = await tracker();
    expect((await track(body))[0]).toBe(status);
  });

  it('counts all the same while Redis is away, and says that it is approximate', async () => {
    const { store, track } = await tracker();
    store.takeAway(AWAY);
    expect(await track({ event: 'x' })).toEqual([200, { tracked: true, approximate: true }]);
    expect(await track({ event: 'x', id: 'a' })).toEqual([200, { tracked: true, approximate: true }]);
    expect(await track({ event: 'x', id: 'a' })).toEqual([200, { tracked: false, reason: 'duplicate' }]);
    store.takeAway(new StoreError('network', 'reset'));
    expect(await track({ event: 'x' })).toEqual([200, { tracked: true, approximate: true }]);
  });

  it('answers 503 where there is no room left to count it', async () => {
    const { store, track, handedOn } = await tracker();
    store.takeAway(AWAY);
    for (let id = 0; id < 10_000; id += 1) {
      const { trackEvent } = await import('../../lib/analytics.ts');
      await trackEvent('x', {}, { once: { id: String(id) } });
    }
    const [status, answer] = await track({ event: 'y' });
    expect([status, answer]).toMatchObject([503, { code: 'analytics-unavailable' }]);
    const body = { event: 'y' };
    const response = await POST(await handedOn('/api/analytics/track', { method: 'POST', body }));
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
  });
});
