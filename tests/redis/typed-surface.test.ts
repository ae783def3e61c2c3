import type { Redis } from '@upstash/redis';
import { describe, expect, it } from 'vitest';
import { isKvError } from '../../lib/errors.ts';
import { besideUpstash, type Pair } from '../support/beside-upstash.ts';

type Step = (redis: Redis) => Promise<unknown>;

const sorted = <T>(list: readonly T[]): T[] => [...list].sort();

/** Each runs in order on an empty Redis. */
const SEQUENCES: Readonly<Record<string, readonly Step[]>> = {
  'values of every type': [
    ...[
      'text',
      'OK',
      'grün 🚀',
      '',
      '  ',
      '00123',
      '1e3',
      '9007199254740993',
      'null',
      'true',
      '{"a":1}',
      '"q"',
      'lone \ud800 half',
    ].map(keeps),
    ...[0, -0, 12, -1.5, 1e21, Number.MAX_SAFE_INTEGER, true, false, null].map(keeps),
    ...[{ a: [1, { b: null }] }, [], [1, 'two', null, [3]], {}, { 'ü:"': '\u2028\n' }].map(keeps),
  ],
  strings: [
    (redis) => redis.set('k', 'a', { nx: true, ex: 100 }),
    (redis) => redis.set('k', 'b', { nx: true }),
    (redis) => redis.set('k', 'b', { xx: true, get: true, keepTtl: true }),
    (redis) => redis.ttl('k'),
    (redis) => redis.append('k', 'cd'),
    (redis) => redis.strlen('k'),
    (redis) => redis.getrange('k', 1, -1),
    (redis) => redis.setrange('k', 2, 'XY'),
    (redis) => redis.getset('k', 'new'),
    (redis) => redis.getex('k', { ex: 50 }),
    (redis) => redis.getdel('k'),
    (redis) => redis.get('k'),
    (redis) => redis.setnx('k', 7),
    (redis) => redis.setex('x', 100, { v: 1 }),
    (redis) => redis.psetex('p', 100_000, 'v'),
    (redis) => redis.mset({ m: 1, n: 'two', o: { three: 3 } }),
    (redis) => redis.mget('m', 'none', 'n', 'o'),
    (redis) => redis.msetnx({ m: 2, q: 3 }),
    (redis) => redis.incr('c'),
    (redis) => redis.incrby('c', 5),
    (redis) => redis.decr('c'),
    (redis) => redis.decrby('c', 2),
    (redis) => redis.incrbyfloat('f', 1.25),
    (redis) => redis.incr('n'),
    (redis) => redis.incrby('c', Number.POSITIVE_INFINITY),
    (redis) => redis.zadd('z', { score: Number.POSITIVE_INFINITY, member: 'no JSON' }),
    (redis) => redis.rpush('l', undefined),
    (redis) => redis.lrange('l', 0, -1),
  ],
  keys: [
    (redis) => redis.mset({ 'a:1': 1, 'a:2': 2, b: 3 }),
    (redis) => redis.exists('a:1', 'b', 'none'),
    (redis) => redis.type('b'),
    (redis) => redis.type('none'),
    (redis) => redis.touch('b', 'none'),
    (redis) => redis.expire('b', 100),
    (redis) => redis.expire('b', 50, 'NX'),
    (redis) => redis.ttl('b'),
    (redis) => redis.persist('b'),
    (redis) => redis.ttl('b'),
    (redis) => redis.expireat('b', 4_000_000_000),
    (redis) => redis.pexpire('none', 5),
    (redis) => redis.rename('b', 'c'),
    (redis) => redis.renamenx('c', 'a:1'),
    (redis) => redis.rename('none', 'c'),
    async (redis) => sorted(await redis.keys('a:*')),
    async (redis) => {
      const [cursor, keys] = await redis.scan(0, { match: 'a:*', count: 100 });
      return [cursor, sorted(keys)];
    },
    async (redis) => {
      const [cursor, keys] = await redis.scan('0', { type: 'hash' });
      return [cursor, keys];
    },
    (redis) => redis.dbsize(),
    (redis) => redis.del('a:1', 'none'),
    (redis) => redis.unlink('a:2'),
    (redis) => redis.flushdb(),
    (redis) => redis.dbsize(),
    (redis) => redis.ping(),
    (redis) => redis.echo('hello'),
    (redis) => redis.publish('channel', 'nobody'),
  ],
  hashes: [
    (redis) => redis.hset('h', { a: 1, b: { c: 2 }, d: 'text', e: null }),
    (redis) => redis.hget('h', 'b'),
    (redis) => redis.hget('h', 'none'),
    (redis) => redis.hgetall('h'),
    (redis) => redis.hgetall('none'),
    (redis) => redis.hmget('h', 'a', 'none'),
    (redis) => redis.hmset('h', { f: 'g' }),
    (redis) => redis.hkeys('h'),
    (redis) => redis.hvals('h'),
    (redis) => redis.hlen('h'),
    (redis) => redis.hexists('h', 'a'),
    (redis) => redis.hincrby('h', 'a', 4),
    (redis) => redis.hincrbyfloat('h', 'a', 0.5),
    (redis) => redis.hsetnx('h', 'a', 9),
    (redis) => redis.hstrlen('h', 'd'),
    (redis) => redis.hscan('h', 0),
    (redis) => redis.hdel('h', 'a', 'none'),
    (redis) => redis.hincrby('h', 'd', 1),
    (redis) => redis.get('h'),
  ],
  sets: [
    (redis) => redis.sadd('s', 'a', 'b', 'c'),
    (redis) => redis.sadd<unknown>('t', 'b', { x: 1 }),
    async (redis) => sorted(await redis.smembers('s')),
    (redis) => redis.scard('s'),
    (redis) => redis.sismember('s', 'a'),
    (redis) => redis.smismember('s', ['a', 'z']),
    (redis) => redis.sinter('s', 't'),
    async (redis) => sorted(await redis.sdiff('s', 't')),
    (redis) => redis.sunionstore('u', 's', 't'),
    (redis) => redis.sinterstore('i', 's', 't'),
    (redis) => redis.sdiffstore('d', 's', 't'),
    (redis) => redis.srem('s', 'a', 'z'),
    (redis) => redis.spop('i'),
    async (redis) => {
      const [cursor, members] = await redis.sscan('s', 0);
      return [cursor, sorted(members.map(String))];
    },
  ],
  'sorted sets': [
    (redis) =>
      redis.zadd<unknown>(
        'z',
        { score: 2, member: 'two' },
        { score: 1, member: 'one' },
        { score: 3.5, member: { m: 3 } },
      ),
    (redis) => redis.zadd('z', { nx: true, ch: true }, { score: 9, member: 'two' }, { score: 4, member: 'four' }),
    (redis) => redis.zadd('z', { incr: true }, { score: 1, member: 'one' }),
    (redis) => redis.zcard('z'),
    (redis) => redis.zcount('z', '-inf', '(3'),
    (redis) => redis.zscore('z', 'two'),
    (redis) => redis.zscore('z', 'none'),
    (redis) => redis.zmscore('z', ['one', 'none']),
    (redis) => redis.zrank('z', 'two'),
    (redis) => redis.zrevrank('z', 'two'),
    (redis) => redis.zincrby('z', 0.25, 'one'),
    (redis) => redis.zrange('z', 0, -1, { withScores: true }),
    (redis) => redis.zrange('z', 2, '+inf', { byScore: true, offset: 1, count: 2 }),
    (redis) => redis.zrange('z', 0, 1, { rev: true }),
    (redis) => redis.zscan('z', 0),
    (redis) => redis.zpopmin('z'),
    (redis) => redis.zpopmax('z', 2),
    (redis) => redis.zremrangebyscore('z', 0, '(1'),
    (redis) => redis.zrem('z', 'two', 'none'),
    (redis) => redis.zremrangebyrank('z', 0, -1),
    (redis) => redis.zrange('z', 0, -1),
  ],
  lists: [
    (redis) => redis.rpush<unknown>('l', 'x', { y: 1 }, 3),
    (redis) => redis.lpush('l', 'first'),
    (redis) => redis.lpushx('none', 'a'),
    (redis) => redis.rpushx('l', 'last'),
    (redis) => redis.lrange('l', 0, -1),
    (redis) => redis.llen('l'),
    (redis) => redis.lindex('l', 2),
    (redis) => redis.lset('l', 0, 'zero'),
    (redis) => redis.lset('l', 99, 'far'),
    (redis) => redis.lrem('l', 0, 'x'),
    (redis) => redis.ltrim('l', 0, 2),
    (redis) => redis.lpop('l'),
    (redis) => redis.rpop('l', 2),
    (redis) => redis.lpop('none'),
    (redis) => redis.set('s', 'text'),
    (redis) => redis.lpush('s', 'a'),
  ],
  scripts: [
    (redis) =>
      redis.eval("return {redis.call('INCRBY', KEYS[1], ARGV[1]), ARGV[2], false, {1, {'a'}}}", ['k'], [2, 'x']),
    (redis) => redis.evalsha('f'.repeat(40), ['k'], []),
    (redis) => redis.scriptLoad('return ARGV[1]'),
    async (redis) => redis.evalsha(await redis.scriptLoad('return ARGV[1]'), [], [{ a: 1 }]),
    async (redis) => redis.scriptExists('f'.repeat(40), await redis.scriptLoad('return 1')),
    (redis) => redis.createScript<string>('return KEYS[1] .. ARGV[1]').exec(['k'], ['v']),
    (redis) => redis.eval("return redis.call('INCR', KEYS[1])", ['none'], []),
    (redis) => redis.eval("return redis.error_reply('MYERR for you')", [], []),
    (redis) => redis.eval("return redis.call('HGET', KEYS[1], 'f')", ['k'], []),
    (redis) => redis.eval('return (', [], []),
    (redis) => redis.eval('#!lua flags=allow-key-locking\nreturn ARGV[1]', [], ['flagged']),
    (redis) => redis.createScript<string>('#!lua flags=allow-key-locking\nreturn ARGV[1]').exec([], ['again']),
    async (redis) => {
      const sha = await redis.scriptLoad('#!lua flags=allow-key-locking\nreturn 7');
      return [sha, await redis.scriptExists(sha), await redis.pipeline().evalsha(sha, [], []).exec()];
    },
    (redis) => redis.scriptFlush(),
    (redis) => redis.evalsha('e0e1f9fabfc9d4800c877a703b823ac0578ff8db', [], []),
  ],
  pipelines: [
    (redis) => redis.pipeline().set('k', { a: 1 }).incr('n').get('k').hgetall('none').mget('k', 'n').exec(),
    (redis) => redis.pipeline().get('k').incr('k').get('n').exec({ keepErrors: true }),
    (redis) => redis.pipeline().get('k').incr('k').incr('n').exec(),
    (redis) => redis.get('n'),
    (redis) => redis.pipeline().exec(),
    (redis) => redis.pipeline().scan(0, { match: 'k' }).zrange('none', 0, -1, { withScores: true }).type('k').exec(),
    (redis) => redis.pipeline().evalsha('f'.repeat(40), [], []).eval('return 1', [], []).exec({ keepErrors: true }),
  ],
  transactions: [
    (redis) => redis.multi().incr('n').incr('n').get('n').set('k', ['a']).exec(),
    (redis) => redis.multi().set('t', 'text').incr('t').incr('n').exec(),
    (redis) => redis.multi().incr('t').incr('n').exec({ keepErrors: true }),
    (redis) => redis.mget('t', 'n'),
    (redis) => redis.multi().eval('#!lua flags=allow-key-locking\nreturn 5', [], []).exec(),
  ],
  'commands by name': [
    (redis) => redis.exec(['SET', 'k', 'v', 'EX', 100]),
    (redis) => redis.exec(['get', 'k']),
    (redis) => redis.exec(['NOPE', 'k']),
    (redis) => redis.exec(['BLPOP', 'l', 0]),
  ],
  streams: [
    (redis) => redis.xadd('x', '1-1', { a: 1, b: { c: 2 } }),
    (redis) =>
      redis.xadd('x', '2-*', { a: 'é' }, { nomkStream: true, trim: { type: 'MAXLEN', threshold: 9, comparison: '~' } }),
    (redis) => redis.xadd('x', '1-1', { a: 1 }),
    (redis) => redis.xadd('none', '*', { a: 1 }, { nomkStream: true }),
    (redis) => redis.xrange('x', '-', '+'),
    (redis) => redis.xrevrange('x', '+', '-', 1),
    (redis) => redis.xlen('x'),
    (redis) => redis.xdel('x', ['2-0', '9-9']),
    (redis) => redis.xtrim('x', { strategy: 'MINID', exactness: '=', threshold: '2-0' }),
    (redis) => redis.xrange('x', '-', '+', 5),
    (redis) => redis.type('x'),
  ],
};

/** What Redis has and the memory store has not. */
const BEYOND_MEMORY: readonly Step[] = [
  (redis) => redis.setbit('bits', 7, 1),
  (redis) => redis.getbit('bits', 7),
  (redis) => redis.bitcount('bits', 0, -1),
  (redis) => redis.geoadd('g', { longitude: 13.361389, latitude: 38.115556, member: 'Palermo' }),
  (redis) => redis.geopos('g', 'Palermo', 'none'),
  (redis) => redis.pfadd('pf', 'a', 'b'),
  (redis) => redis.pfcount('pf'),
  (redis) => redis.xread('x', '0'),
  (redis) => redis.linsert('l', 'before', 'a', 'b'),
  (redis) => redis.lmove('l', 'm', 'left', 'right'),
  (redis) => redis.lpos('l', 'a'),
  (redis) => redis.smove('s', 't', 'a'),
  (redis) => redis.srandmember('s'),
  (redis) => redis.hrandfield('h'),
  (redis) => redis.copy('k', 'l'),
  (redis) => redis.zunionstore('u', 1, ['z']),
  (redis) => redis.evalRo('return 1', [], []),
  (redis) => redis.createScript('return 1', { readonly: true }).exec([], []),
];

besideUpstash((pair) => {
  describe('answers as @upstash/redis on the endpoint does:', () => {
    it.each(Object.entries(SEQUENCES))('%s', async (_, steps) => {
      expect(await equalOutcomes(pair, steps)).toBe(steps.length);
    });
  });

  it(pair.kind === 'memory' ? 'refuses what memory has not' : 'passes on what memory has not', async () => {
    if (pair.kind === 'memory') {
      for (const step of BEYOND_MEMORY) {
        await expect(step(pair.ours())).rejects.toMatchObject({
          code: 'COMMAND',
          replyCode: 'ERR',
          message: 'Redis refused the command: ERR (unknown command)',
        });
      }
    } else expect(await equalOutcomes(pair, BEYOND_MEMORY)).toBe(BEYOND_MEMORY.length);
  });

  it('sends what is issued in one turn as one request', async () => {
    const redis = pair.ours();
    await redis.mset(Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`k${index}`, index])));
    const before = pair.store().requests.length;
    const values = await Promise.all(Array.from({ length: 50 }, (_, index) => redis.get(`k${index}`)));
    expect(values).toEqual(Array.from({ length: 50 }, (_, index) => index));
    await Promise.all([
      redis.hgetall('none'),
      redis.incr('n'),
      redis.pipeline().incr('n').get('n').exec(),
      redis.scan(0),
      redis.evalsha('f'.repeat(40), [], []).catch(() => 'unknown'),
    ]);
    expect(
      pair
        .store()
        .requests.slice(before)
        .map((commands) => commands.length),
    ).toEqual([50, 6]);
  });

  it('gives each caller of one shared read a value of its own', async () => {
    const redis = pair.ours();
    await redis.hset('h', { a: { b: 1 } });
    const [one, two] = await Promise.all([redis.hgetall('h'), redis.hgetall('h')]);
    expect(two).toEqual({ a: { b: 1 } });
    expect(one).toEqual(two);
    expect(one).not.toBe(two);
  });
});

function keeps(value: unknown): Step {
  return async (redis) => [await redis.set('k', value), await redis.get('k'), await redis.strlen('k')];
}

/** How many steps had the same outcome on both sides: all, or it throws. */
async function equalOutcomes(pair: Pair, steps: readonly Step[]): Promise<number> {
  let equal = 0;
  for (const step of steps) {
    const [theirs, ours] = await Promise.all([outcome(step(pair.theirs())), outcome(step(pair.ours()))]);
    expect(ours, `step ${equal} (${step})`).toEqual(theirs);
    equal += 1;
  }
  return equal;
}

/** Values as they are; of errors that of Redis which they carry, or else the whole text. */
async function outcome(promise: Promise<unknown>): Promise<unknown> {
  try {
    return { value: codesOf(await promise) };
  } catch (error) {
    return { refused: isKvError(error) && error.code === 'COMMAND' ? error.replyCode : codeIn(String(error)) };
  }
}

/** Texts of errors that are kept in a list of results differ where Redis quotes. */
function codesOf(value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  return value.map((item) => {
    const { error, ...rest } = typeof item === 'object' && item !== null ? item : {};
    return typeof error === 'string' ? { ...rest, error: codeIn(error) } : item;
  });
}

function codeIn(text: string): string {
  return /\b(?:ERR|WRONGTYPE|NOSCRIPT|EXECABORT|MYERR)\b/.exec(text)?.[0] ?? text;
}
