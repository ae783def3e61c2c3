import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FengariEngineOptions, fengariEngine } from '../../lib/store/lua.ts';
import { memoryStore } from '../../lib/store/memory/index.ts';
import { stripUpstashFlags } from '../../lib/store/script-flags.ts';
import { type Argument, type Command, isErrorReply, type Reply } from '../../lib/store/store.ts';
import { connectResp2, type Resp2Connection } from '../differential/resp2-connection.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';

const storeWith = (options?: FengariEngineOptions) => memoryStore({ lua: fengariEngine(options) });
const evaluate = async (lua: string, keys: readonly string[] = [], args: readonly Argument[] = []) =>
  (await storeWith().execute([['EVAL', lua, keys.length, ...keys, ...args]]))[0];

let server: RedisServer | undefined;
let redis: Resp2Connection | undefined;

beforeAll(async () => {
  server = await startRedis();
  redis = await connectResp2(server.port);
}, 20_000);

afterAll(async () => {
  redis?.close();
  await server?.stop();
});

/** The replies of the memory store and of Redis to the same commands. */
async function onBoth(commands: readonly Command[]): Promise<{ memory: readonly Reply[]; real: readonly Reply[] }> {
  if (!redis) throw new Error('Redis is not running');
  await redis.send([['FLUSHALL']]);
  return { memory: await storeWith().execute(commands), real: await redis.send(commands) };
}

describe('a Lua script', () => {
  it.each([
    "return {KEYS[1], ARGV[1], #KEYS, #ARGV, 'é' .. #'é'}",
    'return {1.9, -1.9, true, false, "x", {2, {3}}}',
    'return {1, 2, nil, 4}',
    'return nil',
    'return {}',
    "return {redis.call('GET', 'none'), 1, redis.call('MGET', 'none', 'none')}",
    "return redis.call('MGET', 'none', KEYS[1])",
    "return {type(redis.call('GET', 'none')), type(redis.call('SET', KEYS[1], 1)), redis.call('SET', KEYS[1], 1).ok}",
    "return {redis.call('SET', KEYS[1], 1, 'GET'), redis.call('TYPE', KEYS[1]).ok, redis.call('PING').ok}",
    "return {tostring(3/1), 6/2 .. '', 10/4 .. '', 1e15 .. '', 1e14 .. '', 2^53 .. '', 0.1 + 0.2 .. '', -0.5 .. ''}",
    "return {tostring(tonumber('3600000') * 1000), 2000000000 * 2, 0xffffffff .. '', 7 % 3, -7 % 3}",
    "return {ARGV[1] * 1000 .. '', ARGV[1] + ARGV[1] .. '', tonumber(' 12 '), tostring(tonumber('x'))}",
    "redis.call('SET', KEYS[1], 1e15 + 0.5) return redis.call('GET', KEYS[1])",
    "redis.call('RPUSH', KEYS[1], 0.1, 3.0, 1e20, -2, 2^31) return redis.call('LRANGE', KEYS[1], 0, -1)",
    "return {math.floor(3.7) .. '', math.ceil(3.2) .. '', math.max(1, 2.5) .. '', math.pow(2, 10), math.fmod(7, 3)}",
    "return {tonumber('inf') .. '', tonumber(' -Infinity ') .. '', tonumber('nan') .. '', tostring(tonumber('infi'))}",
    "return {tonumber('-0') .. '', tonumber('-0x10') .. '', tonumber('-2147483648') .. '', -7 .. '', tonumber('7') * -1 .. ''}",
    "return string.format('%d %s %05d %5.1f %x %%', 1700000000000.9, 4, 42, 2.5, 255)",
    'return {table.getn({1, 2}), table.maxn({1, 2}), unpack(ARGV)}',
    "local t = {} for i = 1, 3 do t[i] = i .. '' end return table.concat(t, ',')",
    'local t = {3, 1, 2} table.sort(t) return t',
    'return loadstring("return 1 + 1")()',
    "return select('#', 1, nil, 2)",
    "return cjson.encode({1, 2, {a = 'x/y\"\\n\\\\é'}})",
    'return {cjson.encode({}), cjson.encode(1e20), cjson.encode(0.1), cjson.encode({1, nil, 3}), cjson.encode(true)}',
    'local t = cjson.decode(\'{"a": [1, null, 2.5], "b": "é"}\') return {#t.a, t.a[3] * 2, t.b, tostring(t.a[2] == cjson.null)}',
    'return cjson.encode(cjson.decode(\'[1,[],{"k":null},false,""]\'))',
    "return redis.status_reply('FINE')",
    "return redis.error_reply('MY error')",
    "return redis.error_reply('bare')",
    "return {err = 'OWN error'}",
    "return {ok = 'OWN status'}",
    "return redis.pcall('LPUSH', KEYS[1])",
    "redis.call('SET', KEYS[1], 'x') return redis.pcall('LPUSH', KEYS[1], 'y').err",
    "redis.call('SET', KEYS[1], 'x')\nlocal y = 1\nreturn redis.call('LPUSH', KEYS[1], y)",
    "local ok, err = pcall(redis.call, 'NOPE') return {tostring(ok), err}",
    'return {pcall(function(...) return ... end, 1, nil, 3)}',
    'return {pcall(error, {own = 1})}',
    "error('own')",
    "error({err = 'OWN table'})",
    'return undefined_name',
    'undefined_name = 1',
    "return redis.call('EVAL', 'return 1', 0)",
    'return redis.call()',
    'return redis.call({})',
    "return type(redis.log(redis.LOG_NOTICE, 'x'))",
    'return #KEYS + #ARGV -- last line',
  ])('answers as on Redis: %s', async (lua) => {
    const { memory, real } = await onBoth([
      ['EVAL', lua, 1, 'k', '3600000', 'b'],
      ['GET', 'none'],
      ['TYPE', 'k'],
    ]);
    expect(memory).toEqual(real);
  });

  it('runs by digest', async () => {
    const store = storeWith();
    const [sha1] = await store.execute([['SCRIPT', 'LOAD', 'return {KEYS[1], ARGV[1]}']]);
    expect(await store.execute([['EVALSHA', String(sha1), 1, 'k', 'a']])).toEqual([['k', 'a']]);
  });

  it('may begin with a line of flags, which counts as a line', async () => {
    expect(await evaluate('#!lua flags=no-writes,allow-key-locking\nreturn 7')).toBe(7);
    expect(await evaluate("#!lua\nerror('here')")).toMatchObject({ error: expect.stringContaining('user_script:2:') });
  });

  it('that does not compile is not kept, wherever it came from', async () => {
    const broken = 'return 1 +';
    const sha1 = createHash('sha1').update(broken).digest('hex');
    const { memory, real } = await onBoth([
      ['EVAL', broken, 0],
      ['EVALSHA', sha1, 0],
      ['SCRIPT', 'LOAD', broken],
      ['SCRIPT', 'EXISTS', sha1],
    ]);
    const classes = (replies: readonly Reply[]) =>
      replies.map((reply) => (isErrorReply(reply) ? reply.error.split(':')[0] : reply));
    expect(classes(memory)).toEqual(classes(real));
    expect(classes(memory)).toEqual([
      'ERR Error compiling script (new function)',
      'NOSCRIPT No matching script. Please use EVAL.',
      'ERR Error compiling script (new function)',
      [0],
    ]);
  });

  it('that does not compile says so', async () => {
    expect(await evaluate('return 1 +')).toMatchObject({
      error: expect.stringMatching(/^ERR Error compiling script \(new function\): user_script:1: /),
    });
  });

  it.each([
    'while true do end',
    'while true do pcall(function() while true do end end) end',
    'local f = coroutine.wrap(function() while true do end end) while true do pcall(f) end',
    'repeat until false',
  ])('that does not end is stopped: %s', async (lua) => {
    const store = storeWith({ maxSteps: 50_000 });
    const [reply, next] = await store.execute([
      ['EVAL', lua, 0],
      ['EVAL', 'return 1', 0],
    ]);
    expect(reply).toMatchObject({ error: expect.stringContaining('it ran for more than 50000 instructions') });
    expect(next).toBe(1);
  });

  it('that recurses without end is refused, and the next one runs', async () => {
    const store = storeWith();
    const [reply, next] = await store.execute([
      ['EVAL', 'local function f() return 1 + f() end return f()', 0],
      ['EVAL', 'return 1', 0],
    ]);
    expect(reply).toMatchObject({ error: expect.stringMatching(/^ERR .*stack overflow/) });
    expect(next).toBe(1);
  });

  it('leaves nothing behind for the next one', async () => {
    const store = storeWith();
    const attempts = ['x = 1', 'string.x = 1', '_G.x = 1', 'redis.call = nil', "getmetatable('').__index.x = 1"];
    for (const lua of attempts) {
      const [reply] = await store.execute([['EVAL', lua, 0]]);
      expect(reply, lua).toMatchObject({ error: expect.any(String) });
    }
    expect(await store.execute([['EVAL', 'return {#KEYS, #ARGV}', 0]])).toEqual([[0, 0]]);
  });

  it.each(['os', 'io', 'require', 'package', 'dofile', 'loadfile', 'debug', 'print'])(
    'cannot reach %s',
    async (name) => {
      expect(await evaluate(`return ${name}`)).toMatchObject({ error: expect.stringContaining('nonexistent global') });
      expect(await evaluate(`return load('return ${name}')()`)).toMatchObject({ error: expect.any(String) });
    },
  );
});

describe('the scripts of @upstash/ratelimit', () => {
  const now = 1_700_000_000_000;
  const ids = ['a', 'b', 'c', 'd', 'e', 'f'];
  type Calls = readonly (readonly [keys: readonly string[], args: readonly Argument[]])[];
  const scripts: Readonly<Record<string, Calls>> = {
    fixedWindowLimitScript: ids.map(() => [
      ['k', 'dynamic'],
      [3, 60_000, 1],
    ]),
    fixedWindowRemainingTokensScript: [[['k', 'dynamic'], [3]]],
    slidingWindowLimitScript: ids.map((_, i) => [
      ['k2', 'k', 'dynamic'],
      [5, now + i * 7_000, 60_000, 1],
    ]),
    slidingWindowRemainingTokensScript: [
      [
        ['k2', 'k', ''],
        [5, now + 60_001, 60_000],
      ],
    ],
    tokenBucketLimitScript: ids.map((_, i) => [
      ['bucket', ''],
      [4, 10_000, 2, now + i * 3_333, 1],
    ]),
    tokenBucketRemainingTokensScript: [
      [['bucket', ''], [4]],
      [['none', ''], [4]],
    ],
    cachedFixedWindowLimitScript: ids.map(() => [['cached'], [60_000, 1]]),
    cachedFixedWindowRemainingTokenScript: [
      [['cached'], []],
      [['none'], []],
    ],
    fixedWindowLimitScript2: ids.map((id) => [['multi'], [id, 60_000, 1]]),
    fixedWindowRemainingTokensScript2: [[['multi'], []]],
    slidingWindowLimitScript2: ids.map((id, i) => [
      ['multi2', 'multi'],
      [8, now + i * 9_000, 60_000, id, 1],
    ]),
    slidingWindowRemainingTokensScript2: [
      [
        ['multi2', 'multi'],
        [now + 59_999, 60_000],
      ],
    ],
    checkDenyListScript: ids.map((id) => [
      ['all', 'status'],
      [id, 'b'],
    ]),
    resetScript: [[['mult*'], []]],
  };

  it('answer and write as on Redis, all of them', async () => {
    const source = await readFile(
      new URL('../../node_modules/@upstash/ratelimit/dist/index.mjs', import.meta.url),
      'utf8',
    );
    const texts = new Map(
      [...source.matchAll(/var (\w+) = `([^`]*redis\.call[^`]*)`/g)].map(([, name = '', text = '']) => [
        name,
        stripUpstashFlags(text.replace(/\$\{tokenBucketIdentifierNotFound\}/, '-1')),
      ]),
    );
    expect([...texts.keys()].sort()).toEqual(Object.keys(scripts).sort());
    const calls = Object.entries(scripts).flatMap(([name, runs]) =>
      runs.map(([keys, args]): Command => ['EVAL', texts.get(name) ?? '', keys.length, ...keys, ...args]),
    );
    const before: readonly Command[] = [
      ['SET', 'dynamic', 4],
      ['SADD', 'all', 'b', 'd'],
    ];
    const after: readonly Command[] = [
      ['MGET', 'k', 'k2', 'cached', 'status'],
      ['HGETALL', 'bucket'],
      ['EXISTS', 'multi', 'multi2'],
      ['TTL', 'k'],
      ['TTL', 'k2'],
      ['TTL', 'bucket'],
      ['TTL', 'cached'],
    ];
    const { memory, real } = await onBoth([...before, ...calls, ...after]);
    expect(memory).toEqual(real);
    expect(memory.filter((reply) => typeof reply === 'object' && reply !== null && 'error' in reply)).toEqual([]);
  });
});

describe('a number that 64 bits cannot hold', () => {
  it('is answered as Redis on x86 answers it: as the least of them', async () => {
    const store = memoryStore({ lua: fengariEngine() });
    const [, reply, plain] = await store.execute([
      ['SET', 'num', '9223372036854775802'],
      ['EVAL', "return redis.pcall('INCR', KEYS[1])", 1, 'num'],
      ['EVAL', 'return 2 ^ 80', 0],
    ]);
    expect([reply, plain]).toEqual([-(2 ** 63), -(2 ** 63)]);
  });
});
