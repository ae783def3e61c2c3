import { expect, it } from 'vitest';
import { createCache } from '../../../lib/cache/cache.ts';
import { cacheResponse } from '../../../lib/cache/http/response-cache.ts';
import type { StoredResponse } from '../../../lib/cache/http/stored-response.ts';
import { createKv } from '../../../lib/client/kv-client.ts';
import { onEveryStore } from '../../support/every-store.ts';

const bodies = { text: 'Grüße \u{1f30a}', bytes: Uint8Array.from({ length: 256 }, (_, at) => at) };

onEveryStore('a cached handler', (current) => {
  /** A process of its own: what it knows it has from the store. */
  const started = (asked: string[]) => {
    const cache = createCache<StoredResponse>({ kv: createKv({ store: current() }), namespace: 'pages', ttlMs: 1_000 });
    const outliving: Promise<unknown>[] = [];
    const handler = ({ url }: Request) => {
      asked.push(new URL(url).pathname);
      const body = url.endsWith('/text') ? bodies.text : bodies.bytes;
      return new Response(body, { headers: { 'cache-control': 'max-age=60', etag: '"a"' } });
    };
    return {
      cache,
      handle: cacheResponse(handler, {
        cache,
        tags: ({ url }) => [new URL(url).pathname],
        waitUntil: (promise) => outliving.push(promise),
      }),
      async settled() {
        await Promise.all(outliving);
        await cache.settled();
      },
    };
  };
  const status = (response: Response) => response.headers.get('cache-status') ?? '';

  it('is asked once for all processes, until what it said is invalidated', async () => {
    const asked: string[] = [];
    const [one, other] = [started(asked), started(asked)];
    for (const [path, body] of [
      ['/text', new TextEncoder().encode(bodies.text)],
      ['/bytes', bodies.bytes],
    ] as const) {
      const request = () => new Request(`https://example.test${path}`);
      const first = await one.handle(request());
      expect(status(first)).toBe('breakwater; fwd=miss');
      expect(new Uint8Array(await first.arrayBuffer())).toEqual(body);
      await one.settled();
      const second = await other.handle(request());
      expect(status(second)).toMatch(/^breakwater; hit; ttl=\d+$/);
      expect(new Uint8Array(await second.arrayBuffer())).toEqual(body);
      const third = await other.handle(new Request(request(), { headers: { 'if-none-match': '"a"' } }));
      expect(third.status).toBe(304);
    }
    expect(asked).toEqual(['/text', '/bytes']);
    expect(await one.cache.invalidateTags(['/text'])).toEqual({ propagated: true });
    expect(status(await one.handle(new Request('https://example.test/text')))).toBe('breakwater; fwd=miss');
    expect(asked).toHaveLength(3);
  });
});
