import { once } from 'node:events';
import { type AddressInfo, connect, createServer, Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Clock, systemClock } from '../../lib/clock.ts';
import { type RedisUrlOptions, redisStore } from '../../lib/store/redis.ts';
import type { Command, Store } from '../../lib/store/store.ts';
import { LOCALHOST_CERTIFICATE, LOCALHOST_KEY } from '../support/localhost-certificate.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

function open(url: string, options: Partial<RedisUrlOptions> = {}): Store {
  const store = redisStore({ url, ...options });
  cleanUps.push(() => store.close());
  return store;
}

async function ownRedis(...args: string[]): Promise<RedisServer> {
  const server = await startRedis({ args });
  cleanUps.push(() => server.stop());
  return server;
}

/** Lets what is ready to be written be written. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Waits as long as the system, but no longer than 5 ms, and remembers for how long it should have. */
function hastyClock(): { clock: Clock; pauses: number[] } {
  const pauses: number[] = [];
  const after: Clock['after'] = (ms, run) => {
    pauses.push(ms);
    return systemClock.after(Math.min(ms, 5), run);
  };
  return { clock: { ...systemClock, after }, pauses };
}

/** Pauses between attempts at once; bounds of attempts as they are. */
function patientClock(): { clock: Clock; pauses: number[] } {
  const pauses: number[] = [];
  const after: Clock['after'] = (ms, run) => {
    if (ms > 500) return systemClock.after(ms, run);
    pauses.push(ms);
    return systemClock.after(0, run);
  };
  return { clock: { ...systemClock, after }, pauses };
}

interface FakeRedis {
  readonly url: string;
  /** What arrived after the hand-shake, as it arrived. */
  readonly received: string[];
  readonly sockets: Socket[];
}

/** Answers the PING of the hand-shake; the rest is up to `answer`. */
async function fakeRedis(answer: (text: string, socket: Socket) => void, greeting = '+PONG\r\n'): Promise<FakeRedis> {
  const received: string[] = [];
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => socket.destroy());
    socket.once('data', () => {
      socket.write(greeting);
      socket.on('data', (chunk) => {
        received.push(chunk.toString());
        answer(chunk.toString(), socket);
      });
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanUps.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`, received, sockets };
}

async function connectionsMade(url: string): Promise<number> {
  const [info] = await open(url).execute([['INFO', 'stats']]);
  return Number(/total_connections_received:(\d+)/.exec(String(info))?.[1]);
}

async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

describe('a redis store with its Redis there', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  it('connects with the first request, not before, and once for all that come together', async () => {
    const before = await connectionsMade(server.url);
    const store = open(server.url);
    await turn();
    const replies = await Promise.all(Array.from({ length: 50 }, (_, i) => store.execute([['ECHO', i]])));
    expect(replies).toEqual(Array.from({ length: 50 }, (_, i) => [String(i)]));
    // Its own, and the one of this question.
    expect((await connectionsMade(server.url)) - before).toBe(2);
  });

  it('keeps errors that are inside arrays in their places', async () => {
    const lua = "return {1, redis.error_reply('ERR inside'), {'a', redis.error_reply('ERR deep')}}";
    expect(await open(server.url).execute([['EVAL', lua, 0]])).toEqual([
      [1, { error: 'ERR inside' }, ['a', { error: 'ERR deep' }]],
    ]);
  });

  it('does not reshape the replies to commands that ioredis knows', async () => {
    const store = open(server.url);
    await store.execute([
      ['ZADD', 'z', 1, 'a'],
      ['HSET', 'h', 'f', 'v'],
      ['XADD', 's', '1-1', 'f', 'v'],
    ]);
    const replies = await store.execute([
      ['hgetall', 'h'],
      ['zrange', 'z', 0, -1, 'WITHSCORES'],
      ['xrange', 's', '-', '+'],
      ['config', 'get', 'maxmemory'],
      ['exists', 'h'],
    ]);
    expect(replies).toEqual([['f', 'v'], ['a', '1'], [['1-1', ['f', 'v']]], ['maxmemory', '0'], 1]);
  });

  it('refuses what would take the connection from everybody else, and answers the rest of the batch', async () => {
    const store = open(server.url);
    const bound: Command[] = [
      ['SUBSCRIBE', 'c'],
      ['monitor'],
      ['SELECT', 1],
      ['MULTI'],
      ['QUIT'],
      ['BLPOP', 'l', 0],
      ['XREAD', 'BLOCK', 0, 'STREAMS', 'x', '$'],
      ['CLIENT', 'REPLY', 'OFF'],
    ];
    const replies = await store.execute([['ECHO', 'first'], ...bound, ['ECHO', 'last']]);
    expect(replies[0]).toBe('first');
    expect(replies.at(-1)).toBe('last');
    for (const [index, [name]] of bound.entries()) {
      expect(replies[index + 1]).toEqual({
        error: `ERR Command is not available: '${name.toUpperCase()}' needs a connection of its own`,
      });
    }
    expect(await store.execute([['XREAD', 'COUNT', 1, 'STREAMS', 'block', '0']])).toEqual([null]);
    const discarded = { error: 'EXECABORT Transaction discarded because of previous errors.' };
    expect(
      await store.execute(
        [
          ['SET', 'k', 'v'],
          ['SELECT', 1],
        ],
        { atomic: true },
      ),
    ).toEqual([discarded, discarded]);
  });

  it('uses the database of its URL', async () => {
    await open(`${server.url}/3`).execute([['SET', 'only-in-3', 'v']]);
    expect(await open(`${server.url}/3`).execute([['GET', 'only-in-3']])).toEqual(['v']);
    expect(await open(`${server.url}/0`).execute([['GET', 'only-in-3']])).toEqual([null]);
  });

  it('does not fall back to another database when that one is not there', async () => {
    const store = open(`${server.url}/99`);
    await expect(store.execute([['SET', 'k', 'v']])).rejects.toMatchObject({ code: 'CONFIG', setting: 'url' });
  });

  it('speaks TLS for a rediss URL, to a server whose certificate it knows only', async () => {
    const front = createTlsServer({ key: LOCALHOST_KEY, cert: LOCALHOST_CERTIFICATE }, (socket) => {
      const behind = connect(server.port, '127.0.0.1');
      socket.on('error', () => behind.destroy()).on('close', () => behind.destroy());
      behind.on('error', () => socket.destroy());
      socket.pipe(behind).pipe(socket);
    }).listen(0, '127.0.0.1');
    await once(front, 'listening');
    cleanUps.push(() => front.close());
    const url = `rediss://127.0.0.1:${(front.address() as AddressInfo).port}`;
    expect(await open(url, { tls: { ca: LOCALHOST_CERTIFICATE } }).execute([['ECHO', 'secret']])).toEqual(['secret']);
    const stranger = open(url, { clock: patientClock().clock });
    await expect(stranger.execute([['ECHO', 'secret']])).rejects.toMatchObject({ kind: 'network', mayHaveRun: false });
  });

  it('answers what is under way before it closes', async () => {
    const store = open(server.url);
    await store.execute([['PING']]);
    const pending = store.execute([['ECHO', 'still answered']]);
    await turn();
    await store.close();
    expect(await pending).toEqual(['still answered']);
  });
});

describe('a redis store whose Redis has a password', () => {
  it('gets in with it, special characters and all, also as a named user', async () => {
    const server = await ownRedis('--requirepass', 'p@ss/w:rd', ...'--user ann on >s%cret ~* +@all'.split(' '));
    const host = `127.0.0.1:${server.port}`;
    expect(await open(`redis://:p%40ss%2Fw%3Ard@${host}`).execute([['PING']])).toEqual(['PONG']);
    expect(await open(`redis://ann:s%25cret@${host}/2`).execute([['ACL', 'WHOAMI']])).toEqual(['ann']);
  });

  it('is refused as a matter of credentials with a wrong one or none, after a single attempt', async () => {
    const server = await ownRedis('--requirepass', 'right');
    for (const url of [`redis://:wrong@127.0.0.1:${server.port}`, server.url]) {
      const { clock, pauses } = patientClock();
      const error: unknown = await open(url, { clock })
        .execute([['SET', 'k', 'v']])
        .catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: 'STORE', kind: 'auth', mayHaveRun: false });
      expect(String(error)).not.toContain('wrong');
      expect(pauses).toEqual([]);
    }
  });

  it('gets in where no password is asked for', async () => {
    const server = await ownRedis();
    expect(await open(`redis://:unasked@127.0.0.1:${server.port}`).execute([['PING']])).toEqual(['PONG']);
  });

  it('works for a user who may not PING', async () => {
    const server = await ownRedis(...'--user bob on >pw ~* +get +set'.split(' '));
    const store = open(`redis://bob:pw@127.0.0.1:${server.port}`);
    expect(await store.execute([['SET', 'k', 'v'], ['PING']])).toEqual([
      'OK',
      { error: "NOPERM this user has no permissions to run the 'ping' command" },
    ]);
  });
});

describe('a redis store whose Redis goes away', () => {
  it('says so after three attempts, 100 and 200 ms apart, and that nothing has run', async () => {
    const { clock, pauses } = patientClock();
    const store = open(`redis://127.0.0.1:${await closedPort()}`, { clock });
    await expect(store.execute([['SET', 'k', 'v']])).rejects.toMatchObject({
      code: 'STORE',
      kind: 'network',
      mayHaveRun: false,
      cause: { code: 'ECONNREFUSED' },
    });
    expect(pauses).toEqual([100, 200]);
  });

  it('works with the first call after Redis has been killed and started again', async () => {
    const server = await startRedis({ aof: true });
    cleanUps.push(() => server.stop());
    const { clock, pauses } = patientClock();
    const store = open(server.url, { clock });
    expect(await store.execute([['SET', 'k', 'kept']])).toEqual(['OK']);
    for (let round = 0; round < 3; round += 1) {
      await server.kill();
      await server.restart();
      expect(await store.execute([['GET', 'k']])).toEqual(['kept']);
    }
    expect(pauses).toEqual([]);
  });

  it('works at once when Redis is back, however long it was refused before', async () => {
    const server = await ownRedis();
    const { clock, pauses } = patientClock();
    const store = open(server.url, { clock });
    await server.kill();
    for (let i = 0; i < 5; i += 1) await expect(store.execute([['PING']])).rejects.toMatchObject({ kind: 'network' });
    await server.restart();
    pauses.length = 0;
    expect(await store.execute([['PING']])).toEqual(['PONG']);
    expect(pauses).toEqual([]);
  });

  it('never writes a batch whose caller gave up while it waited between two attempts', async () => {
    const server = await ownRedis();
    let pausing = (): void => undefined;
    const isPausing = new Promise<void>((resolve) => {
      pausing = resolve;
    });
    const clock: Clock = {
      ...systemClock,
      after: (ms, run) => {
        if (ms === 100) pausing();
        return systemClock.after(ms, run);
      },
    };
    const store = open(server.url, { clock });
    await server.kill();
    const caller = new AbortController();
    const write = store.execute([['SET', 'ghost', 'v']], { signal: caller.signal });
    await isPausing;
    caller.abort();
    await expect(write).rejects.toMatchObject({ kind: 'aborted', mayHaveRun: false });
    await server.restart();
    expect(await store.execute([['GET', 'ghost'], ['DBSIZE']])).toEqual([null, 0]);
  });

  it('tells those who wait for a reply that it may have run, and sends nothing again', async () => {
    const redis = await fakeRedis((_, socket) => socket.destroy());
    const store = open(redis.url);
    const calls = [
      store.execute([
        ['INCR', 'a'],
        ['INCR', 'b'],
      ]),
      store.execute([['INCR', 'c']]),
    ];
    for (const call of calls) await expect(call).rejects.toMatchObject({ kind: 'network', mayHaveRun: true });
    expect(redis.received.join('').match(/INCR/g)).toHaveLength(3);
    expect(redis.sockets).toHaveLength(1);
  });

  it('keeps commands and their arguments out of the error', async () => {
    const redis = await fakeRedis((_, socket) => socket.destroy());
    const error: unknown = await open(redis.url)
      .execute([['SET', 'secret-key', 'secret-value']])
      .catch((reason: unknown) => reason);
    const cause = (error as Error).cause as Error;
    for (const at of [error, cause]) expect(JSON.stringify(at) + String(at)).not.toContain('secret');
    expect(cause).not.toHaveProperty('command');
  });

  it('does not wait for a Redis that loads its data beyond three attempts', async () => {
    const redis = await fakeRedis(() => undefined, '-LOADING Redis is loading the dataset in memory\r\n');
    const { clock, pauses } = patientClock();
    await expect(open(redis.url, { clock }).execute([['GET', 'k']])).rejects.toMatchObject({
      kind: 'unavailable',
      mayHaveRun: false,
    });
    expect(pauses).toEqual([100, 200]);
    expect(redis.received).toEqual([]);
  });

  it('connects to a Redis that cannot save its data, and reads there', async () => {
    const redis = await fakeRedis(
      (_, socket) => socket.write('$1\r\nv\r\n'),
      '-MISCONF Redis is configured to save\r\n',
    );
    expect(await open(redis.url).execute([['GET', 'k']])).toEqual(['v']);
  });

  it('does not wait for a Redis that accepts and never answers beyond the bound of an attempt', async () => {
    const redis = await fakeRedis(() => undefined, '');
    const { clock, pauses } = hastyClock();
    const store = open(redis.url, { clock, connectTimeoutMs: 700 });
    await expect(store.execute([['GET', 'k']])).rejects.toMatchObject({ kind: 'network', mayHaveRun: false });
    expect(pauses).toEqual([700, 100, 700, 200, 700]);
    expect(redis.sockets).toHaveLength(3);
  });
});

describe('a redis store whose Redis stands still', () => {
  it('rejects when the signal fires, and asks again on another connection, with no reply mixed up', async () => {
    const server = await ownRedis();
    const store = open(server.url);
    await store.execute([['MSET', 'a', 'of a', 'b', 'of b', 'c', 'of c']]);
    const before = await connectionsMade(server.url);
    await server.kill('SIGSTOP');
    const caller = new AbortController();
    const stuck = store.execute([['GET', 'a']], { signal: caller.signal });
    await turn();
    caller.abort();
    await expect(stuck).rejects.toMatchObject({ kind: 'aborted', mayHaveRun: true });
    const next = store.execute([
      ['GET', 'b'],
      ['GET', 'c'],
    ]);
    await turn();
    await server.kill('SIGCONT');
    expect(await next).toEqual(['of b', 'of c']);
    expect(await store.execute([['GET', 'c']])).toEqual(['of c']);
    // The new one, and the one of this question.
    expect((await connectionsMade(server.url)) - before).toBe(2);
  });

  it('never writes a batch whose caller gave up before the connection was ready', async () => {
    const server = await ownRedis();
    await server.kill('SIGSTOP');
    const store = open(server.url);
    const caller = new AbortController();
    const write = store.execute([['SET', 'ghost', 'v']], { signal: caller.signal });
    await turn();
    caller.abort();
    await expect(write).rejects.toMatchObject({ kind: 'aborted', mayHaveRun: false });
    await server.kill('SIGCONT');
    expect(await store.execute([['GET', 'ghost'], ['DBSIZE']])).toEqual([null, 0]);
  });

  it('never writes the rest of a batch that its caller gave up', async () => {
    const server = await ownRedis();
    const store = open(server.url);
    await store.execute([['PING']]);
    await server.kill('SIGSTOP');
    const caller = new AbortController();
    // More than the buffers of the system hold.
    const large = Array.from({ length: 40 }, (_, i): Command => ['SET', `large:${i}`, 'x'.repeat(1_000_000)]);
    const write = store.execute([...large, ['SET', 'ghost', 'v']], { signal: caller.signal });
    await turn();
    caller.abort();
    await expect(write).rejects.toMatchObject({ kind: 'aborted', mayHaveRun: true });
    await server.kill('SIGCONT');
    const witness = open(server.url);
    const connected = async (): Promise<unknown> => {
      const [info] = await witness.execute([['INFO', 'clients']]);
      return /connected_clients:(\d+)/.exec(String(info))?.[1];
    };
    await expect.poll(connected).toBe('1');
    expect(await witness.execute([['GET', 'ghost']])).toEqual([null]);
    expect(await store.execute([['GET', 'ghost']])).toEqual([null]);
  });

  it('never writes a batch whose caller gave up at the very moment at which the connection was ready', async () => {
    const redis = await fakeRedis((_, socket) => socket.write('+OK\r\n'));
    const writeOriginally = Socket.prototype.write;
    const write = vi.spyOn(Socket.prototype, 'write');
    cleanUps.push(() => write.mockRestore());
    const outcomes: unknown[] = [];
    for (let turns = 0; turns < 16; turns += 1) {
      const caller = new AbortController();
      const later = (left: number): void => (left === 0 ? caller.abort() : queueMicrotask(() => later(left - 1)));
      // The bound of an attempt is lifted when the connection is ready.
      const clock: Clock = { ...systemClock, after: () => () => later(turns) };
      const store = open(redis.url, { clock });
      let writtenAfterwards = false;
      write.mockImplementation(function (this: Socket, ...args) {
        if (String(args[0]).includes('ghost')) writtenAfterwards ||= caller.signal.aborted;
        return Reflect.apply(writeOriginally, this, args);
      });
      const ghost = store.execute([['SET', `ghost-${turns}`, 'v']], { signal: caller.signal });
      const error: unknown = await ghost.catch((reason: unknown) => reason);
      await store.execute([['PING']]);
      const written = redis.received.join('').includes(`ghost-${turns}\r\n`);
      expect(error).toMatchObject({ kind: 'aborted', mayHaveRun: written });
      expect(writtenAfterwards).toBe(false);
      outcomes.push(written);
    }
    expect(new Set(outcomes)).toEqual(new Set([false, true]));
  });

  it('leaves others their replies on the connection that one caller gave up', async () => {
    const redis = await fakeRedis(() => undefined);
    const store = open(redis.url);
    const caller = new AbortController();
    const patient = store.execute([['GET', 'a']]);
    const impatient = store.execute([['GET', 'b']], { signal: caller.signal });
    const asked = (): number => redis.received.join('').split('GET').length - 1;
    await expect.poll(asked).toBe(2);
    caller.abort();
    await expect(impatient).rejects.toMatchObject({ kind: 'aborted', mayHaveRun: true });
    const later = store.execute([['GET', 'c']]);
    await expect.poll(() => redis.sockets.length).toBe(2);
    await expect.poll(asked).toBe(3);
    redis.sockets[0]?.write('$4\r\nof a\r\n$4\r\nof b\r\n');
    redis.sockets[1]?.write('$4\r\nof c\r\n');
    expect([await patient, await later]).toEqual([['of a'], ['of c']]);
    await expect.poll(() => redis.sockets[0]?.destroyed).toBe(true);
    expect(redis.sockets[1]?.destroyed).toBe(false);
  });

  it('keeps a connection that speaks again before anybody asks', async () => {
    const redis = await fakeRedis(() => undefined);
    const store = open(redis.url);
    const caller = new AbortController();
    const impatient = store.execute([['GET', 'a']], { signal: caller.signal });
    await expect.poll(() => redis.received.length).toBe(1);
    caller.abort();
    await expect(impatient).rejects.toMatchObject({ kind: 'aborted' });
    redis.sockets[0]?.write('$4\r\nof a\r\n');
    await turn();
    await turn();
    const next = store.execute([['GET', 'b']]);
    await expect.poll(() => redis.received.length).toBe(2);
    redis.sockets[0]?.write('$4\r\nof b\r\n');
    expect(await next).toEqual(['of b']);
    expect(redis.sockets).toHaveLength(1);
  });
});

describe('what a redis store writes', () => {
  it('is one piece for a batch, and one for a transaction', async () => {
    const redis = await fakeRedis((text, socket) => {
      socket.write(text.includes('MULTI') ? '+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n:2\r\n' : '+OK\r\n'.repeat(20));
    });
    const store = open(redis.url);
    await store.execute(Array.from({ length: 20 }, (_, i): Command => ['SET', `k${i}`, 'ü']));
    expect(
      await store.execute(
        [
          ['INCR', 'n'],
          ['INCR', 'n'],
        ],
        { atomic: true },
      ),
    ).toEqual([1, 2]);
    expect(redis.received).toHaveLength(2);
    expect(redis.received[1]).toBe(
      '*1\r\n$5\r\nMULTI\r\n*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n*1\r\n$4\r\nEXEC\r\n',
    );
  });
});

describe('closing a redis store', () => {
  it('ends the wait of those who wait for a connection', async () => {
    const redis = await fakeRedis(() => undefined, '');
    const store = open(redis.url);
    const waiting = store.execute([['GET', 'k']]);
    await expect.poll(() => redis.sockets.length).toBe(1);
    await store.close();
    await expect(waiting).rejects.toMatchObject({ kind: 'local', mayHaveRun: false });
    await expect.poll(() => redis.sockets[0]?.destroyed).toBe(true);
  });

  it('does not wait long for a Redis that does not answer', async () => {
    const redis = await fakeRedis(() => undefined);
    const { clock } = hastyClock();
    const store = open(redis.url, {
      clock: { ...clock, after: (ms, run) => (ms === 2000 ? systemClock : clock).after(ms, run) },
    });
    const stuck = store.execute([['GET', 'k']]);
    await expect.poll(() => redis.received.length).toBe(1);
    await store.close();
    await expect(stuck).rejects.toMatchObject({ kind: 'network', mayHaveRun: true });
  });
});

describe('the options of a redis store', () => {
  it.each([
    '',
    'localhost:6379',
    'http://localhost',
    'redis://',
    'redis:///0',
    'redis://localhost/zero',
    'redis://localhost/0/1',
    'redis://localhost?db=1',
    'redis://u:hunter2%zz@localhost',
    'redis://u:hunter2@localhost:99999',
  ])('do not take %j as url, nor quote it', (url) => {
    expect(() => redisStore({ url })).toThrow(
      expect.objectContaining({ code: 'CONFIG', setting: 'url', message: expect.not.stringContaining('hunter2') }),
    );
  });
  it.each([0, -1, Number.NaN, 2 ** 31, Number.POSITIVE_INFINITY])('do not take %d for a time', (ms) => {
    for (const setting of ['connectTimeoutMs', 'subscriberPingMs']) {
      expect(() => redisStore({ url: 'redis://localhost', [setting]: ms })).toThrow(
        expect.objectContaining({ code: 'CONFIG', setting }),
      );
    }
  });
  it('take 2147483647 for a time', () => {
    const longest = 2 ** 31 - 1;
    redisStore({ url: 'redis://localhost', connectTimeoutMs: longest, subscriberPingMs: longest });
  });
});
