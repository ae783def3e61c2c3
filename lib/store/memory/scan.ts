import type { Reply } from '../store.ts';
import { type CommandSpec, command } from './command.ts';
import { compileGlob, type Glob } from './glob.ts';
import type { Keyspace } from './keyspace.ts';
import { formatDouble, toIndex } from './numbers.ts';
import { ReplyError, syntaxError } from './reply-error.ts';
import type { AggregateType, ValueOf } from './values.ts';

export const scanCommands: readonly CommandSpec[] = [
  command('scan', -2, (keyspace, [position = '', ...words]) => {
    const start = readCursor(position);
    const { matches, count, type } = readOptions(words, true);
    const { cursor, entries } = keyspace.scan(start, count);
    const kept = entries.filter(({ key, value }) => (type ?? value.type) === value.type && matches(key));
    return [String(cursor), kept.map(({ key }) => key)];
  }),
  scanElements('hscan', 'hash', ({ fields }) => [...fields]),
  scanElements('sscan', 'set', ({ members }) => [...members].map((member) => [member])),
  scanElements('zscan', 'zset', ({ ranked, isLarge }) =>
    ranked.map(({ member, score }) => [member, isLarge ? formatDouble(score) : storedScore(score)]),
  ),
];

/** All elements in one step, as Redis answers for a small aggregate: COUNT is a hint. */
function scanElements<T extends AggregateType>(
  name: string,
  type: T,
  list: (value: ValueOf<T>) => readonly (readonly string[])[],
): CommandSpec {
  return command(name, -3, (keyspace: Keyspace, [key = '', position = '', ...words]): Reply => {
    readCursor(position);
    const value = keyspace.read(key, type);
    if (!value) return ['0', []];
    const { matches } = readOptions(words, false);
    return [
      '0',
      list(value)
        .filter(([element = '']) => matches(element))
        .flat(),
    ];
  });
}

/** ZSCAN shows how small sets of Redis store scores: whole numbers of up to 62 bits as integers. */
function storedScore(score: number): string {
  return Number.isInteger(score) && Math.abs(score) <= 2 ** 62 ? BigInt(score).toString() : formatDouble(score);
}

/** `strtoul` of C; what is beyond all cursors ends the scan. */
function readCursor(text: string): number {
  if (!/^(?:[+-]?\d{1,20})?$/.test(text)) throw new ReplyError('ERR invalid cursor');
  const cursor = Number(text === '' ? 0 : text);
  return cursor < 0 ? Number.POSITIVE_INFINITY : cursor;
}

interface ScanOptions {
  readonly matches: Glob;
  readonly count: number;
  readonly type: string | undefined;
}

function readOptions(words: readonly string[], hasType: boolean): ScanOptions {
  let pattern = '*';
  let count = 10;
  let type: string | undefined;
  for (let index = 0; index < words.length; index += 2) {
    const text = words[index + 1];
    if (text === undefined) throw syntaxError();
    const name = words[index]?.toUpperCase();
    if (name === 'MATCH') pattern = text;
    else if (name === 'TYPE' && hasType) type = text.toLowerCase();
    else if (name === 'COUNT') {
      count = toIndex(text);
      if (count < 1) throw syntaxError();
    } else throw syntaxError();
  }
  return { matches: compileGlob(pattern), count, type };
}
