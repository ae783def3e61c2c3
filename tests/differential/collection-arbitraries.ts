import fc from 'fast-check';
import { type Draft, float, integer, key, maybe, member, pattern, some, text, words } from './argument-arbitraries.ts';

const hash = key('hash');
export const hashes = [
  ...['HSET', 'HMSET'].map((name) => words(name, hash, some(fc.oneof(member, integer), 2, 5))),
  words('HSETNX', hash, member, text),
  ...['HGET', 'HEXISTS', 'HSTRLEN'].map((name) => words(name, hash, member)),
  ...['HMGET', 'HDEL'].map((name) => words(name, hash, some(member))),
  ...['HGETALL', 'HLEN', 'HKEYS', 'HVALS'].map((name) => words(name, hash)),
  words('HINCRBY', hash, member, integer),
  words('HINCRBYFLOAT', hash, member, float),
  words('HSCAN', hash, fc.constantFrom('0', '0', 'x'), maybe(fc.tuple(fc.constant('MATCH'), pattern))),
];

const set = key('set', 'set2');
export const sets = [
  ...['SADD', 'SREM', 'SMISMEMBER'].map((name) => words(name, set, some(member, 1, 5))),
  ...['SMEMBERS', 'SCARD'].map((name) => words(name, set)),
  words('SISMEMBER', set, member),
  words('SPOP', set, fc.constantFrom('1000', '0', '-1', 'x')),
  words('SSCAN', set, '0', maybe(fc.tuple(fc.constant('match'), pattern))),
  ...['SUNION', 'SINTER', 'SDIFF', 'SUNIONSTORE', 'SINTERSTORE', 'SDIFFSTORE'].map((name) =>
    words(name, some(set, 2, 3)),
  ),
];

/** Members that stand for each other, see `comparison`: SPOP takes any. The rest of them goes before the step ends. */
export const popSome = fc
  .tuple(set, fc.constantFrom<readonly string[]>([], ['1'], ['2'], ['3']))
  .map(([name, count]): readonly Draft[] => [
    ['DEL', name],
    ['SADD', name, 'any1', 'any2', 'any3'],
    ['SPOP', name, ...count],
    ['SCARD', name],
    ['SMEMBERS', name],
    ['DEL', name],
  ]);

const list = key('list');
export const lists = [
  ...['LPUSH', 'RPUSH', 'LPUSHX', 'RPUSHX'].map((name) => words(name, list, some(member, 1, 4))),
  ...['LPOP', 'RPOP'].map((name) => words(name, list, maybe(integer.map((count) => [count])))),
  words('LLEN', list),
  words('LRANGE', list, '0', '-1'),
  ...['LRANGE', 'LTRIM'].map((name) => words(name, list, integer, integer)),
  words('LINDEX', list, integer),
  words('LSET', list, integer, text),
  words('LSET', list, fc.constantFrom('0', '-1'), text),
  words('LREM', list, integer, member),
];
