import { type CommandSpec, command } from './command.ts';
import { addFloats, addIntegers } from './counters.ts';
import type { Keyspace } from './keyspace.ts';
import { toLongDouble } from './long-double.ts';
import { toInteger } from './numbers.ts';
import { ReplyError } from './reply-error.ts';
import { pairs } from './strings.ts';
import { byteLength } from './text-bytes.ts';
import { elementBytes, type HashValue } from './values.ts';

export const hashCommands: readonly CommandSpec[] = [
  command('hset', -4, (keyspace, [key = '', ...words]) => setFields(keyspace, key, words, 'hset')),
  command('hmset', -4, (keyspace, [key = '', ...words]) => {
    setFields(keyspace, key, words, 'hmset');
    return 'OK';
  }),
  command('hsetnx', 4, (keyspace, [key = '', field = '', text = '']) => {
    if (keyspace.read(key, 'hash')?.fields.has(field)) return 0;
    setField(keyspace.open(key, 'hash'), field, text);
    return 1;
  }),
  command('hget', 3, (keyspace, [key = '', field = '']) => keyspace.read(key, 'hash')?.fields.get(field) ?? null),
  command('hmget', -3, (keyspace, [key = '', ...names]) => {
    const hash = keyspace.read(key, 'hash');
    return names.map((field) => hash?.fields.get(field) ?? null);
  }),
  command('hgetall', 2, (keyspace, [key = '']) => [...(keyspace.read(key, 'hash')?.fields ?? [])].flat()),
  command('hkeys', 2, (keyspace, [key = '']) => [...(keyspace.read(key, 'hash')?.fields.keys() ?? [])]),
  command('hvals', 2, (keyspace, [key = '']) => [...(keyspace.read(key, 'hash')?.fields.values() ?? [])]),
  command('hlen', 2, (keyspace, [key = '']) => keyspace.read(key, 'hash')?.fields.size ?? 0),
  command('hexists', 3, (keyspace, [key = '', field = '']) => (keyspace.read(key, 'hash')?.fields.has(field) ? 1 : 0)),
  command('hstrlen', 3, (keyspace, [key = '', field = '']) =>
    byteLength(keyspace.read(key, 'hash')?.fields.get(field) ?? ''),
  ),
  command('hdel', -3, (keyspace, [key = '', ...names]) => {
    const hash = keyspace.edit(key, 'hash');
    return hash ? names.filter((field) => removeField(hash, field)).length : 0;
  }),
  command('hincrby', 4, (keyspace, [key = '', field = '', by = '']) => {
    const amount = toInteger(by);
    const current = keyspace.read(key, 'hash')?.fields.get(field) ?? '0';
    const sum = addIntegers(toInteger(current, 'ERR hash value is not an integer'), amount);
    setField(keyspace.open(key, 'hash'), field, sum.toString());
    return Number(sum);
  }),
  command('hincrbyfloat', 4, (keyspace, [key = '', field = '', by = '']) => {
    if (toLongDouble(by) === undefined) throw new ReplyError('ERR value is NaN or Infinity');
    const current = keyspace.read(key, 'hash')?.fields.get(field) ?? '0';
    const text = addFloats(current, by, 'ERR hash value is not a float');
    setField(keyspace.open(key, 'hash'), field, text);
    return text;
  }),
];

function setFields(keyspace: Keyspace, key: string, words: readonly string[], name: string): number {
  const fields = pairs(words, name);
  const hash = keyspace.open(key, 'hash');
  return fields.filter(([field, text]) => setField(hash, field, text)).length;
}

/** @returns whether the field is new */
function setField(hash: HashValue, field: string, text: string): boolean {
  const isNew = !removeBytes(hash, field);
  hash.fields.set(field, text);
  hash.bytes += elementBytes(field, text);
  return isNew;
}

function removeField(hash: HashValue, field: string): boolean {
  removeBytes(hash, field);
  return hash.fields.delete(field);
}

function removeBytes(hash: HashValue, field: string): boolean {
  const text = hash.fields.get(field);
  if (text === undefined) return false;
  hash.bytes -= elementBytes(field, text);
  return true;
}
