import type { Redis } from '@upstash/redis';
import { describe, expect, it } from 'vitest';
import { createKv, type KvOptions } from '../../lib/client/kv-client.ts';
import { type CreateRedisOptions, createRedis } from '../../lib/client/redis.ts';
import { isUnavailable } from '../../lib/errors.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import { redisStore } from '../../lib/store/redis.ts';
import type { Command, Reply } from '../../lib/store/store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { type ScriptedStore, scriptedStore } from '../../lib/testing/scripted-store.ts';
import { eventually } from '../support/eventually.ts';
import { startRedis } from '../support/redis-server.ts';

const SECRET = 'secret-of-somebody';

function setup({ kv, redis }: { readonly kv?: Partial<KvOptions>; readonly redis?: CreateRedisOptions } = {}) {
  const store = scriptedStore();
  const clock = manualClock();
  const client = createKv({ store, clock, ...kv });
  return { store, clock, client, redis: createRedis(client, redis) };
}

/** Answers each command by its name. */
function answering(store: ScriptedStore, replies: Readonly<Record<string, Reply>>): void {
  store.respond((commands) => commands.map(([name]) => replies[name.toUpperCase()] ?? null));
}

const sentTo = (store: ScriptedStore): readonly (readonly Command[])[] => store.sent.map(({ commands }) => commands);

describe('what is sent', () => {
  it('is the words of the command as JSON writes them, and nothing else', async () => {
    const { store, redis } = setup();
    answering(store, { SET: 'OK' });
    redis.use((request, next) => next({ ...request, headers: { 'x-telemetry': 'some' } }));
    await redis.set('k', { a: [1, true, null] }, { ex: 5 });
    await redis.exec(['set', 'k', 1.5]);
    expect(sentTo(store)).toEqual([[['set', 'k', '{"a":[1,true,null]}', 'ex', '5']], [['set', 'k', '1.5']]]);
  });

  it('is what JSON would have made of a list that a middleware changed', async () => {
    const { store, redis } = setup();
    answering(store, { MSET: 'OK' });
    redis.use((request, next) => next({ ...request, body: ['mset', 'k', undefined, 5, { a: undefined }] }));
    await redis.get('k');
    expect(sentTo(store)).toEqual([[['mset', 'k', 'null', '5', '{}']]]);
  });

  it('is atomic for a transaction only, which has a request of its own in the order of the calls', async () => {
    const { store, redis } = setup();
    answering(store, { INCR: 1, GET: 'v' });
    await Promise.all([redis.get('a'), redis.multi().incr('n').exec(), redis.pipeline().get('b').incr('m').exec()]);
    const sent = store.sent.map(({ commands, atomic }) => ({ names: commands.map(([name]) => name), atomic }));
    expect(sent).toEqual([
      { names: ['get'], atomic: false },
      { names: ['incr'], atomic: true },
      { names: ['get', 'incr'], atomic: false },
    ]);
  });

  it('is never sent again, whatever failed', async () => {
    const { store, redis } = setup();
    store.respond(() => new Error('lost'));
    await expect(redis.incr('n')).rejects.toMatchObject({ code: 'STORE', mayHaveRun: true });
    expect(store.sent).toHaveLength(1);
  });

  it('has no telemetry: there is nowhere to put it', async () => {
    const { store, redis } = setup();
    answering(store, { GET: 'v' });
    (redis as Redis & { addTelemetry(data: object): void }).addTelemetry({ sdk: 'some' });
    await redis.get('k');
    expect(sentTo(store)).toEqual([[['get', 'k']]]);
    expect(redis.readYourWritesSyncToken).toBeUndefined();
  });

  it('is nothing for a subscription, which its listener is told', async () => {
    const { store, redis } = setup();
    for (const subscribe of [() => redis.subscribe('channel'), () => redis.psubscribe(['pattern*'])]) {
      const error = await new Promise<unknown>((resolve) => subscribe().on('error', resolve));
      expect(error).toMatchObject({
        code: 'COMMAND',
        message: 'Redis refused the command: ERR (needs a connection of its own)',
      });
    }
    expect(store.sent).toHaveLength(0);
  });

  it.each([
    ['no list', 'get k'],
    ['an empty list', []],
  ])('is nothing when a middleware makes %s of the command', async (_, body) => {
    const { store, redis } = setup();
    redis.use((request, next) => next({ ...request, body }));
    await expect(redis.get('k')).rejects.toMatchObject({ code: 'STORE', kind: 'local', mayHaveRun: false });
    expect(store.sent).toHaveLength(0);
  });
});

describe('a command that Redis refuses', () => {
  it('rejects with a CommandError', async () => {
    const { store, redis } = setup();
    answering(store, { INCR: { error: 'WRONGTYPE Operation against a key holding the wrong kind of value' } });
    const error = await redis.incr('k').catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: 'CommandError', code: 'COMMAND', replyCode: 'WRONGTYPE' });
    expect(isUnavailable(error)).toBe(false);
  });

  it('is an item in the words of Redis when errors are kept, and otherwise their error, by place and name', async () => {
    const { store, redis } = setup();
    answering(store, { GET: 'v', INCR: { error: 'ERR value is not an integer or out of range' } });
    expect(await redis.pipeline().get('k').incr('k').exec({ keepErrors: true })).toEqual([
      { result: 'v', error: undefined },
      { result: undefined, error: 'ERR value is not an integer or out of range' },
    ]);
    expect(await redis.pipeline().incr('k').get('k').exec({ keepErrors: true })).toEqual([
      { result: undefined, error: 'ERR value is not an integer or out of range' },
      { result: 'v', error: undefined },
    ]);
    await expect(redis.pipeline().get('k').incr('k').exec()).rejects.toThrow(
      'Command 2 [ incr ] failed: ERR value is not an integer or out of range',
    );
  });

  it('takes nothing from the others: where there is no value there is none', async () => {
    const { store, redis } = setup();
    answering(store, { GET: null, INCR: 1 });
    expect(await redis.pipeline().get('k').incr('k').exec()).toEqual([null, 1]);
  });

  it('discards its transaction, which rejects with a CommandError', async () => {
    const { store, redis } = setup();
    store.respond((commands) =>
      commands.map(() => ({ error: 'EXECABORT Transaction discarded because of previous errors.' })),
    );
    await expect(redis.multi().incr('a').incr('b').exec()).rejects.toMatchObject({ replyCode: 'EXECABORT' });
  });

  it('says NOSCRIPT, so that a script is sent whole', async () => {
    const { store, redis } = setup();
    answering(store, { EVALSHA: { error: 'NOSCRIPT No matching script. Please use EVAL.' }, EVAL: 7 });
    expect(await redis.createScript<number>('return 7').exec([], [])).toBe(7);
    const error = await redis.evalsha('f'.repeat(40), [], []).catch((reason: unknown) => reason);
    expect(`${error}`).toContain('NOSCRIPT');
    expect(sentTo(store).map(([command]) => command?.[0])).toEqual(['evalsha', 'eval', 'evalsha']);
  });

  it('has no key, value or script in any message', async () => {
    const { store, redis } = setup();
    store.respond((commands) =>
      commands.map(() => ({ error: `ERR unknown command, with args beginning with: '${SECRET}'` })),
    );
    const calls = [
      () => redis.set(SECRET, SECRET),
      () => redis.exec(['NOPE', SECRET]),
      () => redis.eval(`return '${SECRET}'`, [SECRET], [SECRET]),
      () => redis.pipeline().set(SECRET, SECRET).exec(),
      () => redis.multi().set(SECRET, SECRET).exec(),
      () =>
        redis
          .pipeline()
          .set(SECRET, SECRET)
          .exec({ keepErrors: true })
          .then((items) => Promise.reject(new Error(JSON.stringify(items)))),
    ];
    for (const call of calls) {
      const error = await call().catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(Error);
      expect(`${error} ${JSON.stringify(error)}`).not.toContain(SECRET);
    }
  });
});

describe('with Redis away', () => {
  it('a call rejects within the deadline', async () => {
    const { store, clock, redis } = setup({ kv: { requestTimeoutMs: 300 } });
    const call = redis.get('k').catch((reason: unknown) => reason);
    const batch = redis
      .pipeline()
      .incr('n')
      .exec()
      .catch((reason: unknown) => reason);
    await clock.run(300);
    expect(await call).toMatchObject({ code: 'DEADLINE', timeoutMs: 300, mayHaveRun: false });
    expect(await batch).toMatchObject({ code: 'DEADLINE', timeoutMs: 300, mayHaveRun: true });
    expect(store.sent).toHaveLength(1);
  });

  it('a call rejects within a shorter deadline of its own', async () => {
    const { clock, redis } = setup({ redis: { timeoutMs: 50 } });
    const call = redis.incr('n').catch((reason: unknown) => reason);
    await clock.run(50);
    expect(await call).toMatchObject({ code: 'DEADLINE', timeoutMs: 50, mayHaveRun: true });
  });

  it('nothing is sent while the circuit is open, and all goes on when it closes', async () => {
    const { store, clock, redis } = setup({ kv: { breaker: { failureThreshold: 2, successThreshold: 1 } } });
    store.respond(() => new Error('lost'));
    for (let call = 0; call < 2; call += 1) await expect(redis.get('k')).rejects.toMatchObject({ code: 'STORE' });
    const calls = [
      () => redis.get('k'),
      () => redis.pipeline().get('k').exec({ keepErrors: true }),
      () => redis.multi().incr('n').exec(),
      () => redis.createScript('return 1').exec([], []),
    ];
    for (const call of calls) await expect(call()).rejects.toMatchObject({ code: 'CIRCUIT_OPEN' });
    expect(store.sent).toHaveLength(2);
    clock.advance(10_000);
    answering(store, { GET: 'v' });
    expect(await redis.get('k')).toBe('v');
  });

  it('a pipeline of which Redis cannot serve one command rejects as a whole', async () => {
    const { store, redis } = setup();
    answering(store, { GET: 'v', SET: { error: `OOM command not allowed when used memory > 'maxmemory'.` } });
    const pipeline = redis.pipeline().get('k').set('k', 'v').exec({ keepErrors: true });
    await expect(pipeline).rejects.toMatchObject({ code: 'STORE', kind: 'unavailable', mayHaveRun: true });
  });

  it('a Redis that is killed and comes back is felt and forgotten', async () => {
    const server = await startRedis();
    const store = redisStore({ url: server.url });
    const client = createKv({ store, requestTimeoutMs: 500 });
    const redis = createRedis(client);
    expect(await redis.set('k', 1)).toBe('OK');
    await server.kill();
    for (let call = 0; call < 5; call += 1) {
      const error = await redis.get('k').catch((reason: unknown) => reason);
      expect(isUnavailable(error)).toBe(true);
    }
    expect(client.circuit.state().state).toBe('OPEN');
    await server.restart();
    client.circuit.reset();
    await eventually(async () => (await redis.set('k', 2).catch(() => 'away')) === 'OK');
    await client.close();
    await expect(redis.get('k')).rejects.toMatchObject({ code: 'STORE', kind: 'local' });
    await server.stop();
  });
});

describe('on memory without a Lua engine', () => {
  it('a foreign script is refused, saying why', async () => {
    const redis = createRedis(createKv({ store: memoryStore() }));
    await expect(redis.createScript('return 1').exec([], [])).rejects.toMatchObject({
      code: 'COMMAND',
      replyCode: 'ERR',
      message: 'Redis refused the command: ERR (this script has no TypeScript twin and no Lua engine is configured)',
    });
  });
});

describe('options', () => {
  it('refuse a client with a namespace, unless told that keys are whole', async () => {
    const store = memoryStore();
    const client = createKv({ store, namespace: 'app:' });
    expect(() => createRedis(client)).toThrow(expect.objectContaining({ code: 'CONFIG', setting: 'namespace' }));
    await createRedis(client, { ignoreNamespace: true }).set('k', 'v');
    expect(await store.execute([['GET', 'k']])).toEqual(['v']);
  });

  it.each([0, 0.9, -1, Number.NaN])('refuse a deadline of %s ms', (timeoutMs) => {
    const { client } = setup();
    expect(() => createRedis(client, { timeoutMs })).toThrow(expect.objectContaining({ setting: 'timeoutMs' }));
    expect(() => createRedis(client, { timeoutMs })).toThrow('at least 1');
    expect(() => createRedis(client, { timeoutMs: 1 })).not.toThrow();
  });
});
