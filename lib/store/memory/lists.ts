import type { Reply } from '../store.ts';
import { type CommandSpec, command } from './command.ts';
import { toCount, toIndex } from './numbers.ts';
import { NOT_POSITIVE, noSuchKey, ReplyError, wrongArity } from './reply-error.ts';
import { elementBytes, type ListValue } from './values.ts';

type End = 'left' | 'right';

export const listCommands: readonly CommandSpec[] = [
  push('lpush', 'left', true),
  push('rpush', 'right', true),
  push('lpushx', 'left', false),
  push('rpushx', 'right', false),
  pop('lpop', 'left'),
  pop('rpop', 'right'),
  command('llen', 2, (keyspace, [key = '']) => keyspace.read(key, 'list')?.items.length ?? 0),
  command('lindex', 3, (keyspace, [key = '', position = '']) => {
    const list = keyspace.read(key, 'list');
    return list ? (list.items.at(toIndex(position)) ?? null) : null;
  }),
  command('lrange', 4, (keyspace, [key = '', first = '', last = '']) => {
    const span = [toIndex(first), toIndex(last)] as const;
    const items = keyspace.read(key, 'list')?.items ?? [];
    return items.slice(...clipSpan(span, items.length));
  }),
  command('ltrim', 4, (keyspace, [key = '', first = '', last = '']) => {
    const span = [toIndex(first), toIndex(last)] as const;
    const list = keyspace.edit(key, 'list');
    if (!list) return 'OK';
    const [from, end] = clipSpan(span, list.items.length);
    take(list, end, list.items.length);
    take(list, 0, from);
    return 'OK';
  }),
  command('lset', 4, (keyspace, [key = '', position = '', text = '']) => {
    const list = keyspace.edit(key, 'list');
    if (!list) throw noSuchKey();
    const index = toIndex(position);
    const at = index < 0 ? list.items.length + index : index;
    const previous = list.items[at];
    if (previous === undefined) throw new ReplyError('ERR index out of range');
    list.items[at] = text;
    list.bytes += elementBytes(text) - elementBytes(previous);
    return 'OK';
  }),
  command('lrem', 4, (keyspace, [key = '', limit = '', text = '']) => {
    const count = toIndex(limit);
    const list = keyspace.edit(key, 'list');
    return list ? removeItems(list, text, count) : 0;
  }),
];

/** `first` and `last` as Redis takes them, negative from the end, both included → bounds for `slice`. */
export function clipSpan([first, last]: readonly [number, number], length: number): [from: number, end: number] {
  const from = Math.max(0, first < 0 ? length + first : first);
  const to = Math.min(length - 1, last < 0 ? length + last : last);
  return from > to ? [0, 0] : [from, to + 1];
}

function push(name: string, end: End, creates: boolean): CommandSpec {
  return command(name, -3, (keyspace, [key = '', ...texts]) => {
    const list = creates ? keyspace.open(key, 'list') : keyspace.edit(key, 'list');
    if (!list) return 0;
    // Each becomes the new head in turn.
    for (const text of texts)
      if (end === 'left') list.items.unshift(text);
      else list.items.push(text);
    list.bytes += texts.reduce((sum, text) => sum + elementBytes(text), 0);
    return list.items.length;
  });
}

function pop(name: string, end: End): CommandSpec {
  return command(name, -2, (keyspace, [key = '', limit, ...rest]): Reply => {
    if (rest.length > 0) throw wrongArity(name);
    const wanted = limit === undefined ? undefined : toCount(limit, NOT_POSITIVE);
    const list = keyspace.edit(key, 'list');
    if (!list) return null;
    const count = Math.min(wanted ?? 1, list.items.length);
    const taken = take(list, end === 'left' ? 0 : list.items.length - count, count);
    if (end === 'right') taken.reverse();
    return wanted === undefined ? (taken[0] ?? null) : taken;
  });
}

function take(list: ListValue, from: number, count: number): string[] {
  const taken = list.items.splice(from, count);
  list.bytes -= taken.reduce((sum, text) => sum + elementBytes(text), 0);
  return taken;
}

/** Up to `|count|` equal items, from the end where `count` is negative; all where it is 0. */
function removeItems(list: ListValue, text: string, count: number): number {
  const order = count < 0 ? list.items.toReversed() : [...list.items];
  let removed = 0;
  const kept = order.filter((item) => {
    if (item !== text || (count !== 0 && removed >= Math.abs(count))) return true;
    removed += 1;
    return false;
  });
  list.items = count < 0 ? kept.reverse() : kept;
  list.bytes -= removed * elementBytes(text);
  return removed;
}
