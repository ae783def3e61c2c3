import type { Reply } from '../store.ts';
import { type CommandSpec, command } from './command.ts';
import type { Keyspace } from './keyspace.ts';
import { toInteger } from './numbers.ts';
import { ReplyError, syntaxError, wrongArity } from './reply-error.ts';
import {
  formatId,
  idOf,
  MAX_ID,
  MAX_SEQUENCE,
  millisOf,
  type StreamId,
  toIntervalEnd,
  toStrictStreamId,
} from './stream-ids.ts';
import { appendEntry, deleteEntry, entriesBetween, trimStream } from './stream-nodes.ts';
import { readStreamOptions } from './stream-options.ts';
import type { StreamValue } from './values.ts';

export const streamCommands: readonly CommandSpec[] = [
  command('xadd', -5, (keyspace, [key = '', ...words]) => add(keyspace, key, words)),
  command('xlen', 2, (keyspace, [key = '']) => keyspace.read(key, 'stream')?.length ?? 0),
  command('xdel', -3, (keyspace, [key = '', ...texts]) => {
    const stream = keyspace.edit(key, 'stream');
    if (!stream) return 0;
    const ids = texts.map((text) => toStrictStreamId(text, 0n));
    return ids.filter((id) => deleteEntry(stream, id)).length;
  }),
  command('xtrim', -4, (keyspace, [key = '', ...words]) => {
    const { trim } = readStreamOptions(words, 'xtrim');
    const stream = keyspace.edit(key, 'stream');
    return stream && trim ? trimStream(stream, trim) : 0;
  }),
  range('xrange', false),
  range('xrevrange', true),
];

function add(keyspace: Keyspace, key: string, words: readonly string[]): Reply {
  const { given, isAutomatic, makesStream, trim, rest } = readStreamOptions(words, 'xadd');
  const fields = given === undefined && !isAutomatic ? [] : rest;
  if (fields.length < 2 || fields.length % 2 !== 0) throw wrongArity('xadd');
  if (given?.isWhole && given.id === 0n) {
    throw new ReplyError('ERR The ID specified in XADD must be greater than 0-0');
  }
  const stream = makesStream ? keyspace.open(key, 'stream') : keyspace.edit(key, 'stream');
  if (!stream) return null;
  if (stream.lastId === MAX_ID) {
    throw new ReplyError('ERR The stream has exhausted the last possible ID, unable to add more items');
  }
  const id =
    given === undefined ? nextId(stream, keyspace.now()) : given.isWhole ? given.id : idWithin(stream, given.id);
  if (id === undefined || id <= stream.lastId) {
    throw new ReplyError('ERR The ID specified in XADD is equal or smaller than the target stream top item');
  }
  appendEntry(stream, { id, fields });
  if (trim) trimStream(stream, trim);
  return formatId(id);
}

function nextId({ lastId }: StreamValue, now: number): StreamId {
  const millis = BigInt(Math.floor(now));
  return millis > millisOf(lastId) ? idOf(millis, 0n) : lastId + 1n;
}

/** The next one in the millisecond of `first`; `undefined` where there is none left. */
function idWithin({ lastId }: StreamValue, first: StreamId): StreamId | undefined {
  if (millisOf(lastId) !== millisOf(first)) return first;
  return (lastId & MAX_SEQUENCE) === MAX_SEQUENCE ? undefined : lastId + 1n;
}

function range(name: string, reversed: boolean): CommandSpec {
  return command(name, -4, (keyspace, [key = '', first = '', last = '', ...words]): Reply => {
    const from = toIntervalEnd(reversed ? last : first, 'start');
    const to = toIntervalEnd(reversed ? first : last, 'end');
    const count = readCount(words);
    const stream = keyspace.read(key, 'stream');
    if (!stream) return [];
    if (count === 0) return null;
    return entriesBetween(stream, [from, to], count, reversed).map(({ id, fields }) => [formatId(id), fields]);
  });
}

function readCount(words: readonly string[]): number {
  let count = -1n;
  for (let index = 0; index < words.length; index += 2) {
    const text = words[index + 1];
    if (text === undefined || words[index]?.toUpperCase() !== 'COUNT') throw syntaxError();
    count = toInteger(text);
    if (count < 0n) count = 0n;
  }
  return count < 0n ? Number.POSITIVE_INFINITY : Number(count);
}
