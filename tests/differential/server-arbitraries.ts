import { createHash } from 'node:crypto';
import fc from 'fast-check';
import {
  anyKey,
  type Draft,
  integer,
  maybe,
  named,
  POOL,
  type Step,
  scanOption,
  scanStart,
  some,
  text,
  words,
} from './argument-arbitraries.ts';

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
  "return #redis.call('TIME')",
  'return nothing',
  'return 1 +',
];
const LOADED = 'return 1';
const digest = (script: string) => createHash('sha1').update(script).digest('hex');

export const scripts = [
  words('EVAL', fc.constantFrom(...SCRIPTS), '1', anyKey, text),
  words('EVAL', 'return #KEYS', integer, some(named(text), 0, 2)),
  words('EVALSHA', fc.constantFrom('abc', digest(LOADED), digest(LOADED).toUpperCase()), '0'),
  words('SCRIPT', fc.constantFrom(['EXISTS', digest(LOADED), 'x'], ['nope'], [])),
];

/** EVAL leaves a script where it ran: with the node of its keys. */
export const evalTwice = fc
  .tuple(fc.constantFrom(...SCRIPTS), anyKey, text)
  .map(([script, key, argument]): readonly Draft[] => [
    ['EVAL', script, '1', key, argument],
    ['EVALSHA', digest(script), '1', key, argument],
  ]);

const unknown = fc.constantFrom('FOO', 'get', 'Hget', 'x'.repeat(150), 'fo\no');
export const connection = [
  words('PING', maybe(fc.constant(['hello']))),
  // Of a section that there is not: the others tell each server's own numbers.
  words('INFO', fc.constantFrom('nothing', '')),
  words('ECHO', text),
  words('TIME'),
  words('PUBLISH', text, text),
  words(unknown),
  words(unknown, some(anyKey), some(text, 0, 4)),
  ...['GET', 'SET', 'HSET', 'ZADD', 'LRANGE', 'EXPIRE', 'EVAL', 'ZRANK', 'ECHO'].map((name) => words(name)),
  ...['SET', 'HSET', 'ZADD', 'LRANGE', 'EXPIRE', 'EVAL', 'ZRANK', 'TIME'].map((name) =>
    words(name, anyKey, some(text, 0, 1)),
  ),
];

/** What a Cluster tells all of its nodes, or asks of them. */
export const forAllNodes = [
  words('SCRIPT', fc.constantFrom(['LOAD', LOADED], ['LOAD', LOADED], ['load'], ['FLUSH'], ['FLUSH', 'now'])),
  ...['FLUSHDB', 'FLUSHALL'].map((name) => words(name, fc.constantFrom([], ['async'], ['x']))),
  words('DBSIZE', some(text, 1, 2)),
];

/** Redis counts expired keys until it notices them; looking at them makes it. */
export const size: fc.Arbitrary<Step> = fc.constant((prefixes) => [
  ...prefixes.map((prefix) => ['EXISTS', ...POOL.map((name) => prefix + name)] as const),
  ['DBSIZE'],
]);

/** Left out of sequences for a Cluster: see `CLUSTER_DIFFERS`. */
export const forOneNode = [
  words('SCAN', scanStart, scanOption),
  words('SCAN', '0', 'COUNT', '1000', fc.constantFrom([], ['type'])),
  words('SCAN'),
];
