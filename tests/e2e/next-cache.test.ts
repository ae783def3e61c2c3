import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { NextServer } from '../../cli/next-server.ts';
import { type RestEndpoint, startRestEndpoint } from '../../cli/rest/endpoint.ts';
import { redisStore } from '../../lib/store/redis.ts';
import type { Store } from '../../lib/store/store.ts';
import { buildCacheApp, type CacheApp } from '../support/cache-app.ts';
import { eventually } from '../support/eventually.ts';
import { ask, environmentOf, freePort } from '../support/next-app.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';

let app: CacheApp;
let redis: RedisServer;
let store: Store;
let endpoint: RestEndpoint;
let origin: Server;
let asked = 0;
let one: NextServer;
let other: NextServer;
let local: NextServer;

beforeAll(async () => {
  app = await buildCacheApp();
  redis = await startRedis({ aof: true });
  store = redisStore({ url: redis.url });
  endpoint = await startRestEndpoint({
    store,
    token: environmentOf({ url: '' } as RestEndpoint).KV_REST_API_TOKEN ?? '',
  });
  origin = createServer((_, response) => {
    asked += 1;
    response.end(`answer ${asked}`);
  });
  const originPort = await freePort();
  await new Promise<void>((resolve) => origin.listen(originPort, '127.0.0.1', resolve));
  const env = { ...environmentOf(endpoint), ORIGIN: `http://127.0.0.1:${originPort}/` };
  const start = async (more = {}) => app.start({ port: await freePort(), env: { ...env, ...more } });
  one = await start();
  other = await start();
  local = await start({ ENABLE_REDIS_CACHE: 'false' });
}, 240_000);

afterAll(async () => {
  await Promise.all([one, other, local].map((server) => server?.stop()));
  origin?.close();
  await endpoint?.close();
  await store?.close();
  await redis?.stop();
  await app?.remove();
});

beforeEach(async () => {
  await store.execute([['FLUSHALL']]);
});

async function read(server: NextServer, path: string): Promise<string> {
  const response = await ask(server, { path });
  const text = await response.text();
  expect(response.status, text).toBe(200);
  return /made .* end/.exec(text)?.[0] ?? text;
}

async function revalidate(server: NextServer, query: string): Promise<void> {
  expect((await ask(server, { path: `/revalidate?${query}`, method: 'POST' })).status).toBe(204);
}

describe.each([
  ["'use cache: remote'", '/number?name=a', 'number-a', '/number'],
  ['a fetch', '/origin', 'origin', '/origin'],
  ['a page', '/page', 'page', '/page'],
])('%s, over two processes of one build', (_, path, tag, route) => {
  it('is made in one and read in the other', async () => {
    const made = await read(one, path);
    await eventually(async () => (await read(one, path)) === (await read(other, path)));
    expect(await read(one, path)).toBe(await read(other, path));
    expect(typeof made).toBe('string');
  });

  it('is made anew in both once its tag was revalidated in one', async () => {
    const before = await read(one, path);
    expect(await read(other, path)).toBe(before);
    await revalidate(one, `tag=${tag}`);
    const after = await read(other, path);
    expect(after).not.toBe(before);
    expect(await read(one, path)).toBe(after);
  });
});
