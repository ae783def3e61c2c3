import type { Command } from './store.ts';

type Keys = (args: readonly string[]) => readonly string[];

const all: Keys = (args) => args;
const firstTwo: Keys = (args) => args.slice(0, 2);
const second: Keys = (args) => args.slice(1, 2);
const everyOther: Keys = (args) => args.filter((_, index) => index % 2 === 0);

/** Keys behind their number, which is the argument at `at`. */
const counted =
  (at: number): Keys =>
  (args) =>
    args.slice(at + 1, at + 1 + (Number(args[at]) || 0));

/** A destination, and what goes into it. */
const intoFirst: Keys = (args) => [...args.slice(0, 1), ...counted(1)(args)];

/** As many keys as identifiers behind STREAMS. */
const streams: Keys = (args) => {
  const behind = args.slice(args.findIndex((arg) => arg.toUpperCase() === 'STREAMS') + 1);
  return behind.slice(0, behind.length / 2);
};

/** A source, and behind a word where the result goes. */
const storing: Keys = (args) => [
  ...args.slice(0, 1),
  ...args.filter((_, index) => index > 1 && /^STORE(DIST)?$/i.test(args[index - 1] ?? '')),
];

const BY_NAME: ReadonlyMap<string, Keys> = new Map([
  ...named(all, 'DEL UNLINK EXISTS TOUCH MGET SINTER SUNION SDIFF SINTERSTORE SUNIONSTORE SDIFFSTORE PFCOUNT PFMERGE'),
  ...named(firstTwo, 'RENAME RENAMENX COPY LMOVE RPOPLPUSH SMOVE ZRANGESTORE GEOSEARCHSTORE LCS'),
  ...named(second, 'OBJECT MEMORY XGROUP XINFO'),
  ...named((args) => args.slice(1), 'BITOP'),
  ...named((args) => args.slice(2, 3), 'MIGRATE'),
  ...named(everyOther, 'MSET MSETNX'),
  ...named(counted(0), 'SINTERCARD ZINTER ZUNION ZDIFF ZINTERCARD LMPOP ZMPOP'),
  ...named(counted(1), 'EVAL EVALSHA EVAL_RO EVALSHA_RO FCALL FCALL_RO'),
  ...named(intoFirst, 'ZUNIONSTORE ZINTERSTORE ZDIFFSTORE'),
  ...named(streams, 'XREAD XREADGROUP'),
  ...named(storing, 'SORT GEORADIUS GEORADIUSBYMEMBER'),
  ...named(
    () => [],
    'PING ECHO TIME INFO ROLE CONFIG CLIENT CLUSTER COMMAND ACL MODULE LATENCY SLOWLOG LOLWUT DEBUG SCRIPT FUNCTION ' +
      'PUBLISH PUBSUB DBSIZE FLUSHALL FLUSHDB SWAPDB KEYS SCAN RANDOMKEY SAVE BGSAVE BGREWRITEAOF LASTSAVE SHUTDOWN ' +
      'WAIT WAITAOF REPLICAOF SLAVEOF FAILOVER',
  ),
]);

/**
 * The keys that a command works on. One that is not known here is taken for one whose first argument is its key, as is
 * that of almost all; a Cluster says where it belongs when that is wrong.
 */
export function keysOf(command: Command): readonly string[] {
  const args = command.slice(1).map(String);
  return BY_NAME.get(command[0].toUpperCase())?.(args) ?? args.slice(0, 1);
}

function named(keys: Keys, names: string): readonly (readonly [string, Keys])[] {
  return names.split(' ').map((name) => [name, keys] as const);
}
