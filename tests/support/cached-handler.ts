import { type CacheOptions, createCache } from '../../lib/cache/cache.ts';
import { cacheResponse } from '../../lib/cache/http/response-cache.ts';
import type { ResponseCacheOptions } from '../../lib/cache/http/response-cache-options.ts';
import type { StoredResponse } from '../../lib/cache/http/stored-response.ts';
import { createKv } from '../../lib/client/kv-client.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import { type ManualClock, manualClock } from '../../lib/testing/manual-clock.ts';
import { type WatchedStore, watchedStore } from './watched-store.ts';

type Answer = (request: Request, call: number) => Response | Promise<Response>;

/** What a handler answers that has nothing to hide: which call it was, good for a minute. */
export const page =
  (headers: Record<string, string> = {}, init: ResponseInit = {}): Answer =>
  (_request, call) =>
    new Response(`page ${call}`, { headers: { 'cache-control': 'max-age=60', ...headers }, ...init });

/** A handler behind a cache, in a store of its own unless one is shared, on a clock that the test moves. */
export function cachedHandler(
  answer: Answer = page(),
  options: Partial<ResponseCacheOptions> = {},
  cacheOptions: Partial<CacheOptions<StoredResponse>> = {},
  shared: { readonly clock?: ManualClock; readonly store?: WatchedStore; readonly coalesce?: 'request' } = {},
) {
  const { clock = manualClock(Date.UTC(2026, 0, 1)) } = shared;
  const { store = watchedStore(memoryStore({ clock })) } = shared;
  const kv = createKv({ store, clock, coalesce: shared.coalesce });
  const cache = createCache<StoredResponse>({
    ...{ kv, namespace: 'pages', ttlMs: 1, jitter: 0, earlyRefresh: 0 },
    ...cacheOptions,
  });
  const asked: Request[] = [];
  const outliving: Promise<unknown>[] = [];
  let current = answer;
  const handler = (request: Request) => {
    asked.push(request);
    return current(request, asked.length);
  };
  const handle = cacheResponse(handler, { cache, clock, waitUntil: (promise) => outliving.push(promise), ...options });
  return {
    clock,
    store,
    cache,
    /** The requests that the handler was asked. */
    asked,
    /** From now on the handler answers so. */
    answerBy(next: Answer) {
      current = next;
    },
    handle,
    /** When all is stored that is going to be. */
    async settled() {
      await Promise.all(outliving);
      await cache.settled();
    },
    get: (path = '/a', headers: Record<string, string> = {}, method = 'GET') =>
      handle(new Request(`https://example.test${path}`, { method, headers })),
  };
}

/** Status, what the cache says, body. */
export async function told(response: Response | Promise<Response>): Promise<string> {
  const { status, headers } = await response;
  return `${status} ${headers.get('cache-status')} ${await (await response).text()}`;
}
