import { sha256Sync } from '../client/sha256.ts';
import { ConfigError } from '../errors.ts';

const MAX_LENGTH = 128;
const MAX_DEPTH = 32;
/** Of the text that is hashed, in UTF-16 units: some milliseconds of work. */
const MAX_SIZE = 262_144;
/** What reads well, and means nothing to Redis or in a URL. */
const PLAIN = /^[\w.,~@=<>()"+-]*$/;

/**
 * A key for the answer of `operation` to `params`, such as `jobs:(limit=10,query="cook")`. The order of an object's keys is
 * nothing to it; all else is: `1`, `'1'` and `1n` give three keys, and so do `null`, `undefined` and what is not there. Of at
 * most 128 characters: where it would be longer, or hold anything but letters and a few signs, its SHA-256 stands in it. No
 * I/O.
 *
 * `params` may be made of plain objects, arrays, strings, numbers, booleans, bigints, dates, `null` and `undefined`.
 *
 * @throws ConfigError for anything else, a Map or an instance of a class for one; for what goes deeper than 32 levels, a
 *   cycle for one, or has more than 262,144 characters; for an operation that is not 1 to 64 of `A-Z a-z 0-9 _ . : / -`.
 */
export function generateCacheKey(operation: string, params?: unknown): string {
  if (!/^[\w.:/-]{1,64}$/.test(operation)) {
    throw new ConfigError('operation', 'must be 1 to 64 letters, digits, underscores, dots, colons, slashes or dashes');
  }
  const text = canonicalText(params);
  const key = `${operation}:${text}`;
  // The last colon ends the operation: neither form of what is behind it has one.
  return key.length <= MAX_LENGTH && PLAIN.test(text) ? key : `${operation}:sha256-${sha256Sync(text)}`;
}

/** A text that no other value has. */
function canonicalText(value: unknown): string {
  const pieces: string[] = [];
  let size = 0;

  const put = (piece: string): void => {
    size += piece.length;
    if (size > MAX_SIZE) throw new ConfigError('params', `must have at most ${MAX_SIZE} characters`);
    pieces.push(piece);
  };

  const putText = (text: string): void => {
    // Before it is copied.
    if (text.length > MAX_SIZE) put(text);
    put(JSON.stringify(text));
  };

  const putObject = (object: object, depth: number): void => {
    const names = Object.keys(object).sort();
    put('(');
    for (const [index, name] of names.entries()) {
      if (index > 0) put(',');
      if (/^\w+$/.test(name)) put(name);
      else putText(name);
      put('=');
      putValue(Reflect.get(object, name), depth + 1);
    }
    put(')');
  };

  const putArray = (array: readonly unknown[], depth: number): void => {
    put('<');
    for (let index = 0; index < array.length; index += 1) {
      if (index in array) putValue(array[index], depth + 1);
      else put('~');
      put(',');
    }
    put('>');
  };

  const putValue = (part: unknown, depth: number): void => {
    if (depth > MAX_DEPTH) throw new ConfigError('params', `must go at most ${MAX_DEPTH} levels deep, without cycles`);
    if (typeof part === 'string') putText(part);
    else if (typeof part === 'number') put(Object.is(part, -0) ? '-0' : String(part));
    else if (typeof part === 'bigint') put(`${part}n`);
    else if (part === null || typeof part === 'undefined' || typeof part === 'boolean') put(String(part));
    else if (Array.isArray(part)) putArray(part, depth);
    else if (part instanceof Date) put(`@${part.getTime()}`);
    else if (typeof part === 'object' && isPlain(part)) putObject(part, depth);
    else throw new ConfigError('params', 'must be made of plain objects, arrays, texts, numbers, booleans and dates');
  };

  putValue(value, 0);
  return pieces.join('');
}

/** Also one of another realm. What has symbols for keys is not: they have no text. */
function isPlain(value: object): boolean {
  if (Object.getOwnPropertySymbols(value).length > 0) return false;
  const prototype: object | null = Object.getPrototypeOf(value);
  if (prototype === null) return true;
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'isPrototypeOf');
}
