import { KV_PREFIXES } from '../../../lib/client/redis-keys.ts';
import type { Command } from '../../../lib/store/store.ts';

/** A part of Breakwater, where its keys stand, and what it asks of them. */
export interface Need {
  readonly part: string;
  readonly prefix: string;
  /** Commands on `key` and on names that begin with it. What they leave is given an end, and deleted. */
  readonly commands: (key: string) => readonly Command[];
}

/** Commands that the others cannot be tried without leaving something behind. */
export function basics(key: string): readonly Command[] {
  return [
    ['SET', key, '1', 'PX', 60_000],
    ['PEXPIRE', key, 60_000],
    ['DEL', key],
  ];
}

const texts = (key: string): readonly Command[] => [
  ['SET', key, '1', 'PX', 60_000],
  ['GET', key],
  ['PTTL', key],
];

const sorted = (key: string): readonly Command[] => [
  ['ZADD', `${key}:z`, 1, 'm'],
  ['PEXPIRE', `${key}:z`, 60_000],
];

const hash = (key: string): readonly Command[] => [
  ['HSET', `${key}:h`, 'f', '1'],
  ['PEXPIRE', `${key}:h`, 60_000],
  ['HGET', `${key}:h`, 'f'],
  ['HMGET', `${key}:h`, 'f'],
];

/** One entry for each prefix of keys: a user of Redis may be let at some of them only. */
export const NEEDS: readonly Need[] = [
  {
    part: 'limits',
    prefix: KV_PREFIXES.RATE_LIMIT,
    commands: (key) => [
      ...texts(key),
      ['INCR', `${key}:n`],
      ['EXPIRE', `${key}:n`, 60],
      ...hash(key),
      ...sorted(key),
      ['ZCARD', `${key}:z`],
      ['ZREMRANGEBYSCORE', `${key}:z`, '-inf', 0],
    ],
  },
  {
    part: 'keys',
    prefix: KV_PREFIXES.API_KEY,
    commands: (key) => [
      ...texts(key),
      ['MGET', key],
      ['EXISTS', key],
      ...sorted(key),
      ['ZRANGE', `${key}:z`, 0, 0],
      ['ZRANK', `${key}:z`, 'm'],
      ['ZCOUNT', `${key}:z`, 0, 1],
      ['ZREM', `${key}:z`, 'm'],
    ],
  },
  { part: 'keys', prefix: KV_PREFIXES.AUTH, commands: texts },
  {
    part: 'caches',
    prefix: KV_PREFIXES.CACHE,
    commands: (key) => [
      ...texts(key),
      ['GETRANGE', key, 0, 0],
      ...hash(key),
      ['HGETALL', `${key}:h`],
      ['HINCRBY', `${key}:h`, 'n', 1],
      ['SADD', `${key}:s`, 'm'],
      ['PEXPIRE', `${key}:s`, 60_000],
      ['SMEMBERS', `${key}:s`],
      ['UNLINK', key],
    ],
  },
  { part: 'locks', prefix: KV_PREFIXES.LOCK, commands: (key) => [...texts(key), ...hash(key)] },
  { part: 'dedup', prefix: KV_PREFIXES.DEDUP, commands: texts },
  { part: 'one-time codes', prefix: KV_PREFIXES.CODE, commands: hash },
  { part: 'link tokens', prefix: KV_PREFIXES.LINK, commands: (key) => [...texts(key), ['GETDEL', key]] },
  { part: 'sessions', prefix: KV_PREFIXES.SESSION, commands: (key) => [...hash(key), ...sorted(key)] },
  {
    part: 'usage',
    prefix: KV_PREFIXES.USAGE,
    commands: (key) => [
      ['HINCRBY', `${key}:h`, 'n', 1],
      ['PEXPIRE', `${key}:h`, 60_000, 'NX'],
      ['HGETALL', `${key}:h`],
    ],
  },
  {
    part: 'analytics',
    prefix: KV_PREFIXES.ANALYTICS,
    commands: (key) => [...hash(key), ['HINCRBY', `${key}:h`, 'n', 1]],
  },
  {
    part: 'event streams',
    prefix: KV_PREFIXES.EVENTS,
    commands: (key) => [
      ['XADD', `${key}:x`, '*', 'f', '1'],
      ['PEXPIRE', `${key}:x`, 60_000],
      ['XLEN', `${key}:x`],
      ['XRANGE', `${key}:x`, '-', '+', 'COUNT', 1],
      ['XTRIM', `${key}:x`, 'MAXLEN', 0],
    ],
  },
  {
    part: 'leaderboards',
    prefix: KV_PREFIXES.LEADERBOARD,
    commands: (key) => [...sorted(key), ['ZINCRBY', `${key}:z`, 1, 'm'], ['ZSCORE', `${key}:z`, 'm']],
  },
  {
    part: 'migrations',
    prefix: KV_PREFIXES.MIGRATION,
    commands: (key) => [...hash(key), ['HSETNX', `${key}:h`, 'g', '1']],
  },
];

/** What a need may leave under a key. */
export function leftovers(key: string): readonly string[] {
  return [key, ...['n', 'z', 'h', 's', 'x'].map((suffix) => `${key}:${suffix}`)];
}
