import { type CommandSpec, command } from './command.ts';
import type { Keyspace } from './keyspace.ts';
import { addLongDoubles, formatLongDouble, toLongDouble } from './long-double.ts';
import { fitsInteger, toInteger } from './numbers.ts';
import { OVERFLOW, ReplyError } from './reply-error.ts';
import { stringValue } from './values.ts';

export const counterCommands: readonly CommandSpec[] = [
  command('incr', 2, (keyspace, [key = '']) => increment(keyspace, key, 1n)),
  command('decr', 2, (keyspace, [key = '']) => increment(keyspace, key, -1n)),
  command('incrby', 3, (keyspace, [key = '', by = '']) => increment(keyspace, key, toInteger(by))),
  command('decrby', 3, (keyspace, [key = '', by = '']) => {
    const amount = -toInteger(by);
    if (!fitsInteger(amount)) throw new ReplyError('ERR decrement would overflow');
    return increment(keyspace, key, amount);
  }),
  command('incrbyfloat', 3, (keyspace, [key = '', by = '']) => {
    const text = addFloats(keyspace.read(key, 'string')?.text ?? '0', by);
    replaceText(keyspace, key, text);
    return text;
  }),
];

/** @throws ReplyError */
export function addIntegers(left: bigint, right: bigint): bigint {
  const sum = left + right;
  if (!fitsInteger(sum)) throw new ReplyError(OVERFLOW);
  return sum;
}

/** @throws ReplyError */
export function addFloats(text: string, by: string, refusal?: string): string {
  const current = toLongDouble(text, refusal);
  const amount = toLongDouble(by);
  const sum = current && amount && addLongDoubles(current, amount);
  if (!sum) throw new ReplyError('ERR increment would produce NaN or Infinity');
  return formatLongDouble(sum);
}

function increment(keyspace: Keyspace, key: string, by: bigint): number {
  const sum = addIntegers(toInteger(keyspace.read(key, 'string')?.text ?? '0'), by);
  replaceText(keyspace, key, sum.toString());
  return Number(sum);
}

/** Changes the value and keeps the expiry. */
export function replaceText(keyspace: Keyspace, key: string, text: string): void {
  keyspace.put(key, stringValue(text), keyspace.find(key)?.expireAt);
}
