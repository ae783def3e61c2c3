import { request } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type RestEndpoint, startRestEndpoint } from '../../cli/rest/endpoint.ts';
import { StoreError } from '../../lib/errors.ts';
import { redisStore } from '../../lib/store/redis.ts';
import type { Command, Store } from '../../lib/store/store.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';

const TOKEN = 'owner-token';
const READ_TOKEN = 'reader-token';

let server: RedisServer;
let store: Store;
let endpoint: RestEndpoint;
beforeAll(async () => {
  server = await startRedis();
  store = redisStore({ url: server.url });
  endpoint = await startRestEndpoint({ store, token: TOKEN, readOnlyToken: READ_TOKEN });
});
afterAll(async () => {
  await endpoint.close();
  await store.close();
  await server.stop();
});
beforeEach(() => store.execute([['FLUSHALL']]));

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

async function call(path: string, init: RequestInit = {}, token = TOKEN): Promise<Answer> {
  const headers = new Headers(init.headers);
  if (token !== '') headers.set('authorization', `Bearer ${token}`);
  const response = await fetch(endpoint.url + path, { ...init, headers });
  const text = await response.text();
  expect(response.headers.get('content-type')).toBe('application/json');
  return { status: response.status, body: text === '' ? '' : JSON.parse(text) };
}

const post = (path: string, body: unknown, headers: HeadersInit = {}): Promise<Answer> =>
  call(path, { method: 'POST', headers, body: typeof body === 'string' ? body : JSON.stringify(body) });

const ok = (result: unknown): Answer => ({ status: 200, body: { result } });
const refused = (status: number, error: string): Answer => ({ status, body: { error } });

describe('a single command', () => {
  it('is a JSON array posted to the root', async () => {
    expect(await post('/', ['SET', 'k', 'v', 'EX', 100])).toEqual(ok('OK'));
    expect(await post('/', ['GET', 'k'])).toEqual(ok('v'));
    expect(await post('/', ['GET', 'none'])).toEqual(ok(null));
    expect(await post('/', ['TTL', 'k'])).toEqual(ok(100));
    expect(await post('/', ['HGETALL', 'none'])).toEqual(ok([]));
  });

  it('takes numbers and booleans as text and other values as JSON', async () => {
    await post('/', ['RPUSH', 'k', 1, 1.5, true, null, { a: [1] }, ['b']]);
    expect(await post('/', ['LRANGE', 'k', 0, -1])).toEqual(ok(['1', '1.5', 'true', 'null', '{"a":[1]}', '["b"]']));
  });

  it('is a path whose segments are the words, by GET, POST and PUT', async () => {
    expect(await call('/set/k/v/EX/100')).toEqual(ok('OK'));
    expect(await call('/get/k', { method: 'POST' })).toEqual(ok('v'));
    expect(await call('/get/k', { method: 'PUT' })).toEqual(ok('v'));
    expect(await call('/get/k/')).toEqual(ok('v'));
  });

  it('is a path whose segments are percent-encoded', async () => {
    expect(await call(`/set/${encodeURIComponent('a/b c?')}/${encodeURIComponent('ü+%')}`)).toEqual(ok('OK'));
    expect(await post('/', ['GET', 'a/b c?'])).toEqual(ok('ü+%'));
    expect(await call('/get/a+b')).toEqual(ok(null));
  });

  it('is a path with the last argument as body, and options after it as query', async () => {
    const body = '{"json": ["ü", 1]}';
    expect(await call('/set/k?EX=100&NX', { method: 'POST', body })).toEqual(ok('OK'));
    expect(await call('/get/k')).toEqual(ok(body));
    expect(await call('/ttl/k')).toEqual(ok(100));
    expect(await call('/set/k?EX=100&NX', { method: 'PUT', body: 'other' })).toEqual(ok(null));
  });

  it('asked by HEAD runs and has no body', async () => {
    const answer = await call('/set/k/v', { method: 'HEAD' });
    expect(answer).toEqual({ status: 200, body: '' });
    expect(await call('/get/k')).toEqual(ok('v'));
  });

  it('that Redis refuses is answered with status 400 and the words of Redis', async () => {
    await post('/', ['SET', 'k', 'text']);
    expect(await post('/', ['INCR', 'k'])).toEqual(refused(400, 'ERR value is not an integer or out of range'));
    expect(await call('/get')).toEqual(refused(400, "ERR wrong number of arguments for 'get' command"));
    expect((await post('/', ['NOPE', 'a'])).status).toBe(400);
  });

  it.each(['SUBSCRIBE', 'PSUBSCRIBE', 'MONITOR', 'MULTI', 'WATCH', 'SELECT', 'AUTH', 'QUIT', 'BLPOP'])(
    '%s is refused, for it needs a connection of its own',
    async (name) => {
      const error = `ERR Command is not available: '${name}' needs a connection of its own`;
      expect(await post('/', [name, 'a', 0])).toEqual(refused(400, error));
      expect(await post('/multi-exec', [['PING'], [name, 'a']])).toEqual(refused(400, error));
      expect(await post('/pipeline', [['PING'], [name, 'a'], ['PING']])).toEqual({
        status: 200,
        body: [{ result: 'PONG' }, { error }, { result: 'PONG' }],
      });
    },
  );
});

describe('a batch', () => {
  it('posted to /pipeline is answered item by item, errors too', async () => {
    const batch = [
      ['SET', 'k', 'text'],
      ['INCR', 'k'],
      ['GET', 'k'],
      ['HGETALL', 'none'],
    ];
    expect(await post('/pipeline', batch)).toEqual({
      status: 200,
      body: [
        { result: 'OK' },
        { error: 'ERR value is not an integer or out of range' },
        { result: 'text' },
        { result: [] },
      ],
    });
  });

  it('posted to /multi-exec is a transaction', async () => {
    const batch = [
      ['INCR', 'k'],
      ['LPUSH', 'k', 'x'],
      ['INCR', 'k'],
    ];
    expect(await post('/multi-exec', batch)).toEqual({
      status: 200,
      body: [
        { result: 1 },
        { error: 'WRONGTYPE Operation against a key holding the wrong kind of value' },
        { result: 2 },
      ],
    });
  });

  it('posted to /multi-exec is refused as a whole when one command cannot be queued', async () => {
    const answer = await post('/multi-exec', [['SET', 'k', 'v'], ['NOPE']]);
    expect(answer).toEqual(refused(400, 'EXECABORT Transaction discarded because of previous errors.'));
    expect(await call('/get/k')).toEqual(ok(null));
  });

  it('counts as one request', async () => {
    const before = endpoint.requests();
    await post('/pipeline', [['PING'], ['PING']]);
    await post('/', ['PING']);
    await call('/ping', {}, 'wrong');
    await post('/pipeline', 'not json');
    expect(endpoint.requests() - before).toBe(2);
  });
});

describe('a request that is malformed', () => {
  it.each([
    ['/', 'not json'],
    ['/', ''],
    ['/', '{}'],
    ['/', '"PING"'],
    ['/', '[]'],
    ['/', '[""]'],
    ['/pipeline', ''],
    ['/pipeline', '[]'],
    ['/pipeline', '{}'],
    ['/pipeline', '[[]]'],
    ['/pipeline', '["PING"]'],
    ['/multi-exec', '[]'],
    ['/multi-exec', '[["PING"], {}]'],
    ['/get/%zz', ''],
  ])('is told so with status 400: %s with %j', async (path, body) => {
    const before = endpoint.requests();
    const answer = await post(path, body);
    expect(answer).toEqual({ status: 400, body: { error: expect.stringMatching(/^ERR /) } });
    expect(endpoint.requests()).toBe(before);
  });

  it('by nesting deeper than the stack is told so too', async () => {
    const deep = `["SET","k",${'['.repeat(100_000)}${']'.repeat(100_000)}]`;
    for (const [path, body] of [
      ['/', deep],
      ['/pipeline', `[["PING"],${deep}]`],
      ['/multi-exec', `[${deep}]`],
    ] as const) {
      expect(await post(path, body)).toEqual(refused(400, 'ERR failed to parse command: nested too deep'));
    }
  });

  it('by GET of the root is told so too', async () => {
    expect(await call('/')).toEqual(refused(400, 'ERR empty command'));
  });

  it.each(['DELETE', 'PATCH', 'OPTIONS'])('by the method %s is answered with status 405', async (method) => {
    const response = await fetch(`${endpoint.url}/get/k`, { method, headers: { authorization: `Bearer ${TOKEN}` } });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('HEAD, GET, POST, PUT');
    expect(await response.json()).toEqual({ error: 'ERR method not allowed' });
  });

  it('by more than 10 MiB is answered with status 413, at 10 MiB it is served', async () => {
    const limit = 10 * 1024 * 1024;
    expect((await call('/set/k', { method: 'POST', body: 'x'.repeat(limit) })).status).toBe(200);
    expect(await post('/', ['STRLEN', 'k'])).toEqual(ok(limit));
    const answer = await call('/set/k', { method: 'POST', body: 'y'.repeat(limit + 1) });
    expect(answer).toEqual(refused(413, `ERR max request size exceeded. Limit: ${limit} bytes`));
    expect(await call('/getrange/k/0/0')).toEqual(ok('x'));
  });

  it('by a header without end is refused', async () => {
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const headers = { authorization: `Bearer ${'x'.repeat(20_000)}` };
      request(`${endpoint.url}/get/k`, { headers }, (response) => resolve(response.resume().statusCode))
        .on('error', reject)
        .end();
    });
    expect(status).toBe(431);
  });

  it('by not being HTTP does no harm', async () => {
    await new Promise<void>((resolve) => {
      const socket = connect(endpoint.port, '127.0.0.1', () => socket.end('*1\r\n$4\r\nPING\r\n'));
      socket
        .resume()
        .on('error', () => undefined)
        .on('close', () => resolve());
    });
    expect(await call('/ping')).toEqual(ok('PONG'));
  });
});

describe('the token', () => {
  const paths: readonly (readonly [path: string, init: RequestInit])[] = [
    ['/', { method: 'POST', body: '["SET","k","v"]' }],
    ['/set/k/v', {}],
    ['/set/k', { method: 'POST', body: 'v' }],
    ['/set/k/v', { method: 'HEAD' }],
    ['/pipeline', { method: 'POST', body: '[["SET","k","v"]]' }],
    ['/multi-exec', { method: 'POST', body: '[["SET","k","v"]]' }],
    ['/set/k/v', { method: 'DELETE' }],
  ];
  it('is asked for on every path, and nothing runs without the right one', async () => {
    for (const [path, init] of paths) {
      for (const token of ['', 'wrong', `${TOKEN}x`, TOKEN.slice(1)]) {
        const { status, body } = await call(path, init, token);
        expect({ path, status }).toEqual({ path, status: 401 });
        expect(body).toEqual(init.method === 'HEAD' ? '' : { error: 'WRONGPASS invalid or missing auth token' });
      }
    }
    expect(await store.execute([['GET', 'k']])).toEqual([null]);
  });

  it('may come in the query, and is no argument of the command', async () => {
    expect(await call(`/set/k/v?_token=${TOKEN}&EX=100`, {}, '')).toEqual(ok('OK'));
    expect(await call(`/ttl/k?_token=${TOKEN}`, {}, '')).toEqual(ok(100));
    expect((await call('/get/k?_token=wrong', {}, '')).status).toBe(401);
    expect((await call(`/get/k?_token=${TOKEN}`, {}, 'wrong')).status).toBe(401);
  });

  it('for reading reads, and nothing else', async () => {
    await store.execute([['SET', 'k', 'v']]);
    expect(await call('/get/k', {}, READ_TOKEN)).toEqual(ok('v'));
    expect(await call('/set/k/other', {}, READ_TOKEN)).toEqual(
      refused(400, "NOPERM this user has no permissions to run the 'set' command"),
    );
    const batch = { method: 'POST', body: '[["GET","k"],["EVAL","return 1","0"]]' };
    expect((await call('/pipeline', batch, READ_TOKEN)).status).toBe(400);
    expect(await store.execute([['GET', 'k']])).toEqual(['v']);
  });

  it('must not be empty', async () => {
    await expect(startRestEndpoint({ store, token: '' })).rejects.toMatchObject({ code: 'CONFIG', setting: 'token' });
  });
});

describe('an answer', () => {
  it('has its strings in base64 when asked, but for the status OK', async () => {
    const base64 = { 'upstash-encoding': 'base64' };
    const text = (value: string): string => Buffer.from(value).toString('base64');
    expect(await post('/', ['SET', 'k', 'ü'], base64)).toEqual(ok('OK'));
    expect(await post('/', ['GET', 'k'], base64)).toEqual(ok(text('ü')));
    const lua = "return {'OK', 1, false, {'deep'}}";
    const batch = [['GET', 'k'], ['GET', 'none'], ['STRLEN', 'k'], ['EVAL', lua, 0], ['NOPE']];
    const { body } = await post('/pipeline', batch, base64);
    expect(body).toEqual([
      { result: text('ü') },
      { result: null },
      { result: 2 },
      { result: [text('OK'), 1, null, [text('deep')]] },
      { error: expect.stringMatching(/^ERR unknown command/) },
    ]);
  });

  it('carries a sync token', async () => {
    const headers = { authorization: `Bearer ${TOKEN}` };
    const response = await fetch(`${endpoint.url}/ping`, { headers });
    expect(response.headers.get('upstash-sync-token')).toMatch(/^\S+$/);
  });

  it('is 503 without the reasons when the store fails', async () => {
    const failing: Store = {
      kind: 'redis',
      execute: () => Promise.reject(new StoreError('network', 'secret reasons')),
      close: async () => undefined,
    };
    const down = await startRestEndpoint({ store: failing, token: TOKEN });
    try {
      for (const [path, body] of [
        ['/', '["PING"]'],
        ['/pipeline', '[["PING"]]'],
        ['/multi-exec', '[["PING"]]'],
      ]) {
        const headers = { authorization: `Bearer ${TOKEN}` };
        const response = await fetch(down.url + path, { method: 'POST', headers, body: body ?? '' });
        expect(response.status).toBe(503);
        expect(await response.json()).toEqual({ error: 'ERR the store behind this endpoint is unavailable' });
      }
    } finally {
      await down.close();
    }
  });
});

describe('a client that leaves', () => {
  it('takes its request with it', async () => {
    let left = (): void => undefined;
    const hasLeft = new Promise<void>((resolve) => {
      left = resolve;
    });
    const caller = new AbortController();
    const slow: Store = {
      kind: 'redis',
      execute: (_, options) =>
        new Promise((_, reject) => {
          options?.signal?.addEventListener('abort', () => {
            left();
            reject(new StoreError('aborted', 'left'));
          });
          caller.abort();
        }),
      close: async () => undefined,
    };
    const own = await startRestEndpoint({ store: slow, token: TOKEN });
    const headers = { authorization: `Bearer ${TOKEN}` };
    await expect(fetch(`${own.url}/ping`, { headers, signal: caller.signal })).rejects.toThrow();
    await hasLeft;
    await own.close();
  });
});

describe('scripts that were written for Upstash', () => {
  const script = `#!lua flags=allow-key-locking\nreturn redis.call('INCR', KEYS[1])`;
  const sha = '5c6e36d70d4ec2144321a8f9c663f6c612440510';

  it('run on a stock Redis, under the SHA-1 that their author knows', async () => {
    const run = async (...command: Command): Promise<unknown> => (await post('/', command)).body;
    expect(await run('EVALSHA', sha, 1, 'k')).toEqual({ error: expect.stringMatching(/^NOSCRIPT /) });
    expect(await run('EVAL', script, 1, 'k')).toEqual({ result: 1 });
    expect(await run('EVALSHA', sha, 1, 'k')).toEqual({ result: 2 });
    expect(await run('EVALSHA', sha.toUpperCase(), 1, 'k')).toEqual({ result: 3 });
    expect(await run('SCRIPT', 'EXISTS', sha, 'f'.repeat(40))).toEqual({ result: [1, 0] });
    expect(await run('SCRIPT', 'FLUSH')).toEqual({ result: 'OK' });
    expect(await run('EVALSHA', sha, 1, 'k')).toEqual({ error: expect.stringMatching(/^NOSCRIPT /) });
    expect(await run('SCRIPT', 'LOAD', script)).toEqual({ result: sha });
    expect(await run('EVALSHA', sha, 1, 'k')).toEqual({ result: 4 });
  });

  it('are left to an Upstash as they are', async () => {
    const seen: unknown[] = [];
    const upstash: Store = {
      kind: 'upstash',
      execute: async (commands) => {
        seen.push(...commands);
        return commands.map(() => 1);
      },
      close: async () => undefined,
    };
    const own = await startRestEndpoint({ store: upstash, token: TOKEN });
    const headers = { authorization: `Bearer ${TOKEN}` };
    await fetch(own.url, { method: 'POST', headers, body: JSON.stringify(['EVAL', script, 0]) });
    expect(seen).toEqual([['EVAL', script, '0']]);
    await own.close();
  });
});
