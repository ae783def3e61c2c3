import type { Reply } from '../store.ts';
import { type CommandSpec, command } from './command.ts';
import type { Keyspace } from './keyspace.ts';
import { formatDouble, toCount, toDouble } from './numbers.ts';
import { rankOf, removeMember, removeRanks, setScore } from './ranking.ts';
import { NOT_POSITIVE, ReplyError, syntaxError } from './reply-error.ts';
import type { Scored, SortedSetValue } from './values.ts';

export const sortedSetCommands: readonly CommandSpec[] = [
  command('zadd', -4, (keyspace, [key = '', ...words]) => add(keyspace, key, words, false)),
  command('zincrby', 4, (keyspace, [key = '', ...words]) => add(keyspace, key, words, true)),
  command('zrem', -3, (keyspace, [key = '', ...members]) => {
    const set = keyspace.edit(key, 'zset');
    return set ? members.filter((member) => removeMember(set, member)).length : 0;
  }),
  command('zscore', 3, (keyspace, [key = '', member = '']) => scoreReply(keyspace.read(key, 'zset'), member)),
  command('zmscore', -3, (keyspace, [key = '', ...members]) => {
    const set = keyspace.read(key, 'zset');
    return members.map((member) => scoreReply(set, member));
  }),
  command('zcard', 2, (keyspace, [key = '']) => keyspace.read(key, 'zset')?.scores.size ?? 0),
  command('zrank', 3, (keyspace, [key = '', member = '']) => rankReply(keyspace.read(key, 'zset'), member, false)),
  command('zrevrank', 3, (keyspace, [key = '', member = '']) => rankReply(keyspace.read(key, 'zset'), member, true)),
  pop('zpopmin', false),
  pop('zpopmax', true),
];

interface AddOptions {
  readonly flags: ReadonlySet<string>;
  readonly items: readonly Scored[];
}

const ADD_FLAGS: ReadonlySet<string> = new Set(['NX', 'XX', 'GT', 'LT', 'CH', 'INCR']);

function readAddOptions(words: readonly string[], increments: boolean): AddOptions {
  const flags = new Set<string>(increments ? ['INCR'] : []);
  let at = 0;
  for (let name = words[at]?.toUpperCase(); name !== undefined && ADD_FLAGS.has(name); ) {
    flags.add(name);
    at += 1;
    name = words[at]?.toUpperCase();
  }
  const rest = words.slice(at);
  if (rest.length === 0 || rest.length % 2 !== 0) throw syntaxError();
  checkFlags(flags, rest.length / 2);
  const items: Scored[] = [];
  for (let index = 0; index < rest.length; index += 2) {
    items.push({ score: toDouble(rest[index] ?? ''), member: rest[index + 1] ?? '' });
  }
  return { flags, items };
}

function checkFlags(flags: ReadonlySet<string>, count: number): void {
  if (flags.has('NX') && flags.has('XX')) {
    throw new ReplyError('ERR XX and NX options at the same time are not compatible');
  }
  if (['GT', 'LT', 'NX'].filter((name) => flags.has(name)).length > 1) {
    throw new ReplyError('ERR GT, LT, and/or NX options at the same time are not compatible');
  }
  if (flags.has('INCR') && count > 1) {
    throw new ReplyError('ERR INCR option supports a single increment-element pair');
  }
}

function add(keyspace: Keyspace, key: string, words: readonly string[], increments: boolean): Reply {
  const { flags, items } = readAddOptions(words, increments);
  const set = flags.has('XX') ? keyspace.edit(key, 'zset') : keyspace.open(key, 'zset');
  let added = 0;
  let updated = 0;
  let last: number | undefined;
  for (const { member, score } of set ? items : []) {
    if (!set) break;
    const current = set.scores.get(member);
    const next = flags.has('INCR') && current !== undefined ? current + score : score;
    if (Number.isNaN(next)) throw new ReplyError('ERR resulting score is not a number (NaN)');
    last = isAllowed(flags, current, next) ? next : undefined;
    if (last === undefined || next === current) continue;
    setScore(set, member, next);
    if (current === undefined) added += 1;
    else updated += 1;
  }
  if (flags.has('INCR')) return last === undefined ? null : formatDouble(last);
  return flags.has('CH') ? added + updated : added;
}

function isAllowed(flags: ReadonlySet<string>, current: number | undefined, next: number): boolean {
  if (current === undefined) return !flags.has('XX');
  if (flags.has('NX')) return false;
  return !(flags.has('GT') && next <= current) && !(flags.has('LT') && next >= current);
}

function scoreReply(set: SortedSetValue | undefined, member: string): string | null {
  const score = set?.scores.get(member);
  return score === undefined ? null : formatDouble(score);
}

function rankReply(set: SortedSetValue | undefined, member: string, reversed: boolean): number | null {
  const score = set?.scores.get(member);
  if (set === undefined || score === undefined) return null;
  const rank = rankOf(set, { member, score });
  return reversed ? set.ranked.length - 1 - rank : rank;
}

function pop(name: string, fromTop: boolean): CommandSpec {
  return command(name, -2, (keyspace, [key = '', limit, ...rest]): Reply => {
    if (rest.length > 0) throw syntaxError();
    const count = limit === undefined ? 1 : toCount(limit, NOT_POSITIVE);
    const set = keyspace.edit(key, 'zset');
    if (!set) return [];
    const size = set.ranked.length;
    const removed = fromTop ? removeRanks(set, Math.max(0, size - count), size) : removeRanks(set, 0, count);
    return (fromTop ? removed.toReversed() : removed).flatMap(({ member, score }) => [member, formatDouble(score)]);
  });
}
