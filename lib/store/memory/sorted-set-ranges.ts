import type { Reply } from '../store.ts';
import { type CommandSpec, command } from './command.ts';
import { clipSpan } from './lists.ts';
import { formatDouble, toIndex } from './numbers.ts';
import { removeRanks } from './ranking.ts';
import { ReplyError, syntaxError } from './reply-error.ts';
import { type Bounds, memberBounds, scoreBounds } from './sorted-set-bounds.ts';

type RangeKind = 'rank' | 'score' | 'member';

export const sortedSetRangeCommands: readonly CommandSpec[] = [
  range('zrange', undefined, undefined),
  range('zrevrange', 'rank', true),
  range('zrangebyscore', 'score', false),
  range('zrevrangebyscore', 'score', true),
  range('zrangebylex', 'member', false),
  range('zrevrangebylex', 'member', true),
  count('zcount', scoreBounds),
  count('zlexcount', memberBounds),
  removeRange('zremrangebyscore', scoreBounds),
  removeRange('zremrangebylex', memberBounds),
  removeRange('zremrangebyrank', rankBounds),
];

interface RangeOptions {
  readonly kind: RangeKind;
  readonly reversed: boolean;
  readonly withScores: boolean;
  readonly offset: number;
  readonly limit: number;
}

/** @param kind @param reversed `undefined` where the words may say. */
function range(name: string, kind: RangeKind | undefined, reversed: boolean | undefined): CommandSpec {
  return command(name, -4, (keyspace, [key = '', first = '', last = '', ...words]): Reply => {
    const options = readRangeOptions(words, kind, reversed);
    const bounds = readBounds(first, last, options);
    const ranked = keyspace.read(key, 'zset')?.ranked ?? [];
    // Ranks count from the end that the reply begins with.
    const fromEnd = options.reversed && options.kind === 'rank';
    const { from, end } = bounds(ranked);
    const span = fromEnd ? ranked.slice(ranked.length - end, ranked.length - from) : ranked.slice(from, end);
    const ordered = options.reversed ? span.reverse() : span;
    if (options.offset < 0) return [];
    const page = ordered.slice(options.offset, options.limit < 0 ? undefined : options.offset + options.limit);
    return page.flatMap(({ member, score }) => (options.withScores ? [member, formatDouble(score)] : [member]));
  });
}

function readRangeOptions(
  words: readonly string[],
  fixedKind: RangeKind | undefined,
  fixedDirection: boolean | undefined,
): RangeOptions {
  let kind = fixedKind;
  let reversed = fixedDirection;
  let withScores = false;
  let offset = 0;
  let limit = -1;
  for (let index = 0; index < words.length; index += 1) {
    const name = words[index]?.toUpperCase();
    if (name === 'WITHSCORES') withScores = true;
    else if (name === 'LIMIT' && index + 2 < words.length) {
      offset = toIndex(words[index + 1] ?? '');
      limit = toIndex(words[index + 2] ?? '');
      index += 2;
    } else if (name === 'REV' && reversed === undefined) reversed = true;
    else if (name === 'BYSCORE' && kind === undefined) kind = 'score';
    else if (name === 'BYLEX' && kind === undefined) kind = 'member';
    else throw syntaxError();
  }
  const options = { kind: kind ?? 'rank', reversed: reversed ?? false, withScores, offset, limit };
  if (limit !== -1 && options.kind === 'rank') {
    throw new ReplyError('ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX');
  }
  if (withScores && options.kind === 'member') {
    throw new ReplyError('ERR syntax error, WITHSCORES not supported in combination with BYLEX');
  }
  // A limit of −1 is accepted for ranks, and the offset before it ignored.
  return options.kind === 'rank' ? { ...options, offset: 0 } : options;
}

function readBounds(first: string, last: string, { kind, reversed }: RangeOptions): Bounds {
  if (kind === 'rank') return rankBounds(first, last);
  const [min, max] = reversed ? [last, first] : [first, last];
  return kind === 'score' ? scoreBounds(min, max) : memberBounds(min, max, reversed);
}

function rankBounds(first: string, last: string): Bounds {
  const span = [toIndex(first), toIndex(last)] as const;
  return (ranked) => {
    const [from, end] = clipSpan(span, ranked.length);
    return { from, end };
  };
}

function count(name: string, readEnds: (min: string, max: string) => Bounds): CommandSpec {
  return command(name, 4, (keyspace, [key = '', min = '', max = '']) => {
    const bounds = readEnds(min, max);
    const { from, end } = bounds(keyspace.read(key, 'zset')?.ranked ?? []);
    return Math.max(0, end - from);
  });
}

function removeRange(name: string, readEnds: (min: string, max: string) => Bounds): CommandSpec {
  return command(name, 4, (keyspace, [key = '', min = '', max = '']) => {
    const bounds = readEnds(min, max);
    const set = keyspace.edit(key, 'zset');
    if (!set) return 0;
    const { from, end } = bounds(set.ranked);
    return removeRanks(set, from, end).length;
  });
}
