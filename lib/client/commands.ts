import type { Command } from '../store/store.ts';

/** Commands that change nothing, with the place of their keys: one, all arguments, or none that we follow. */
const READS: ReadonlyMap<string, 'first' | 'all' | 'none'> = new Map([
  ...(
    'GET STRLEN GETRANGE TTL PTTL EXPIRETIME PEXPIRETIME TYPE HGET HMGET HGETALL HEXISTS HLEN HKEYS HVALS HSTRLEN ' +
    'SMEMBERS SISMEMBER SMISMEMBER SCARD ZSCORE ZMSCORE ZCARD ZCOUNT ZRANGE ZREVRANGE ZRANGEBYSCORE ZREVRANGEBYSCORE ' +
    'ZRANGEBYLEX ZREVRANGEBYLEX ZLEXCOUNT ZRANK ZREVRANK LRANGE LLEN LINDEX LPOS BITCOUNT GETBIT BITPOS XRANGE XREVRANGE XLEN'
  )
    .split(' ')
    .map((name) => [name, 'first'] as const),
  ...'MGET EXISTS SUNION SINTER SDIFF'.split(' ').map((name) => [name, 'all'] as const),
  ...'SCAN HSCAN SSCAN ZSCAN KEYS DBSIZE PING ECHO TIME INFO RANDOMKEY'
    .split(' ')
    .map((name) => [name, 'none'] as const),
]);

/** Whether `command` can be sent twice, or not at all, without anybody noticing. Unknown commands are writes. */
export function isRead(command: Command): boolean {
  return READS.has(command[0].toUpperCase());
}

/** The different names of `commands`, for a log. */
export function namesOf(commands: readonly Command[]): readonly string[] {
  const names = new Set(commands.map(nameOf));
  return [...names].filter((name) => name !== undefined).slice(0, 8);
}

/** The name of `command` in upper case; `undefined` for what does not look like one, because it may be anything. */
export function nameOf([name]: Command): string | undefined {
  const upper = name.toUpperCase();
  return /^[A-Z]{1,20}(?:[._][A-Z]{1,20})?$/.test(upper) ? upper : undefined;
}

/** The keys of a read whose answer depends on nothing else, so that identical ones in flight can share a request. */
export function coalescibleKeys(command: Command): readonly string[] | undefined {
  const place = READS.get(command[0].toUpperCase());
  if (place === undefined || place === 'none' || command.length < 2) return undefined;
  return place === 'first' ? [String(command[1])] : command.slice(1).map(String);
}

/** An unambiguous text of `command`. */
export function commandId(command: Command): string {
  return JSON.stringify(command, (_, value: unknown) => (typeof value === 'number' ? String(value) : value));
}
