import { connect } from 'node:net';
import { Redis } from '@upstash/redis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type RestEndpoint, startRestEndpoint } from '../../cli/rest/endpoint.ts';
import { channelsIn } from '../../cli/rest/event-streams.ts';
import { StoreError } from '../../lib/errors.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import { redisStore } from '../../lib/store/redis.ts';
import type { Store } from '../../lib/store/store.ts';
import { eventually } from '../support/eventually.ts';
import { realRedis } from '../support/every-store.ts';
import { startRedis } from '../support/redis-server.ts';

const TOKEN = 'owner-token';

const redis = realRedis();
let endpoint: RestEndpoint;
beforeAll(async () => {
  endpoint = await startRestEndpoint({ store: redis.store, token: TOKEN, readOnlyToken: 'reader-token' });
});
afterAll(() => endpoint.close());

const callers: AbortController[] = [];
afterEach(() => {
  for (const caller of callers.splice(0)) caller.abort();
});

interface Stream {
  readonly response: Response;
  text(): string;
  /** Whether the other side has ended it, as it should be ended. */
  ended(): boolean;
  leave(): void;
}

async function listen(path: string, { url, token = TOKEN }: { url?: string; token?: string } = {}): Promise<Stream> {
  const caller = new AbortController();
  callers.push(caller);
  const headers = { authorization: `Bearer ${token}`, accept: 'text/event-stream' };
  const response = await fetch(`${url ?? endpoint.url}${path}`, { headers, signal: caller.signal });
  let text = '';
  let ended = false;
  const read = async () => {
    for await (const chunk of response.body ?? []) text += new TextDecoder().decode(chunk);
  };
  read().then(
    () => {
      ended = true;
    },
    () => undefined,
  );
  return { response, text: () => text, ended: () => ended, leave: () => caller.abort() };
}

const publish = (channel: string, text: string) => redis.store.execute([['PUBLISH', channel, text]]);

async function hasSubscribers(count: number): Promise<void> {
  await eventually(async () => {
    const [reply] = await redis.store.execute([['PUBSUB', 'NUMSUB', 'news']]);
    return Array.isArray(reply) && reply[1] === count;
  });
}

describe('the path /subscribe', () => {
  it('answers with events, beginning with those that say what is heard', async () => {
    const stream = await listen('/subscribe/news/a%2Cb%20c');
    expect(stream.response.status).toBe(200);
    expect(stream.response.headers.get('content-type')).toBe('text/event-stream');
    await eventually(() => stream.text() === 'data: subscribe,news,1\n\ndata: subscribe,a,b c,2\n\n');
    await publish('news', 'one, two');
    await publish('a,b c', 'of two\nlines\r\nor three');
    const expected = 'data: message,news,one, two\n\ndata: message,a,b c,of two\ndata: lines\ndata: or three\n\n';
    await eventually(() => stream.text().endsWith(expected));
  });

  it.each([
    ['/subscribe/a', ['a']],
    ['/SUBSCRIBE/a/b/', ['a', 'b']],
    ['/subscribe/a%2Fb?_token=x', ['a/b']],
    ['/subscribe', undefined],
    ['/subscribe/', undefined],
    ['/psubscribe/a', undefined],
    ['/get/subscribe', undefined],
    ['/', undefined],
  ])('%s asks for %j', (path, channels) => {
    expect(channelsIn(path)).toEqual(channels);
  });

  it('wants the token, and not that for reading', async () => {
    for (const [token, status] of [
      ['wrong', 401],
      ['reader-token', 400],
    ] as const) {
      const { response, text } = await listen('/subscribe/news', { token });
      expect(response.status).toBe(status);
      await eventually(() => text() !== '');
    }
    await hasSubscribers(0);
    // For a browser's EventSource, which can set no header.
    const inQuery = await listen(`/subscribe/news?_token=${TOKEN}`, { token: '' });
    expect(inQuery.response.status).toBe(200);
    inQuery.leave();
    expect((await listen('/subscribe/%zz')).response.status).toBe(400);
    await hasSubscribers(0);
  });

  it('releases what a client leaves', async () => {
    const streams = await Promise.all(Array.from({ length: 5 }, () => listen('/subscribe/news')));
    await hasSubscribers(1);
    for (const stream of streams) stream.leave();
    await hasSubscribers(0);
  });

  it('takes 256 clients at a time', async () => {
    const behind = memoryStore();
    const own = await startRestEndpoint({ store: behind, token: TOKEN });
    const streams = await Promise.all(Array.from({ length: 256 }, () => listen('/subscribe/news', { url: own.url })));
    expect(new Set(streams.map(({ response }) => response.status))).toEqual(new Set([200]));
    const { response } = await listen('/subscribe/news', { url: own.url });
    expect(response.status).toBe(503);
    streams[0]?.leave();
    await eventually(async () => (await listen('/subscribe/news', { url: own.url })).response.status === 200);
    await own.close();
    await behind.close();
  });

  it('leaves a client that does not read', async () => {
    const behind = memoryStore();
    const own = await startRestEndpoint({ store: behind, token: TOKEN });
    const socket = connect(own.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.pause();
    socket.write(`GET /subscribe/news HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${TOKEN}\r\n\r\n`);
    const receivers = async () => (await behind.execute([['PUBLISH', 'news', 'x'.repeat(500_000)]]))[0];
    await eventually(async () => (await receivers()) === 1);
    await eventually(async () => (await receivers()) === 0);
    socket.destroy();
    await own.close();
    await behind.close();
  });

  it('ends its answers when the endpoint is closed', async () => {
    const own = await startRestEndpoint({ store: redis.store, token: TOKEN });
    const stream = await listen('/subscribe/news', { url: own.url });
    await own.close();
    await eventually(() => stream.ended());
    await hasSubscribers(0);
  });

  it('ends its answers when Redis is lost, so that clients know of the gap, and takes no more until it is back', async () => {
    const other = await startRedis();
    const behind = redisStore({ url: other.url });
    const own = await startRestEndpoint({ store: behind, token: TOKEN });
    const stream = await listen('/subscribe/news', { url: own.url });
    await other.kill();
    await eventually(() => stream.ended());
    expect((await listen('/subscribe/news', { url: own.url })).response.status).toBe(503);
    await other.restart();
    expect((await listen('/subscribe/news', { url: own.url })).response.status).toBe(200);
    await own.close();
    await behind.close();
    await other.stop();
  });

  it.each(['HEAD', 'PUT', 'DELETE'])('is for GET and POST, and not for %s', async (method) => {
    const headers = { authorization: `Bearer ${TOKEN}` };
    const signal = AbortSignal.timeout(5_000);
    const response = await fetch(`${endpoint.url}/subscribe/news`, { method, headers, signal });
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, POST']);
  });

  it('is refused as by a store that is away when the store is closed', async () => {
    const behind = memoryStore();
    await behind.close();
    const own = await startRestEndpoint({ store: behind, token: TOKEN });
    expect((await listen('/subscribe/news', { url: own.url })).response.status).toBe(503);
    await own.close();
  });

  it('is refused without the reasons by a store that cannot subscribe', async () => {
    const plain: Store = {
      kind: 'redis',
      execute: () => Promise.reject(new StoreError('network', 'secret reasons')),
      close: async () => undefined,
    };
    const own = await startRestEndpoint({ store: plain, token: TOKEN });
    const { response, text } = await listen('/subscribe/news', { url: own.url });
    expect(response.status).toBe(503);
    await eventually(() => text() !== '');
    expect(text()).not.toContain('secret');
    await own.close();
  });
});

describe('@upstash/redis', () => {
  it('subscribes here as it does to Upstash', async () => {
    const redis = new Redis({ url: endpoint.url, token: TOKEN, enableTelemetry: false });
    const subscriber = redis.subscribe<unknown>(['news', 'other']);
    const heard: unknown[] = [];
    const subscribed: unknown[] = [];
    subscriber.on('subscribe', (count) => subscribed.push(count));
    subscriber.on('message', ({ channel, message }) => heard.push([channel, message]));
    await eventually(() => subscribed.length === 2);
    expect(await redis.publish('news', { a: ['b,c', 1] })).toBe(1);
    await eventually(() => heard.length === 1);
    await redis.publish('other', 'text');
    await eventually(() => heard.length === 2);
    expect(heard[0]).toEqual(['news', { a: ['b,c', 1] }]);
    await subscriber.unsubscribe();
    await hasSubscribers(0);
  });
});
