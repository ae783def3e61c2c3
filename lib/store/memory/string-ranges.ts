import { type CommandSpec, command } from './command.ts';
import { replaceText } from './counters.ts';
import type { Keyspace } from './keyspace.ts';
import { toIndex } from './numbers.ts';
import { ReplyError } from './reply-error.ts';
import { byteLength, decodeText, encodeText } from './text-bytes.ts';

export const stringRangeCommands: readonly CommandSpec[] = [
  command('strlen', 2, (keyspace, [key = '']) => keyspace.read(key, 'string')?.bytes ?? 0),
  command('append', 3, (keyspace, [key = '', tail = '']) => {
    const current = keyspace.read(key, 'string');
    const length = (current?.bytes ?? 0) + byteLength(tail);
    if (current) checkLength(length, keyspace);
    replaceText(keyspace, key, (current?.text ?? '') + tail);
    return length;
  }),
  command('getrange', 4, getRange),
  command('substr', 4, getRange),
  command('setrange', 4, (keyspace, [key = '', position = '', part = '']) => {
    const offset = toIndex(position);
    if (offset < 0) throw new ReplyError('ERR offset is out of range');
    const current = keyspace.read(key, 'string');
    if (part === '') return current?.bytes ?? 0;
    const inserted = encodeText(part);
    checkLength(offset + inserted.length, keyspace);
    const existing = encodeText(current?.text ?? '');
    const result = new Uint8Array(Math.max(existing.length, offset + inserted.length));
    result.set(existing);
    result.set(inserted, offset);
    replaceText(keyspace, key, decodeText(result));
    return result.length;
  }),
];

function getRange(keyspace: Keyspace, [key = '', first = '', last = '']: readonly string[]): string {
  const start = toIndex(first);
  const end = toIndex(last);
  const bytes = encodeText(keyspace.read(key, 'string')?.text ?? '');
  if (start < 0 && end < 0 && start > end) return '';
  const from = Math.max(0, start < 0 ? bytes.length + start : start);
  const to = Math.max(0, end < 0 ? bytes.length + end : end);
  return from > to ? '' : decodeText(bytes.subarray(from, to + 1));
}

/** Redis allows 512 MB, and this store never more than all of it may hold. */
function checkLength(length: number, { maxBytes }: Keyspace): void {
  if (length <= Math.min(maxBytes, 512 * 1024 * 1024)) return;
  throw new ReplyError('ERR string exceeds maximum allowed size (proto-max-bulk-len)');
}
