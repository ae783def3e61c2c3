import { describe, expect, it } from 'vitest';
import { requestKey } from '../../../lib/cache/http/request-key.ts';
import { cacheResponse } from '../../../lib/cache/http/response-cache.ts';
import { cachedHandler, page, told } from '../../support/cached-handler.ts';

describe('a cached handler', () => {
  it('is asked once, and its response is given to others with its age', async () => {
    const { get, asked, clock, settled } = cachedHandler();
    expect(await told(get())).toBe('200 breakwater; fwd=miss page 1');
    await settled();
    clock.advance(20_500);
    const second = await get();
    expect(second.headers.get('age')).toBe('20');
    expect(await told(second)).toBe('200 breakwater; hit; ttl=39 page 1');
    expect(asked).toHaveLength(1);
  });

  it('is asked again when the response has ended, at its very end', async () => {
    const { get, clock, settled } = cachedHandler();
    await (await get()).text();
    await settled();
    clock.advance(59_999);
    expect(await told(get())).toBe('200 breakwater; hit; ttl=0 page 1');
    clock.advance(1);
    expect(await told(get())).toBe('200 breakwater; fwd=miss page 2');
  });

  it('is asked with the request as it came, and with what the platform passes beside it', async () => {
    const { cache } = cachedHandler();
    const seen: unknown[] = [];
    const handle = cacheResponse(
      (request: Request, context: { readonly params: string }) => {
        seen.push(request, context);
        return new Response('ok');
      },
      { cache },
    );
    const request = new Request('https://example.test/a');
    await handle(request, { params: 'x' });
    expect(seen[0]).toBe(request);
    expect(seen[1]).toEqual({ params: 'x' });
  });

  it('may answer at once, without a promise', async () => {
    const { get } = cachedHandler(() => new Response('now'));
    expect(await (await get()).text()).toBe('now');
  });

  it('gives each caller a response of their own', async () => {
    const { get, settled } = cachedHandler();
    await (await get()).text();
    await settled();
    const [one, other] = [await get(), await get()];
    one.headers.set('x-own', '1');
    expect(await one.text()).toBe('page 1');
    expect(await other.text()).toBe('page 1');
    expect(other.headers.has('x-own')).toBe(false);
  });

  it('has its response told to others in other processes, in one request', async () => {
    const first = cachedHandler();
    await (await first.get()).text();
    await first.settled();
    const second = cachedHandler(page(), {}, {}, first);
    const before = first.store.requests.length;
    expect(await told(second.get())).toBe('200 breakwater; hit; ttl=60 page 1');
    expect(first.store.requests.length - before).toBe(1);
    expect(second.asked).toHaveLength(0);
  });

  it('is asked for each URL, host and declared header', async () => {
    const { get, handle, asked, settled } = cachedHandler(page(), { varyOn: ['accept-language'] });
    for (const [path, headers] of [
      ['/a', {}],
      ['/b', {}],
      ['/a?x=1', {}],
      ['/a', { 'accept-language': 'de' }],
      ['/a', { 'accept-language': 'en' }],
      ['/a', { host: 'other.test' }],
    ] as const) {
      expect(await told(get(path, headers))).toContain('fwd=miss');
      await settled();
    }
    expect(await told(handle(new Request('https://other.test/a')))).toContain('fwd=miss');
    expect(asked).toHaveLength(7);
    await settled();
    expect(await told(get('/a', { 'accept-language': 'de' }))).toMatch(/hit.* page 4$/);
  });
});

describe('what goes past the cache', () => {
  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('is a %s: nobody touches the response', async (method) => {
    const response = new Response('made');
    const { get, store } = cachedHandler(() => response);
    expect(await get('/a', {}, method)).toBe(response);
    expect(store.requests).toEqual([]);
  });

  it('is a request for a part', async () => {
    const response = new Response('a', {
      status: 206,
      headers: { 'content-range': 'bytes 0-0/9', 'cache-control': 'max-age=60' },
    });
    const { get, store } = cachedHandler(() => response);
    expect(await get('/a', { range: 'bytes=0-0' })).toBe(response);
    expect(store.requests).toEqual([]);
  });

  it.each(['authorization', 'cookie', 'x-api-key', 'x-breakwater-identity'])(
    'is a request with %s: it gets nothing of others, and others get nothing of it',
    async (name) => {
      const { get, store, settled } = cachedHandler(page({ 'cache-control': 'public, max-age=60' }));
      expect(await told(get('/a', { [name]: 'secret' }))).toBe('200 breakwater; fwd=bypass page 1');
      expect(store.requests).toEqual([]);
      expect(await told(get())).toBe('200 breakwater; fwd=miss page 2');
      await settled();
      expect(await told(get('/a', { [name]: 'secret' }))).toBe('200 breakwater; fwd=bypass page 3');
      expect(await told(get())).toMatch(/hit.* page 2$/);
    },
  );

  it('is not one whose credentials are part of the key: each has responses of its own', async () => {
    const { get, store, settled } = cachedHandler(page(), { varyOn: ['authorization'] });
    for (const who of ['alice', 'bob']) {
      expect(await told(get('/a', { authorization: who }))).toContain('fwd=miss');
      await settled();
    }
    expect(await told(get('/a', { authorization: 'alice' }))).toMatch(/hit.* page 1$/);
    expect(await told(get('/a', { authorization: 'bob' }))).toMatch(/hit.* page 2$/);
    expect(await told(get())).toContain('fwd=miss');
    expect(JSON.stringify(store.requests)).not.toMatch(/alice|bob/);
  });

  it('is a URL that is too long to be named', async () => {
    const { get, store } = cachedHandler();
    expect(await told(get(`/?${'p=1&'.repeat(10_000)}`))).toBe('200 breakwater; fwd=bypass page 1');
    expect(store.requests).toEqual([]);
  });
});

describe('what is not stored', () => {
  it.each([
    ['set-cookie', { 'set-cookie': 'id=1' }, 200],
    ['cache-control', { 'cache-control': 'private, max-age=60' }, 200],
    ['cache-control', { 'cache-control': 'no-store' }, 200],
    ['vary', { vary: 'x-tenant' }, 200],
    ['status', {}, 404],
    ['status', {}, 302],
    ['lifetime', { 'cache-control': 'max-age=0' }, 200],
    ['event-stream', { 'content-type': 'text/event-stream' }, 200],
    ['encoding', { 'content-encoding': 'br' }, 200],
  ] as const)('is told by its reason, %s, and is new each time', async (reason, headers, status) => {
    const { get, settled } = cachedHandler(
      page(headers, { status, headers: { 'cache-control': 'max-age=60', ...headers } }),
    );
    for (const call of [1, 2]) {
      expect(await told(get())).toBe(`${status} breakwater; fwd=miss; stored=?0; detail=${reason} page ${call}`);
      await settled();
    }
  });

  it('reaches its caller whole: cookies, headers, body', async () => {
    const { get } = cachedHandler(() => {
      const response = new Response('hello', { status: 201, statusText: 'Made', headers: { 'x-own': '1' } });
      response.headers.append('set-cookie', 'a=1');
      response.headers.append('set-cookie', 'b=2');
      return response;
    });
    const response = await get();
    expect([response.status, response.statusText, response.headers.get('x-own')]).toEqual([201, 'Made', '1']);
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect(await response.text()).toBe('hello');
  });

  it('is an error of the server', async () => {
    const { get, settled } = cachedHandler(page({}, { status: 503, headers: { 'cache-control': 'max-age=60' } }));
    for (const call of [1, 2]) {
      expect(await told(get())).toBe(`503 breakwater; fwd=miss page ${call}`);
      await settled();
    }
  });

  it('is the answer to a request that asks for that; what is stored answers it all the same', async () => {
    const { get, settled } = cachedHandler();
    const noStore = { 'cache-control': 'no-store' };
    expect(await told(get('/a', noStore))).toBe('200 breakwater; fwd=miss page 1');
    await settled();
    expect(await told(get())).toBe('200 breakwater; fwd=miss page 2');
    await settled();
    expect(await told(get('/a', noStore))).toMatch(/hit.* page 2$/);
  });
});

describe('HEAD', () => {
  it('is answered from what a GET stored, without its body', async () => {
    const { get, settled } = cachedHandler(page({ etag: '"a"' }));
    await (await get()).text();
    await settled();
    const response = await get('/a', {}, 'HEAD');
    expect([
      response.status,
      response.body,
      response.headers.get('etag'),
      response.headers.get('content-length'),
    ]).toEqual([200, null, '"a"', '6']);
    expect(response.headers.get('cache-status')).toBe('breakwater; hit; ttl=60');
  });

  it('stores nothing that a GET could be given', async () => {
    const { get, asked, settled } = cachedHandler(
      () => new Response(null, { headers: { 'cache-control': 'max-age=60' } }),
    );
    expect(await told(get('/a', {}, 'HEAD'))).toBe('200 breakwater; fwd=miss ');
    await settled();
    expect(await told(get())).toContain('fwd=miss');
    expect(asked.map(({ method }) => method)).toEqual(['HEAD', 'GET']);
  });
});

describe('a conditional request', () => {
  it('is answered by 304 from what is stored', async () => {
    const { get, asked, settled } = cachedHandler(page({ etag: '"a"', 'content-type': 'text/plain' }));
    await (await get()).text();
    await settled();
    const response = await get('/a', { 'if-none-match': 'W/"a"' });
    expect([response.status, response.body]).toEqual([304, null]);
    expect(Object.fromEntries(response.headers)).toEqual({
      age: '0',
      'cache-control': 'max-age=60',
      'cache-status': 'breakwater; hit; ttl=60',
      date: 'Thu, 01 Jan 2026 00:00:00 GMT',
      etag: '"a"',
    });
    expect(await told(get('/a', { 'if-none-match': '"b"' }))).toMatch(/^200 .*hit.* page 1$/);
    expect((await get('/a', { 'if-none-match': '"a"' }, 'HEAD')).status).toBe(304);
    expect(asked).toHaveLength(1);
  });

  it('fills the cache for others, and gets its 304: the handler sees no condition', async () => {
    const { get, asked, settled } = cachedHandler(page({ etag: '"a"' }));
    expect(await told(get('/a', { 'if-none-match': '"a"', accept: 'text/html' }))).toBe('304 breakwater; fwd=miss ');
    expect(Object.fromEntries(asked[0]?.headers ?? [])).toEqual({ accept: 'text/html' });
    await settled();
    expect(await told(get())).toMatch(/^200 .*hit.* page 1$/);
  });

  it('reaches the handler as it is where the cache has no part in it', async () => {
    const { get, asked } = cachedHandler();
    await get('/a', { 'if-none-match': '"a"', cookie: 'a=1' });
    await get('/a', { 'if-match': '"a"' });
    expect(asked.map(({ headers }) => headers.get('if-none-match') ?? headers.get('if-match'))).toEqual(['"a"', '"a"']);
  });
});

describe('what a request wants of the cache', () => {
  const noCache = { 'cache-control': 'no-cache' };
  const onlyIfCached = { 'cache-control': 'only-if-cached' };

  it('is nothing to it by default', async () => {
    const { get, settled } = cachedHandler();
    expect(await told(get('/a', onlyIfCached))).toBe('200 breakwater; fwd=miss page 1');
    await settled();
    expect(await told(get('/a', noCache))).toMatch(/hit.* page 1$/);
  });

  it('is a new response, which others get too, where that is honoured', async () => {
    const { get, settled } = cachedHandler(page(), { honourRequestDirectives: true });
    await (await get()).text();
    await settled();
    expect(await told(get('/a', noCache))).toBe('200 breakwater; fwd=request page 2');
    await settled();
    expect(await told(get())).toMatch(/hit.* page 2$/);
  });

  it('leaves what is stored where the new one cannot be', async () => {
    const { get, answerBy, settled } = cachedHandler(page(), { honourRequestDirectives: true });
    await (await get()).text();
    await settled();
    answerBy(page({ 'set-cookie': 'a=1' }));
    expect(await told(get('/a', noCache))).toBe('200 breakwater; fwd=request; stored=?0; detail=set-cookie page 2');
    answerBy(() => Promise.reject(new Error('broken')));
    await expect(get('/a', noCache)).rejects.toThrow('broken');
    await settled();
    expect(await told(get())).toMatch(/hit.* page 1$/);
  });

  it('is what is stored or nothing, where that is honoured', async () => {
    const { get, asked, settled } = cachedHandler(page(), { honourRequestDirectives: true });
    expect(await told(get('/a', onlyIfCached))).toBe('504 breakwater; detail=only-if-cached ');
    expect(asked).toHaveLength(0);
    await (await get()).text();
    await settled();
    expect(await told(get('/a', onlyIfCached))).toMatch(/^200 .*hit.* page 1$/);
  });
});

describe('what ends a response', () => {
  it('is one of its tags', async () => {
    const { get, cache, settled } = cachedHandler(page(), {
      tags: (request, response) => [new URL(request.url).pathname, `status:${response.status}`],
    });
    for (const path of ['/a', '/b']) {
      await (await get(path)).text();
      await settled();
    }
    await cache.invalidateTags(['/a']);
    expect(await told(get('/b'))).toMatch(/hit.* page 2$/);
    expect(await told(get('/a'))).toBe('200 breakwater; fwd=miss page 3');
    await settled();
    await cache.invalidateTags(['status:200']);
    expect(await told(get('/a'))).toBe('200 breakwater; fwd=miss page 4');
  });

  it('is to delete it by its key', async () => {
    const options = { varyOn: ['accept-language'] };
    const { get, cache, settled } = cachedHandler(page(), options);
    await (await get('/a?y=1&x=2')).text();
    await settled();
    await cache.delete(await requestKey(new Request('https://example.test/a?x=2&y=1'), options));
    expect(await told(get('/a?y=1&x=2'))).toBe('200 breakwater; fwd=miss page 2');
  });

  it('is told to who asks, where its tags cannot be', async () => {
    const tooMany = cachedHandler(page(), { tags: () => Array.from({ length: 33 }, (_, at) => `t${at}`) });
    await expect(tooMany.get()).rejects.toMatchObject({ code: 'CONFIG', setting: 'tags' });
    const broken = cachedHandler(page(), {
      tags: () => {
        throw new Error('no tags');
      },
    });
    await expect(broken.get()).rejects.toThrow('no tags');
  });
});

describe('a response that is not found', () => {
  it('is stored for a short while where that is wanted', async () => {
    const { get, clock, settled } = cachedHandler(() => new Response('none', { status: 404 }), {
      ttlMs: 60_000,
      negativeTtlMs: 5_000,
    });
    expect(await told(get())).toBe('404 breakwater; fwd=miss none');
    await settled();
    clock.advance(4_999);
    expect(await told(get())).toBe('404 breakwater; hit; ttl=0 none');
    clock.advance(1);
    expect(await told(get())).toBe('404 breakwater; fwd=miss none');
  });
});

describe('an entry that is no response', () => {
  it('is nothing to be served', async () => {
    const { get, cache } = cachedHandler();
    const key = await requestKey(new Request('https://example.test/a'));
    await cache.set(key, { name: 'of another cache' } as never, { ttlMs: 60_000 });
    expect(await told(get())).toBe('200 breakwater; fwd=miss page 1');
    expect(await told(get('/a', {}, 'HEAD'))).toContain('fwd=miss');
  });
});
