import { toInteger } from './numbers.ts';
import { ReplyError, syntaxError } from './reply-error.ts';
import { type StreamId, toNewStreamId, toStrictStreamId } from './stream-ids.ts';
import { NODE_ENTRIES, type Trim } from './stream-nodes.ts';

/** What stands before the fields of XADD, and in XTRIM. */
export interface StreamOptions {
  /** The id that was named; without one, and not `isAutomatic`, the words have ended before it. */
  readonly given: { readonly id: StreamId; readonly isWhole: boolean } | undefined;
  readonly isAutomatic: boolean;
  readonly makesStream: boolean;
  readonly trim: Trim | undefined;
  /** What follows the id. */
  readonly rest: readonly string[];
}

/** Read in the order of Redis, since the first thing that is wrong is what it tells of. */
export function readStreamOptions(words: readonly string[], name: 'xadd' | 'xtrim'): StreamOptions {
  const adds = name === 'xadd';
  let given: StreamOptions['given'];
  let isAutomatic = false;
  let makesStream = true;
  let bound: { readonly length: bigint } | { readonly id: StreamId } | undefined;
  let approximate = false;
  let limit: bigint | undefined;
  let at = 0;

  const readBound = (): string => {
    if (bound) {
      throw new ReplyError('ERR syntax error, MAXLEN and MINID options at the same time are not compatible');
    }
    const next = words[at + 1];
    const hasSign = at + 2 < words.length && (next === '~' || next === '=');
    approximate = hasSign && next === '~';
    at += hasSign ? 2 : 1;
    return words[at] ?? '';
  };

  for (; at < words.length && !given && !isAutomatic; at += 1) {
    const word = words[at] ?? '';
    const option = word.toUpperCase();
    const hasMore = at + 1 < words.length;
    if (adds && word === '*') isAutomatic = true;
    else if (option === 'MAXLEN' && hasMore) bound = { length: notNegative('MAXLEN', readBound()) };
    else if (option === 'MINID' && hasMore) bound = { id: toStrictStreamId(readBound(), 0n) };
    else if (option === 'LIMIT' && hasMore) {
      at += 1;
      limit = notNegative('LIMIT', words[at] ?? '');
    } else if (adds && option === 'NOMKSTREAM') makesStream = false;
    else if (adds) given = toNewStreamId(word);
    else throw syntaxError();
  }
  checkLimit(bound !== undefined, approximate, limit, adds);
  const most = approximate ? (limit ?? BigInt(100 * NODE_ENTRIES)) : 0n;
  const trim: Trim | undefined =
    bound &&
    ('id' in bound
      ? { by: 'id', id: bound.id, approximate, limit: most }
      : { by: 'length', length: bound.length, approximate, limit: most });
  return { given, isAutomatic, makesStream, trim, rest: words.slice(at) };
}

function notNegative(option: string, text: string): bigint {
  const value = toInteger(text);
  if (value < 0n) throw new ReplyError(`ERR The ${option} argument must be >= 0.`);
  return value;
}

function checkLimit(trims: boolean, approximate: boolean, limit: bigint | undefined, adds: boolean): void {
  if (limit && !trims) {
    throw new ReplyError('ERR syntax error, LIMIT cannot be used without specifying a trimming strategy');
  }
  if (!adds && !trims) throw new ReplyError('ERR syntax error, XTRIM must be called with a trimming strategy');
  if (limit !== undefined && !approximate) {
    throw new ReplyError('ERR syntax error, LIMIT cannot be used without the special ~ option');
  }
}
