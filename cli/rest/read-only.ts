import type { Command } from '../../lib/store/store.ts';

const READS: ReadonlySet<string> = new Set([
  ...['GET', 'MGET', 'STRLEN', 'GETRANGE', 'SUBSTR', 'GETBIT', 'BITCOUNT', 'BITPOS', 'BITFIELD_RO', 'LCS'],
  ...['EXISTS', 'TYPE', 'TTL', 'PTTL', 'EXPIRETIME', 'PEXPIRETIME', 'DBSIZE', 'RANDOMKEY', 'DUMP', 'TOUCH'],
  ...['HGET', 'HMGET', 'HGETALL', 'HKEYS', 'HVALS', 'HLEN', 'HEXISTS', 'HSTRLEN', 'HRANDFIELD', 'HSCAN'],
  ...['LRANGE', 'LINDEX', 'LLEN', 'LPOS'],
  ...[
    'SMEMBERS',
    'SISMEMBER',
    'SMISMEMBER',
    'SCARD',
    'SRANDMEMBER',
    'SDIFF',
    'SINTER',
    'SINTERCARD',
    'SUNION',
    'SSCAN',
  ],
  ...['ZRANGE', 'ZRANGEBYSCORE', 'ZRANGEBYLEX', 'ZREVRANGE', 'ZREVRANGEBYSCORE', 'ZREVRANGEBYLEX', 'ZSCORE', 'ZMSCORE'],
  ...['ZRANK', 'ZREVRANK', 'ZCARD', 'ZCOUNT', 'ZLEXCOUNT', 'ZRANDMEMBER', 'ZDIFF', 'ZINTER', 'ZINTERCARD', 'ZUNION'],
  ...['ZSCAN', 'XRANGE', 'XREVRANGE', 'XLEN', 'XREAD', 'PFCOUNT', 'GEOPOS', 'GEODIST', 'GEOHASH', 'GEOSEARCH'],
  ...['PING', 'ECHO', 'TIME', 'EVAL_RO', 'EVALSHA_RO'],
]);

/** Whether the read-only token may send it. What is not known to be a read is not. */
export function isPermitted(command: Command): boolean {
  return READS.has(command[0].toUpperCase());
}

export function notPermittedText(command: Command): string {
  return `NOPERM this user has no permissions to run the '${command[0].slice(0, 32).toLowerCase()}' command`;
}
