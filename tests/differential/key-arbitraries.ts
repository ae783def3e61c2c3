import fc from 'fast-check';
import {
  anyKey,
  atMillis,
  atSeconds,
  type Draft,
  expiry,
  flags,
  float,
  integer,
  key,
  maybe,
  named,
  pattern,
  scanOption,
  scanStart,
  some,
  spanMillis,
  spanSeconds,
  text,
  words,
} from './argument-arbitraries.ts';

const str = key('str', 'num');
const keysAndTexts = some(fc.tuple(fc.oneof(anyKey, named(text)), text)).map((pairs) => pairs.flat());

export const strings = [
  words('SET', str, text),
  words('SET', str, integer),
  words('SET', str, text, maybe(expiry), flags('nx XX get KEEPTTL')),
  words(
    'SET',
    str,
    text,
    flags('NX xx GET keepttl', 1),
    maybe(
      expiry,
      fc.tuple(expiry, expiry).map((two) => two.flat()),
    ),
  ),
  words('GETEX', str, maybe(expiry, fc.constant(['persist']))),
  ...['GET', 'STRLEN', 'GETDEL', 'INCR', 'DECR'].map((name) => words(name, str)),
  ...['SETNX', 'GETSET', 'APPEND'].map((name) => words(name, str, text)),
  ...['INCRBY', 'DECRBY'].map((name) => words(name, key('num'), integer)),
  words('INCRBYFLOAT', key('num'), float),
  words('SETEX', str, spanSeconds, text),
  words('PSETEX', str, spanMillis, text),
  words('MGET', some(anyKey)),
  ...['MSET', 'MSETNX'].map((name) => words(name, keysAndTexts)),
  words('MSET', keysAndTexts, anyKey),
  ...['GETRANGE', 'SUBSTR'].map((name) => words(name, str, integer, integer)),
];

/** On a value of one-byte characters: the memory store keeps text, and half a character is none. */
export const setRange = fc
  .tuple(
    fc.constantFrom(['DEL', 'SET'], ['DEL'], ['DEL', 'LPUSH']),
    fc.constantFrom('0', '1', '5', '9', '-1', 'x', '9223372036854775807'),
    fc.constantFrom('', 'q', 'zz', 'é'),
  )
  .map(([before, offset, insert]): readonly Draft[] => [
    ...before.map((name) => [name, { key: 'str' }, ...(name === 'DEL' ? [] : ['abcdef'])]),
    ['SETRANGE', { key: 'str' }, offset, insert],
  ]);

/** A time to live, and every way to ask for it. */
export const lifetime = fc
  .oneof(
    words('SET', str, 'v', expiry),
    words('SETEX', str, spanSeconds, 'v'),
    words('PSETEX', str, spanMillis, 'v'),
    words('GETEX', str, expiry),
    words('EXPIRE', anyKey, spanSeconds),
    words('PEXPIRE', anyKey, spanMillis),
    words('EXPIREAT', anyKey, atSeconds),
    words('PEXPIREAT', anyKey, atMillis),
  )
  .map((given): readonly Draft[] => [
    given,
    ...['TTL', 'PTTL', 'EXPIRETIME', 'PEXPIRETIME'].map((name): Draft => [name, given[1] ?? '']),
  ]);

export const keyspace = [
  ...['DEL', 'UNLINK', 'EXISTS', 'TOUCH'].map((name) => words(name, some(anyKey))),
  ...['TTL', 'PTTL', 'EXPIRETIME', 'PEXPIRETIME', 'PERSIST', 'TYPE'].map((name) => words(name, anyKey)),
  words('EXPIRE', anyKey, spanSeconds, flags('nx XX')),
  words('PEXPIRE', anyKey, spanMillis, flags('nx XX')),
  words('EXPIREAT', anyKey, atSeconds, flags('NX xx GT lt bogus')),
  words('PEXPIREAT', anyKey, atMillis, flags('NX xx GT lt')),
  ...['RENAME', 'RENAMENX'].map((name) => words(name, anyKey, anyKey)),
  words('KEYS', named(pattern)),
  words('SCAN', '0', 'COUNT', '1000', 'match', named(pattern)),
  words('SCAN', scanStart, scanOption, 'MATCH', named(pattern)),
];
