import { type CommandSpec, command } from './command.ts';
import { positiveExpireAt } from './expire-time.ts';
import { setExpiry } from './expiry.ts';
import type { Keyspace } from './keyspace.ts';
import { wrongArity } from './reply-error.ts';
import { readGetOptions, readSetOptions } from './string-options.ts';
import { isType, stringValue } from './values.ts';

export const stringCommands: readonly CommandSpec[] = [
  command('get', 2, (keyspace, [key = '']) => readText(keyspace, key)),
  command('set', -3, (keyspace, [key = '', text = '', ...words]) => {
    const { expiry, condition, get, keepTtl } = readSetOptions(words);
    const expireAt = expiry && positiveExpireAt(expiry, keyspace.now(), 'set');
    const previous = get ? readText(keyspace, key) : null;
    const current = keyspace.find(key);
    const allowed = condition === undefined || (condition === 'NX') === (current === undefined);
    if (allowed) keyspace.put(key, stringValue(text), keepTtl ? current?.expireAt : expireAt);
    if (get) return previous;
    return allowed ? 'OK' : null;
  }),
  command('setnx', 3, (keyspace, [key = '', text = '']) => {
    if (keyspace.find(key)) return 0;
    keyspace.put(key, stringValue(text));
    return 1;
  }),
  setWithSpan('setex', 's'),
  setWithSpan('psetex', 'ms'),
  command('getset', 3, (keyspace, [key = '', text = '']) => {
    const previous = readText(keyspace, key);
    keyspace.put(key, stringValue(text));
    return previous;
  }),
  command('getdel', 2, (keyspace, [key = '']) => {
    const text = readText(keyspace, key);
    keyspace.remove(key);
    return text;
  }),
  command('getex', -2, (keyspace, [key = '', ...words]) => {
    const { expiry, persist } = readGetOptions(words);
    const text = readText(keyspace, key);
    const entry = keyspace.find(key);
    if (!entry) return null;
    if (expiry) {
      const at = positiveExpireAt(expiry, keyspace.now(), 'getex');
      setExpiry(entry, at, keyspace);
    } else if (persist) entry.expireAt = undefined;
    return text;
  }),
  command('mget', -2, (keyspace, keys) =>
    keys.map((key) => {
      const value = keyspace.find(key)?.value;
      return value && isType(value, 'string') ? value.text : null;
    }),
  ),
  command('mset', -3, (keyspace, words) => {
    for (const [key, text] of pairs(words, 'mset')) keyspace.put(key, stringValue(text));
    return 'OK';
  }),
  command('msetnx', -3, (keyspace, words) => {
    const wanted = pairs(words, 'msetnx');
    if (wanted.some(([key]) => keyspace.find(key))) return 0;
    for (const [key, text] of wanted) keyspace.put(key, stringValue(text));
    return 1;
  }),
];

function setWithSpan(name: string, unit: 's' | 'ms'): CommandSpec {
  return command(name, 4, (keyspace, [key = '', span = '', text = '']) => {
    const at = positiveExpireAt({ text: span, unit, absolute: false }, keyspace.now(), name);
    keyspace.put(key, stringValue(text), at);
    return 'OK';
  });
}

function readText(keyspace: Keyspace, key: string): string | null {
  return keyspace.read(key, 'string')?.text ?? null;
}

/** @throws ReplyError where a word is left over */
export function pairs(words: readonly string[], name: string): readonly (readonly [string, string])[] {
  if (words.length % 2 !== 0) throw wrongArity(name);
  const result: (readonly [string, string])[] = [];
  for (let index = 0; index < words.length; index += 2) result.push([words[index] ?? '', words[index + 1] ?? '']);
  return result;
}
