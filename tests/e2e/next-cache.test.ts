import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { NextServer } from '../../cli/next-server.ts';
import { type RestEndpoint, startRestEndpoint } from '../../cli/rest/endpoint.ts';
import { redisStore } from '../../lib/store/redis.ts';
import type { Store } from '../../lib/store/store.ts';
import { buildCacheApp, type CacheApp } from '../support/cache-app.ts';
import { eventually } from '../support/eventually.ts';
import { ask, environmentOf, freePort, TOKEN } from '../support/next-app.ts';
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
  endpoint = await startRestEndpoint({ store, token: TOKEN });
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

/** Next answers a route handler before its caches are told: they may hear of it a moment later. */
async function revalidate(server: NextServer, query: string): Promise<void> {
  expect((await ask(server, { path: `/revalidate?${query}`, method: 'POST' })).status).toBe(204);
}

/** Once one process has made it, which Next may do after it has answered. */
async function madeOnce(path: string): Promise<string> {
  await read(one, path);
  await eventually(async () => (await read(one, path)) === (await read(other, path)));
  return read(one, path);
}

const CACHES: readonly (readonly [string, string, string])[] = [
  ["'use cache: remote'", '/number?name=a', 'number-a'],
  ['a fetch', '/origin', 'origin'],
  ['a page', '/page', 'page'],
];

describe.each(CACHES)('%s, over two processes of one build', (_, path, tag) => {
  it('is made in one and read in the other', async () => {
    const made = await madeOnce(path);
    expect([await read(one, path), await read(other, path)]).toEqual([made, made]);
  });

  it('is made anew, for both, once its tag was revalidated in one', async () => {
    const before = await madeOnce(path);
    await revalidate(one, `tag=${tag}`);
    await eventually(async () => (await read(other, path)) !== before);
    expect(await read(one, path)).not.toBe(before);
    expect(await madeOnce(path)).not.toBe(before);
  });

  it('is made anew, for both, after a revalidation by a profile in one', async () => {
    const before = await madeOnce(path);
    await revalidate(one, `tag=${tag}&expire=300`);
    await eventually(async () => (await read(other, path)) !== before);
    expect(await madeOnce(path)).not.toBe(before);
  });
});

describe('the tags of a path', () => {
  it.each([
    ["'use cache: remote'", '/number?name=a', '/number'],
    ['a fetch', '/origin', '/origin'],
    ['a page', '/page', '/page'],
  ])('end %s in both processes with revalidatePath in one', async (_, path, route) => {
    const before = await madeOnce(path);
    await revalidate(one, `path=${route}`);
    await eventually(async () => (await read(other, path)) !== before);
    expect(await read(one, path)).not.toBe(before);
  });
});

describe('Redis killed', () => {
  it('leaves pages that render, from what each process has kept, and they are shared again when it is back', async () => {
    const made = await Promise.all(CACHES.map(([, path]) => madeOnce(path)));
    await redis.kill();
    for (const [index, [, path]] of CACHES.entries()) expect(await read(other, path)).toBe(made[index]);
    expect(await read(one, '/number?name=never-seen')).toMatch(/^\d+ 0\./);
    await revalidate(one, 'tag=number-a');
    await eventually(async () => (await read(one, '/number?name=a')) !== made[0]);
    expect(await read(other, '/number?name=a')).toBe(made[0]);
    await redis.restart();
    // What one process has revalidated meanwhile, the other learns of as soon as both have Redis again.
    await eventually(async () => {
      await read(one, '/number?name=a');
      return (await read(other, '/number?name=a')) !== made[0];
    });
    for (const [, path] of CACHES) await madeOnce(path);
  });
});

describe('ENABLE_REDIS_CACHE=false', () => {
  it('renders pages without Redis', async () => {
    for (const [, path] of CACHES) await read(local, path);
    expect((await store.execute([['DBSIZE']]))[0]).toBe(0);
  });
});
