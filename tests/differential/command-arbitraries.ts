import fc from 'fast-check';
import type { Command } from '../../lib/store/store.ts';
import {
  anyKey,
  expiry,
  flags,
  float,
  integer,
  key,
  maybe,
  member,
  millis,
  POOL,
  pattern,
  seconds,
  some,
  span,
  text,
  words,
} from './argument-arbitraries.ts';

const str = key('str', 'num');
const strings = [
  words('SET', str, text),
  words('SET', str, integer),
  words('SET', str, text, maybe(expiry), flags('nx XX get KEEPTTL')),
  words(
    'SET',
    str,
    text,
    flags('NX xx GET keepttl', 1),
    maybe(
      expiry,
      fc.tuple(expiry, expiry).map((two) => two.flat()),
    ),
  ),
  words('GETEX', str, maybe(expiry, fc.constant(['persist']))),
  ...['GET', 'STRLEN', 'GETDEL', 'INCR', 'DECR'].map((name) => words(name, str)),
  ...['SETNX', 'GETSET', 'APPEND'].map((name) => words(name, str, text)),
  ...['INCRBY', 'DECRBY'].map((name) => words(name, key('num'), integer)),
  words('INCRBYFLOAT', key('num'), float),
  words('SETEX', str, span, text),
  words('PSETEX', str, span, text),
  words('MGET', some(anyKey)),
  ...['MSET', 'MSETNX'].map((name) => words(name, some(fc.oneof(anyKey, text), 2, 4))),
  words('GETRANGE', str, integer, integer),
];
const keyspace = [
  ...['DEL', 'UNLINK', 'EXISTS', 'TOUCH'].map((name) => words(name, some(anyKey))),
  ...['TTL', 'PTTL', 'EXPIRETIME', 'PEXPIRETIME', 'PERSIST', 'TYPE'].map((name) => words(name, anyKey)),
  ...['EXPIRE', 'PEXPIRE'].map((name) => words(name, anyKey, span, flags('nx XX'))),
  words('EXPIREAT', anyKey, seconds, flags('NX xx GT lt bogus')),
  words('PEXPIREAT', anyKey, millis, flags('NX xx GT lt')),
  ...['RENAME', 'RENAMENX'].map((name) => words(name, anyKey, anyKey)),
  words('KEYS', pattern),
  words('SCAN', '0', 'COUNT', '1000', 'match', pattern),
  words(
    'SCAN',
    fc.constantFrom('0', 'x', ' 0', '-', '', '+0'),
    fc.constantFrom('COUNT', 'type'),
    fc.constantFrom('1000', '0', 'x', 'hash'),
  ),
];
const hash = key('hash');
const hashes = [
  ...['HSET', 'HMSET'].map((name) => words(name, hash, some(fc.oneof(member, integer), 2, 5))),
  words('HSETNX', hash, member, text),
  ...['HGET', 'HEXISTS', 'HSTRLEN'].map((name) => words(name, hash, member)),
  ...['HMGET', 'HDEL'].map((name) => words(name, hash, some(member))),
  ...['HGETALL', 'HLEN', 'HKEYS', 'HVALS'].map((name) => words(name, hash)),
  words('HINCRBY', hash, member, integer),
  words('HINCRBYFLOAT', hash, member, float),
  words('HSCAN', hash, '0', maybe(fc.tuple(fc.constant('MATCH'), pattern))),
];
const set = key('set', 'set2');
const sets = [
  ...['SADD', 'SREM', 'SMISMEMBER'].map((name) => words(name, set, some(member, 1, 5))),
  ...['SMEMBERS', 'SCARD'].map((name) => words(name, set)),
  words('SISMEMBER', set, member),
  words('SPOP', set, fc.constantFrom('1000', '0', '-1', 'x')),
  words('SSCAN', set, '0'),
  ...['SUNION', 'SINTER', 'SDIFF', 'SUNIONSTORE', 'SINTERSTORE', 'SDIFFSTORE'].map((name) =>
    words(name, some(set, 2, 3)),
  ),
];
const zset = key('zset');
// Larger sets answer BYLEX over different scores by chance: the levels of their skip list decide.
const small = member.filter((name) => Buffer.byteLength(name) <= 64);
const scoreEnd = fc.oneof(
  float,
  float.map((score) => `(${score}`),
  fc.constantFrom('-inf', '+inf', '(', '( 1'),
);
const lexEnd = fc.oneof(
  fc.constantFrom('-', '+', '-x', ''),
  small.map((name) => `[${name}`),
  small.map((name) => `(${name}`),
  small,
);
const limit = fc.tuple(
  fc.constantFrom('LIMIT', 'limit'),
  fc.constantFrom('0', '1', '-1', 'x'),
  fc.constantFrom('0', '1', '2', '-1', '-2'),
);
const withScores = fc.constant(['WITHSCORES']);
const sortedSets = [
  words(
    'ZADD',
    zset,
    some(fc.tuple(fc.constantFrom('1', '2', '3'), fc.constantFrom('a', 'b', 'c', 'd')), 1, 4).map((two) => two.flat()),
  ),
  words(
    'ZADD',
    zset,
    flags('NX xx GT lt CH INCR'),
    some(fc.tuple(float, small), 1, 2).map((two) => two.flat()),
  ),
  words('ZADD', zset, flags('ch INCR gt', 3), float, small, fc.constantFrom([], ['1'])),
  words('ZINCRBY', zset, float, small),
  ...['ZREM', 'ZMSCORE'].map((name) => words(name, zset, some(small))),
  ...['ZSCORE', 'ZRANK', 'ZREVRANK'].map((name) => words(name, zset, small)),
  ...['ZCARD'].map((name) => words(name, zset)),
  ...['ZCOUNT', 'ZREMRANGEBYSCORE'].map((name) => words(name, zset, scoreEnd, scoreEnd)),
  ...['ZLEXCOUNT', 'ZREMRANGEBYLEX'].map((name) => words(name, zset, lexEnd, lexEnd)),
  words(
    'ZRANGE',
    zset,
    integer,
    integer,
    maybe(withScores, fc.constant(['rev']), fc.constant(['REV', 'withscores']), limit),
  ),
  words('ZRANGE', zset, scoreEnd, scoreEnd, 'BYSCORE', maybe(withScores, fc.constant(['REV']), limit), maybe(limit)),
  words('ZRANGE', zset, lexEnd, lexEnd, 'bylex', maybe(withScores, fc.constant(['REV']), limit), maybe(limit)),
  words('ZREVRANGE', zset, integer, integer, maybe(withScores, limit)),
  ...['ZRANGEBYSCORE', 'ZREVRANGEBYSCORE'].map((name) =>
    words(name, zset, scoreEnd, scoreEnd, maybe(withScores), maybe(limit)),
  ),
  ...['ZRANGEBYLEX', 'ZREVRANGEBYLEX'].map((name) => words(name, zset, lexEnd, lexEnd, maybe(limit, withScores))),
  words('ZREMRANGEBYRANK', zset, integer, integer),
  ...['ZPOPMIN', 'ZPOPMAX'].map((name) => words(name, zset, maybe(integer.map((count) => [count])))),
  words('ZSCAN', zset, '0'),
];
const list = key('list');
const lists = [
  ...['LPUSH', 'RPUSH', 'LPUSHX', 'RPUSHX'].map((name) => words(name, list, some(member, 1, 4))),
  ...['LPOP', 'RPOP'].map((name) => words(name, list, maybe(integer.map((count) => [count])))),
  words('LLEN', list),
  words('LRANGE', list, '0', '-1'),
  ...['LRANGE', 'LTRIM'].map((name) => words(name, list, integer, integer)),
  words('LINDEX', list, integer),
  words('LSET', list, integer, text),
  words('LREM', list, integer, member),
];
const SCRIPTS = [
  "return redis.call('SET', KEYS[1], ARGV[1])",
  "return redis.call('GET', KEYS[1])",
  "return redis.pcall('INCR', KEYS[1])",
  "redis.call('SET', KEYS[1], 'kept') return redis.call('LPUSH', KEYS[1], 'x')",
  "return redis.call('SET', KEYS[1], tonumber(ARGV[1]) or 7)",
  "return {redis.call('GET', KEYS[1]), 1.9, {'a', nil, 'b'}, true, false}",
  "return redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')",
  "return tostring(redis.call('INCRBY', KEYS[1], 7) * 1000) .. '|' .. 10 / 4",
  "return cjson.encode({redis.call('EXISTS', KEYS[1]), ARGV[1]})",
  "return redis.call('NOPE')",
  "return redis.call('EVAL', 'return 1', 0)",
  "return redis.call('SET', KEYS[1])",
  "return redis.status_reply('FINE')",
  "return redis.error_reply('MY error')",
  "return #redis.call('HGETALL', KEYS[1]) + #ARGV[1]",
  'return nothing',
  'return 1 +',
];
const others = [
  words('EVAL', fc.constantFrom(...SCRIPTS), '1', anyKey, text),
  words('EVAL', 'return #KEYS', integer, some(text, 0, 2)),
  words(
    'EVALSHA',
    fc.constantFrom('abc', 'e0e1f9fabfc9d4800c877a703b823ac0578ff8db', 'E0E1F9FABFC9D4800C877A703B823AC0578FF8DB'),
    '0',
  ),
  words(
    'SCRIPT',
    fc.constantFrom(
      ['LOAD', 'return 1'],
      ['load'],
      ['EXISTS', 'e0e1f9fabfc9d4800c877a703b823ac0578ff8db', 'x'],
      ['FLUSH'],
      ['FLUSH', 'now'],
      ['nope'],
      [],
    ),
  ),
  words('PING', maybe(fc.constant(['hello']))),
  words('ECHO', text),
  words('PUBLISH', text, text),
  words('FLUSHDB', fc.constantFrom([], ['async'], ['x'])),
  words(fc.constantFrom('FOO', 'get', 'Hget', 'x'.repeat(150), 'fo\no'), some(text, 0, 6)),
];
// Redis counts expired keys until it notices them; looking at them makes it.
const size = fc.constant<readonly Command[]>([['EXISTS', ...POOL, 'a', 'b', 'c'], ['DBSIZE']]);
// On a value of one-byte characters: the memory store keeps text, and half a character is none.
const setRange = fc
  .tuple(
    fc.constantFrom<readonly Command[]>(
      [['DEL', 'str']],
      [['SET', 'str', 'abcdef']],
      [
        ['DEL', 'str'],
        ['LPUSH', 'str', 'x'],
      ],
    ),
    words(
      'SETRANGE',
      'str',
      fc.constantFrom('0', '1', '5', '9', '-1', 'x', '9223372036854775807'),
      fc.constantFrom('', 'q', 'zz', 'é'),
    ),
  )
  .map(([before, command]): readonly Command[] => [...before, command]);
const wrongArity = fc
  .tuple(
    fc.constantFrom('GET', 'SET', 'HSET', 'ZADD', 'LRANGE', 'EXPIRE', 'DBSIZE', 'TIME', 'EVAL', 'SCAN', 'ZRANK'),
    some(text, 0, 2),
  )
  .map(([name, rest]): Command => [name, ...rest])
  .filter(([name, ...rest]) =>
    name === 'SCAN' ? rest.length === 0 : !['DBSIZE', 'TIME'].includes(name) || rest.length > 0,
  );

const single = (...families: readonly (readonly fc.Arbitrary<Command>[])[]) =>
  families.map((family) => fc.oneof(...family).map((command): readonly Command[] => [command]));

/** One command, or a few that belong together. */
export const step: fc.Arbitrary<readonly Command[]> = fc.oneof(
  ...single(strings, keyspace, hashes, sets, sortedSets, lists).map((arbitrary) => ({ weight: 10, arbitrary })),
  ...single(others).map((arbitrary) => ({ weight: 6, arbitrary })),
  ...single([wrongArity]).map((arbitrary) => ({ weight: 1, arbitrary })),
  { weight: 1, arbitrary: size },
  { weight: 1, arbitrary: setRange },
);
