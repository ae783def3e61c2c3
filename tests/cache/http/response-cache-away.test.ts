import { describe, expect, it } from 'vitest';
import { cachedHandler, page, told } from '../../support/cached-handler.ts';

describe('with Redis away', () => {
  it('the handler answers: nothing is refused', async () => {
    const { get, store, asked } = cachedHandler(page(), { honourRequestDirectives: true }, { l1: false });
    store.takeAway();
    expect(await told(get())).toBe('200 breakwater; fwd=miss page 1');
    expect(await told(get('/a', {}, 'HEAD'))).toContain('200 breakwater; fwd=miss');
    expect(await told(get('/a', { 'cache-control': 'no-cache' }))).toBe('200 breakwater; fwd=request page 3');
    expect(await told(get('/a', { cookie: 'a=1' }))).toContain('fwd=bypass');
    expect(asked).toHaveLength(4);
  });

  it('nor is anything refused where the cache itself fails', async () => {
    const failed = () => Promise.reject(new Error('no cache'));
    const { cache } = cachedHandler();
    const broken = { ...cache, get: failed, getOrFetch: failed, set: failed };
    const { get } = cachedHandler(page(), { cache: broken, honourRequestDirectives: true });
    expect(await told(get())).toContain('200 breakwater; fwd=miss');
    expect(await told(get('/a', {}, 'HEAD'))).toContain('200 breakwater; fwd=miss');
    expect(await told(get('/a', { 'cache-control': 'no-store' }))).toContain('200 breakwater; fwd=miss');
    expect(await told(get('/a', { 'cache-control': 'no-cache' }))).toContain('200 breakwater; fwd=request');
    expect((await get('/a', { 'cache-control': 'only-if-cached' })).status).toBe(504);
  });

  it('what is in this process is served', async () => {
    const { get, store, settled } = cachedHandler();
    await (await get()).text();
    await settled();
    store.takeAway();
    expect(await told(get())).toMatch(/hit.* page 1$/);
  });

  it('callers of one page still share one call of the handler, and what it says', async () => {
    const { get, store, asked, settled } = cachedHandler();
    store.takeAway();
    await Promise.all(Array.from({ length: 50 }, async () => (await get()).text()));
    expect(asked).toHaveLength(1);
    await settled();
    expect(await told(get())).toMatch(/page 1$/);
  });

  it('what the handler throws is what its caller sees', async () => {
    const { get, store } = cachedHandler(() => Promise.reject(new Error('broken')));
    store.takeAway();
    await expect(get()).rejects.toThrow('broken');
  });
});
