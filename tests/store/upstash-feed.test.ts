import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type RestEndpoint, startRestEndpoint } from '../../cli/rest/endpoint.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import type { Store, SubscriptionState } from '../../lib/store/store.ts';
import { upstashStore } from '../../lib/store/upstash.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { eventually } from '../support/eventually.ts';
import { heardSubscription } from '../support/heard-subscription.ts';

const TOKEN = 'secret-token';
const opened: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

/** A store on an endpoint that answers as it likes. */
async function storeOn(answer: RequestListener): Promise<Store> {
  const server: Server = createServer(answer).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const store = upstashStore({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, token: TOKEN });
  opened.push(
    () => server.close(),
    () => server.closeAllConnections(),
    () => store.close(),
  );
  return store;
}

const EVENTS = { 'content-type': 'text/event-stream; charset=utf-8' };

/** The first state that an endpoint leads to. */
async function firstState(answer: RequestListener): Promise<SubscriptionState | undefined> {
  const subscription = heardSubscription(await storeOn(answer));
  await eventually(() => subscription.states.length > 0);
  return subscription.states[0];
}

describe('a subscription over REST', () => {
  it('asks for each channel by a request of its own, with the token, and for events', async () => {
    const asked: string[] = [];
    const store = await storeOn((request, response) => {
      const { accept, authorization } = request.headers;
      asked.push([request.method, request.url, accept, authorization].join(' '));
      response.writeHead(200, EVENTS).write(`data: subscribe,${request.url === '/subscribe/a' ? 'a' : 'b/c d'},1\n\n`);
    });
    await heardSubscription(store, ['a', 'b/c d']).connected();
    expect(asked.sort()).toEqual([
      `POST /subscribe/a text/event-stream Bearer ${TOKEN}`,
      `POST /subscribe/b%2Fc%20d text/event-stream Bearer ${TOKEN}`,
    ]);
  });

  it('asks once for a channel that is named twice', async () => {
    const asked: (string | undefined)[] = [];
    const store = await storeOn((request, response) => {
      asked.push(request.url);
      response.writeHead(200, EVENTS).write('data: subscribe,a,1\n\ndata: message,a,one\n\n');
    });
    const subscription = heardSubscription(store, ['a', 'a']);
    await subscription.connected();
    await eventually(() => subscription.texts.length > 0);
    expect(asked).toEqual(['/subscribe/a']);
    expect(subscription.texts).toEqual(['one']);
  });

  it('is connected when all channels are heard, and lost when one of them is', async () => {
    const answers = new Map<string, { write(text: string): unknown; destroy(): unknown }>();
    const store = await storeOn((request, response) => {
      response.writeHead(200, EVENTS).flushHeaders();
      answers.set(request.url ?? '', response);
    });
    const subscription = heardSubscription(store, ['a', 'b']);
    await eventually(() => answers.size === 2);
    answers.get('/subscribe/a')?.write('data: subscribe,a,1\n\ndata: message,a,one\n\n');
    await eventually(() => subscription.texts.length === 1);
    expect(subscription.states).toEqual([]);
    answers.get('/subscribe/b')?.write('data: subscribe,b,1\n\n');
    await subscription.connected();
    answers.get('/subscribe/b')?.destroy();
    await eventually(() => subscription.states.length === 2);
    expect(subscription.states[1]).toMatchObject({ state: 'reconnecting', error: { kind: 'network' } });
    expect(subscription.texts).toEqual(['one']);
  });

  it('hears messages of its channel only, whatever else is sent', async () => {
    const lines = [
      'subscribe,news,1',
      'message,other,not ours',
      'message,news',
      'message',
      'unsubscribe,news,0',
      'pmessage,n*,news,no',
      'nonsense',
      '',
      'message,news,',
      'message,news,a,b,"c"',
    ];
    const store = await storeOn((_, response) => {
      response.writeHead(200, EVENTS).write(`: hello\n${lines.map((line) => `data: ${line}\n\n`).join('')}`);
    });
    const subscription = heardSubscription(store);
    await eventually(() => subscription.texts.length === 2);
    expect(subscription.texts).toEqual(['', 'a,b,"c"']);
  });

  it.each([
    [401, { state: 'closed', error: { kind: 'auth' } }],
    [403, { state: 'closed', error: { kind: 'auth' } }],
    [404, { state: 'reconnecting', error: { kind: 'protocol' } }],
    [429, { state: 'reconnecting', error: { kind: 'http' } }],
    [500, { state: 'reconnecting', error: { kind: 'http' } }],
    [503, { state: 'reconnecting', error: { kind: 'http' } }],
  ])('that is answered with status %i is %o', async (status, expected) => {
    expect(await firstState((_, response) => response.writeHead(status).end('{"error":"no"}'))).toMatchObject(expected);
  });

  it.each([
    ['NOPERM this user has no permissions', { state: 'closed', error: { kind: 'auth' } }],
    ['ERR max daily request limit exceeded', { state: 'reconnecting', error: { kind: 'quota' } }],
  ])('that is refused in the words %s is %o', async (error, expected) => {
    const state = await firstState((_, response) => response.writeHead(400).end(JSON.stringify({ error })));
    expect(state).toMatchObject(expected);
  });

  it('follows no redirect', async () => {
    let followed = 0;
    const state = await firstState((request, response) => {
      if (request.url === '/elsewhere') followed += 1;
      response.writeHead(302, { location: '/elsewhere' }).end();
    });
    expect(state).toMatchObject({ state: 'reconnecting', error: { kind: 'protocol' } });
    expect(followed).toBe(0);
  });

  it.each(['application/json', 'text/html', 'text/event-streams', ''])(
    'takes no answer of type %j for events',
    async (type) => {
      const state = await firstState((_, response) => {
        response.writeHead(200, type === '' ? {} : { 'content-type': type }).end('data: subscribe,news,1\n\n');
      });
      expect(state).toMatchObject({ state: 'reconnecting', error: { kind: 'protocol' } });
    },
  );

  it('ends at a line without end', async () => {
    const state = await firstState((_, response) => {
      response.writeHead(200, EVENTS);
      const more = (): boolean => !response.destroyed && response.write('x'.repeat(65_536), () => more());
      more();
    });
    expect(state).toMatchObject({ state: 'reconnecting', error: { kind: 'protocol' } });
  });

  it('is tried again when the endpoint ends the answer, at once too', async () => {
    const state = await firstState((_, response) => response.writeHead(200, EVENTS).end());
    expect(state).toMatchObject({ state: 'reconnecting', error: { kind: 'network' }, retryInMs: 100 });
  });

  it('tells nobody the token or the channel in its errors', async () => {
    for (const status of [200, 302, 400, 401, 404, 500]) {
      const state = await firstState((_, response) => response.writeHead(status).end(`{"error":"news ${TOKEN}"}`));
      const { error } = state?.state === 'connected' ? { error: undefined } : (state ?? {});
      expect(error?.message).toBeTruthy();
      expect(`${error?.message} ${error?.stack}`).not.toMatch(/secret-token|news/);
    }
  });
});

describe('a subscription over REST, by the clock', () => {
  /** A fetch that heeds no signal, and answers what the test writes. */
  function deafFetch() {
    const clock = manualClock();
    const writers: ReadableStreamDefaultController<Uint8Array>[] = [];
    const cancelled: number[] = [];
    let silent = false;
    let held: Promise<void> | undefined;
    let release = (): void => undefined;
    const store = upstashStore({
      url: 'http://localhost',
      token: TOKEN,
      clock,
      fetch: async () => {
        if (silent) return new Promise(() => undefined);
        await held;
        const index = writers.length;
        const body = new ReadableStream<Uint8Array>({
          start: (controller) => void writers.push(controller),
          cancel: () => void cancelled.push(index),
        });
        return new Response(body, { headers: EVENTS });
      },
    });
    const write = async (text: string, index = writers.length - 1) => {
      writers[index]?.enqueue(new TextEncoder().encode(text));
      await new Promise((resolve) => setImmediate(resolve));
    };
    const hold = () => {
      held = new Promise((resolve) => {
        release = () => {
          held = undefined;
          resolve();
        };
      });
    };
    return { clock, store, write, cancelled, hold, release: () => release(), silence: () => (silent = true) };
  }

  it('is given up when nobody says within 5 s that the channel is heard', async () => {
    const { clock, store, silence } = deafFetch();
    silence();
    const subscription = heardSubscription(store);
    await clock.run(4_999);
    expect(subscription.states).toEqual([]);
    await clock.run(1);
    expect(subscription.states).toMatchObject([{ state: 'reconnecting', error: { kind: 'network' } }]);
    await subscription.close();
    expect(clock.pending()).toBe(0);
  });

  it('leaves an answer that comes after it was given up, and hears nothing by it', async () => {
    const { clock, store, write, cancelled, hold, release } = deafFetch();
    hold();
    const subscription = heardSubscription(store);
    await clock.run(5_000);
    release();
    await clock.run(0);
    await write('data: subscribe,news,1\n\ndata: message,news,late\n\n').catch(() => undefined);
    expect(cancelled).toEqual([0]);
    await clock.run(100);
    await write('data: subscribe,news,1\n\ndata: message,news,heard\n\n');
    expect(subscription.texts).toEqual(['heard']);
    await subscription.close();
    expect(cancelled).toEqual([0, 1]);
    expect(clock.pending()).toBe(0);
  });

  it('is taken for lost after 240 s of silence, and a comment is none', async () => {
    const { clock, store, write } = deafFetch();
    const subscription = heardSubscription(store);
    await clock.run(0);
    await write('data: subscribe,news,1\n\n');
    await clock.run(239_999);
    await write(': keep-alive\n\n');
    await clock.run(239_999);
    expect(subscription.states).toEqual([{ state: 'connected', missed: false }]);
    await clock.run(1);
    expect(subscription.states.slice(1)).toMatchObject([{ state: 'reconnecting', error: { kind: 'network' } }]);
    await clock.run(100);
    await write('data: subscribe,news,1\n\n');
    expect(subscription.states.slice(2)).toEqual([{ state: 'connected', missed: true }]);
    // What still comes on the stream that was given up is nobody's.
    await write('data: message,news,late\n\n', 0).catch(() => undefined);
    expect(subscription.texts).toEqual([]);
    await subscription.close();
    expect(clock.pending()).toBe(0);
  });
});

describe('a subscription over REST, to the local endpoint', () => {
  it('hears again when that was away, and is told that it has missed something', async () => {
    const behind = memoryStore();
    let endpoint: RestEndpoint = await startRestEndpoint({ store: behind, token: TOKEN });
    const store = upstashStore({ url: endpoint.url, token: TOKEN });
    opened.push(
      () => behind.close(),
      () => endpoint.close(),
      () => store.close(),
    );
    const subscription = heardSubscription(store);
    await subscription.connected();
    await endpoint.close();
    await eventually(() => subscription.states.length > 1);
    await behind.execute([['PUBLISH', 'news', 'unheard']]);
    endpoint = await startRestEndpoint({ store: behind, token: TOKEN, port: endpoint.port });
    await subscription.connected(2);
    await subscription.hears(store);
    expect(subscription.states.at(-1)).toEqual({ state: 'connected', missed: true });
    expect(subscription.texts).not.toContain('unheard');
  });
});
