import fc from 'fast-check';
import { flags, float, integer, key, maybe, member, pattern, some, words } from './argument-arbitraries.ts';

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

export const sortedSets = [
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
  words('ZCARD', zset),
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
  ...['ZRANGE', 'ZREVRANGE'].map((name) => words(name, zset, '0', '-1', fc.constantFrom([], ['WITHSCORES']))),
  words('ZREVRANGE', zset, integer, integer, maybe(withScores, limit)),
  ...['ZRANGEBYSCORE', 'ZREVRANGEBYSCORE'].map((name) =>
    words(name, zset, scoreEnd, scoreEnd, maybe(withScores), maybe(limit)),
  ),
  ...['ZRANGEBYLEX', 'ZREVRANGEBYLEX'].map((name) => words(name, zset, lexEnd, lexEnd, maybe(limit, withScores))),
  words('ZREMRANGEBYRANK', zset, integer, integer),
  ...['ZPOPMIN', 'ZPOPMAX'].map((name) => words(name, zset, maybe(integer.map((count) => [count])))),
  words('ZSCAN', zset, '0', maybe(fc.tuple(fc.constant('MATCH'), pattern))),
];
