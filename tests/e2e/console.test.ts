import { once } from 'node:events';
import { createServer, request as httpRequest, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConsoleSnapshot } from '../../api/_console/snapshot.ts';
import { type ControlPort, startControlPort } from '../../cli/demo/control-port.ts';
import { type DemoStore, startDemoStore } from '../../cli/demo/demo-store.ts';
import type { NextServer } from '../../cli/next-server.ts';
import { eventually } from '../support/eventually.ts';
import { ask, PEPPER, type Stack, startStack } from '../support/next-app.ts';

const TOKEN = 'token-of-the-demo-that-nobody-may-print';
const SECRET = 'secret-of-the-demo-that-nobody-may-print';
const DEMO = { 'x-breakwater-demo': TOKEN };

let stack: Stack;
let demo: DemoStore;
let control: ControlPort;
/** Stands where the server is to hear itself, and answers nothing. */
let origin: Server;
let asked = 0;
let [off, on, demoServer]: NextServer[] = [];
let admin: string;
/** Two who watch from the beginning; the key of one is revoked then, which takes seconds to show: other tests use them. */
let watching: Awaited<ReturnType<typeof beginToWatch>>;

beforeAll(async () => {
  stack = await startStack();
  admin = (await stack.keys.create({ owner: 'ann', scopes: ['admin'] })).key;
  demo = await startDemoStore({ token: TOKEN, pepper: PEPPER });
  control = await startControlPort({ secret: SECRET, store: demo });
  origin = createServer((_, response) => {
    asked += 1;
    response.writeHead(404).end();
  }).listen(0, '127.0.0.1');
  await once(origin, 'listening');
  [off, on, demoServer] = await Promise.all([
    stack.start(),
    stack.start({
      BREAKWATER_CONSOLE: 'on',
      BREAKWATER_CONSOLE_ORIGIN: `http://127.0.0.1:${(origin.address() as AddressInfo).port}`,
    }),
    stack.start({
      KV_REST_API_URL: demo.url,
      KV_REST_API_TOKEN: TOKEN,
      BREAKWATER_DEMO_TOKEN: TOKEN,
      BREAKWATER_DEMO_CONTROL: control.url,
      BREAKWATER_DEMO_SECRET: SECRET,
    }),
  ]);
  watching = await beginToWatch();
}, 120_000);

afterAll(async () => {
  await stack.stop();
  await control.close();
  await demo.close();
  origin.close();
});

const PATHS = ['/api/console/snapshot', '/api/console/stream', '/api/demo/outage'];
const server = (one: NextServer | undefined): NextServer => {
  if (!one) throw new Error('it has not started');
  return one;
};

/** As `ask`, with another `Host`, which fetch does not send. */
async function askAs(host: string, path: string, headers: Readonly<Record<string, string>>, method = 'GET') {
  const { port } = new URL(server(demoServer).url);
  const sent = httpRequest({ host: '127.0.0.1', port, path, method, headers: { ...headers, host } });
  sent.end(method === 'POST' ? '{"outage":"refuse"}' : undefined);
  const [response] = await once(sent, 'response');
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return { status: response.statusCode as number, text };
}

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

/** Reads a stream until it ends or is left. */
async function watch(one: NextServer | undefined, headers: Readonly<Record<string, string>>) {
  const gone = new AbortController();
  const response = await fetch(`${server(one).url.replace('localhost', '127.0.0.1')}/api/console/stream`, {
    headers,
    signal: gone.signal,
  });
  const seen = { text: '', ended: false };
  const reading = (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) seen.text += decoder.decode(chunk);
    seen.ended = true;
  })().catch(() => undefined);
  const looks = () => seen.text.split('event: snapshot\n').length - 1;
  const leave = async () => {
    gone.abort();
    await reading;
  };
  return { response, seen, looks, leave };
}

async function beginToWatch() {
  const askedBefore = asked;
  const { key, record } = await stack.keys.create({ owner: 'eve', scopes: ['admin'] });
  const [one, other] = [await watch(on, bearer(key)), await watch(on, bearer(admin))];
  await eventually(() => one.looks() >= 1);
  await ask(server(on), { path: `/api/keys/${record.id}`, method: 'DELETE', key: admin });
  return { one, other, revoked: key, askedBefore };
}

describe('an application in which nobody has switched the console on', () => {
  it.each(PATHS)('has nothing at %s, whoever asks and however', async (path) => {
    for (const headers of [{}, DEMO, { 'x-breakwater-console': TOKEN }]) {
      for (const method of ['GET', 'POST', 'DELETE']) {
        const response = await ask(server(off), { path, method, headers, key: admin });
        expect([response.status, await response.json()]).toMatchObject([404, { code: 'not-found' }]);
      }
    }
  });
});

describe('the page', () => {
  it('is framed by nobody, and asks and runs nothing of others', async () => {
    const { headers } = await ask(server(off), { path: '/' });
    expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    expect(headers.get('x-frame-options')).toBe('DENY');
  });
});

describe('a console that is switched on', () => {
  it('wants a key, and one with the scope admin', async () => {
    const reader = (await stack.keys.create({ owner: 'bob', scopes: ['read'] })).key;
    for (const path of PATHS.slice(0, 2)) {
      expect((await ask(server(on), { path })).status).toBe(401);
      expect((await ask(server(on), { path, key: stack.keys.format.generate() })).status).toBe(401);
      expect((await ask(server(on), { path, key: reader })).status).toBe(403);
      expect((await ask(server(on), { path, headers: DEMO })).status).toBe(401);
    }
    expect((await ask(server(on), { path: '/api/demo/outage', method: 'POST', key: admin })).status).toBe(404);
  });

  it('costs its watcher no limit: looks are more than any key has', async () => {
    for (let index = 0; index < 65; index += 1) {
      const response = await ask(server(on), { path: '/api/console/snapshot', key: admin });
      expect(response.status).toBe(200);
      expect(response.headers.has('ratelimit')).toBe(false);
      await response.arrayBuffer();
    }
  });

  it('shows no key, token and secret', async () => {
    const text = await (await ask(server(on), { path: '/api/console/snapshot', key: admin })).text();
    expect(text).not.toMatch(/bw_live_|token-of|secret-of|pepper-of/);
    expect(JSON.parse(text)).toMatchObject({ store: { kind: 'upstash', host: '127.0.0.1' }, demo: null });
  });
});

describe('an application that the demo has started', () => {
  const order = (outage: string, headers: Readonly<Record<string, string>> = DEMO) =>
    ask(server(demoServer), {
      path: '/api/demo/outage',
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ outage }),
    });
  const look = async () =>
    (await (await ask(server(demoServer), { path: '/api/console/snapshot', headers: DEMO })).json()) as ConsoleSnapshot;
  const knock = async () => {
    const response = await ask(server(demoServer), { key: demo.keys[0]?.key });
    return [response.status, response.headers.get('x-breakwater-degraded')];
  };

  it('takes no orders without the token, from other pages, and by other names of this machine', async () => {
    expect((await order('refuse', {})).status).toBe(403);
    expect((await order('refuse', { 'x-breakwater-demo': `${TOKEN}x` })).status).toBe(403);
    expect((await order('refuse', { ...DEMO, origin: 'http://evil.example' })).status).toBe(403);
    for (const path of PATHS) {
      const { status, text } = await askAs('evil.example', path, DEMO, path.includes('demo') ? 'POST' : 'GET');
      expect(status).toBe(403);
      expect(text).not.toContain(TOKEN);
    }
    expect((await look()).demo?.outage).toBe('ok');
  });

  it('shows what the middleware has counted, its own looks not among it', async () => {
    // The first request finds a cold process, which may take longer than a request to Redis may.
    await eventually(async () => (await knock())[0] === 200);
    const before = (await look()).middleware?.decisions.allowed ?? 0;
    for (let time = 0; time < 3; time += 1) await knock();
    const { middleware } = await look();
    expect(middleware?.decisions).toMatchObject({ allowed: before + 3, limited: 0 });
    const watcher = await watch(demoServer, DEMO);
    await eventually(() => watcher.looks() >= 1);
    await watcher.leave();
    const streamed = watcher.seen.text.split('\n').findLast((line) => line.startsWith('data: {')) ?? '';
    const { middleware: later, handler } = JSON.parse(streamed.slice('data: '.length)) as ConsoleSnapshot;
    expect([later?.id, later?.decisions]).toEqual([middleware?.id, middleware?.decisions]);
    expect(handler.id).not.toBe(middleware?.id);
    expect(handler.requests.success).toBe(0);
  });

  it('loses its store and gets it back: known keys pass meanwhile', async () => {
    expect(await knock()).toEqual([200, null]);
    for (const outage of ['refuse', 'kill']) {
      expect(await (await order(outage)).json()).toEqual({ outage });
      expect((await look()).demo?.outage).toBe(outage);
      await eventually(async () => (await knock())[1] === 'keys, limit');
      await order('ok');
      await eventually(async () => (await knock())[1] === null);
    }
    expect(await knock()).toEqual([200, null]);
  });

  it('has keys for who has the token', async () => {
    expect((await look()).demo?.keys).toEqual(demo.keys);
  });

  it('hands the token to nobody who asks for the page by another name, and writes it nowhere', async () => {
    const { text } = await askAs('evil.example', '/', {});
    expect(text).not.toContain(TOKEN);
    expect(await (await ask(server(off), { path: '/' })).text()).not.toContain(TOKEN);
    for (const one of [off, on, demoServer]) expect(server(one).output()).not.toMatch(/nobody-may-print|bw_live_/);
  });

  it('ends at once when it is told to, though somebody watches', async () => {
    const watcher = await watch(demoServer, DEMO);
    await eventually(() => watcher.looks() >= 1);
    await server(demoServer).stop();
    // A process that has to be killed, after five seconds, has no status of its own.
    expect(await server(demoServer).exited).toBe(143);
    expect(watcher.seen.ended).toBe(true);
  });
});

describe('a console that somebody watches', () => {
  it('asks its own server once a second for all who watch, and lets a key go on for seconds once it is revoked', async () => {
    const { one, other, askedBefore } = watching;
    expect(askedBefore).toBe(0);
    expect(one.response.headers.get('content-encoding')).toBeNull();
    await eventually(() => one.seen.ended);
    expect(one.looks()).toBeGreaterThanOrEqual(1);
    expect(one.looks()).toBeLessThanOrEqual(8);
    expect(asked).toBeLessThanOrEqual(other.looks() + 1);
    expect((await ask(server(on), { path: '/api/console/stream', key: watching.revoked })).status).toBe(401);
    await other.leave();
  });
});

describe('watchers who leave, early and late', () => {
  it('leave their places to others: more of them than may watch at a time', async () => {
    const { port } = new URL(server(on).url);
    const head = `GET /api/console/stream HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${admin}\r\n\r\n`;
    for (let time = 0; time < 60; time += 1) {
      const socket = connect(Number(port), '127.0.0.1').on('error', () => undefined);
      socket.write(head);
      // Some before they are answered, some in the middle of it.
      await new Promise((resolve) => setTimeout(resolve, time % 20));
      socket.destroy();
    }
    // A place is free once the server has seen its watcher go.
    await eventually(async () => {
      const all = await Promise.all(Array.from({ length: 21 }, () => watch(on, bearer(admin))));
      for (const { leave } of all) await leave();
      return all.filter(({ response }) => response.status === 200).length === 20;
    });
  });
});
