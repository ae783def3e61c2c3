import fc from 'fast-check';
import { keysOf } from '../../lib/store/command-keys.ts';
import {
  anyKey,
  type Draft,
  key,
  member,
  named,
  oneOf,
  POOL,
  type Step,
  some,
  text,
  together,
  words,
} from './argument-arbitraries.ts';
import type { Exchange } from './comparison.ts';
import { type Phase, prefixesFor, type Sequence, stepsFor, type Where } from './sequence-arbitraries.ts';

/** The one short time to live. It ends between phases: time stands still in a transaction. */
export const SHORT_MS = 5;
const SHORT = String(SHORT_MS);
const FUTURE = '4102444800';

const str = key('str', 'num');
const element = fc.constantFrom('a', 'b', 'c');
const made = fc.oneof(
  words('SET', str, text),
  words('INCR', key('num')),
  words('HSET', key('hash'), element, text),
  words('SADD', key('set', 'set2'), some(member)),
  words('ZADD', key('zset'), '1', element),
  words('RPUSH', key('list'), some(member)),
  words('XADD', key('stream'), fc.constantFrom('0-*', '1-*'), element, text),
);
/** Of any type, and soon gone. */
const shortLived = made.map((make): readonly Draft[] => [make, ['PEXPIRE', make[1] ?? '', SHORT]]);
/** None that is refused before it runs: that would discard the transaction. */
const short = [
  words('SET', str, text, 'PX', SHORT),
  words('PSETEX', str, SHORT, text),
  words('GETEX', str, 'PX', SHORT),
  words('PEXPIRE', anyKey, SHORT, fc.constantFrom([], ['NX'], ['XX'], ['LT'])),
  words('EVAL', `return redis.call('SET', KEYS[1], ARGV[1], 'PX', ${SHORT})`, '1', str, text),
];
const kept = [
  words('PERSIST', anyKey),
  words('SET', str, text, fc.constantFrom([], ['KEEPTTL'])),
  words('GETEX', str, 'PERSIST'),
  words('EXPIRE', anyKey, '100'),
  words('EXPIREAT', anyKey, FUTURE, fc.constantFrom('GT', 'XX')),
  words('RENAME', anyKey, anyKey),
];
const before: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: together(shortLived) },
  ...[short, kept, [made]].map((kinds) => ({ weight: 2, arbitrary: oneOf(kinds) })),
);

const READING = [
  ...['GET', 'EXISTS', 'TYPE', 'HGETALL'].map((name) => `return redis.call('${name}', KEYS[1])`),
  "local left = redis.call('PTTL', KEYS[1]) return left < 0 and left or 'some'",
];
const WRITING = ["'INCR', KEYS[1]", "'HSET', KEYS[1], 'a', ARGV[1]"].map((call) => `return redis.call(${call})`);
const meeting = [
  ...['GET', 'STRLEN', 'INCR', 'GETDEL', 'TTL', 'PTTL', 'EXPIRETIME', 'TYPE', 'PERSIST', 'DEL', 'LPOP', 'HGETALL'].map(
    (name) => words(name, anyKey),
  ),
  words('SET', anyKey, text, fc.constantFrom(['KEEPTTL'], ['NX'], ['XX'], ['GET'], ['KEEPTTL', 'GET'])),
  words('GETEX', anyKey, fc.constantFrom(['EX', '100'], ['PERSIST'])),
  ...['APPEND', 'SETNX', 'GETSET', 'SADD', 'LPUSH', 'LPUSHX'].map((name) => words(name, anyKey, text)),
  words('HSET', anyKey, element, text),
  words('HINCRBY', anyKey, element, '1'),
  words('ZADD', anyKey, fc.constantFrom([], ['XX'], ['NX']), '1', element),
  words('ZINCRBY', anyKey, '1', element),
  words('XADD', anyKey, fc.constantFrom([], ['NOMKSTREAM']), '1-*', element, text),
  words('SUNION', some(anyKey, 2)),
  words('SINTERSTORE', some(anyKey, 2)),
  ...['RENAME', 'RENAMENX'].map((name) => words(name, anyKey, anyKey)),
  words('EXPIRE', anyKey, '100', fc.constantFrom([], ['NX'], ['XX'], ['LT'])),
  words('EXPIREAT', anyKey, FUTURE, fc.constantFrom('NX', 'XX', 'GT', 'LT')),
  words('EVAL', fc.constantFrom(...READING, ...WRITING), '1', anyKey, text),
  ...['EXISTS', 'TOUCH', 'MGET'].map((name) => words(name, some(anyKey))),
  words('MSETNX', anyKey, text),
  words('SCAN', '0', 'COUNT', '1000', 'MATCH', named(fc.constantFrom('*', 's*'))),
  words('KEYS', named(fc.constant('*'))),
];
/** Persistent again at once: a second one would be greater by a millisecond, or not. */
const expireGreater = anyKey.map((name): readonly Draft[] => [
  ['EXPIRE', name, '777', 'GT'],
  ['PERSIST', name],
]);
/** What is there takes the name of what may have expired: of two names drawn, both would seldom be such. */
const renamedOnto = anyKey.map((name): readonly Draft[] => [
  ['SET', { key: 'num' }, '1'],
  ['RENAME', { key: 'num' }, name],
]);

/** Redis counts what has expired until it notices. SCAN makes it. */
const noticed: fc.Arbitrary<Step> = fc.constant((prefixes) => [
  ...prefixes.map((prefix) => ['SCAN', '0', 'COUNT', '1000', 'MATCH', `${prefix}*`] as const),
  ['DBSIZE'],
]);

/** Twice: values of which some have little time to live, that time, and commands that meet what it has left. */
export function expiringSequencesFor(where: Where): fc.Arbitrary<Sequence> {
  const after = fc.oneof(
    { weight: 6, arbitrary: oneOf(meeting) },
    { weight: 4, arbitrary: stepsFor(where) },
    { weight: 1, arbitrary: together(fc.oneof(expireGreater, renamedOnto)) },
    { weight: 1, arbitrary: noticed },
  );
  const round = fc.tuple(
    fc.array(before, { minLength: 8, maxLength: 12, size: 'max' }),
    fc.array(after, { minLength: 8, maxLength: 12, size: 'max' }),
  );
  return fc.tuple(prefixesFor(where), fc.tuple(round, round)).map(([prefixes, rounds]) => ({
    prefixes,
    phases: rounds.flatMap(([first, then], index): readonly Phase[] => {
      const prefix = prefixes[index % prefixes.length] ?? '';
      const lifetimes = POOL.flatMap((name) => [['TYPE', prefix + name] as const, ['PTTL', prefix + name] as const]);
      return [
        {
          steps: [...first.map((step) => step([prefix])), lifetimes],
          atomic: true,
          sandglass: `${prefix}sandglass`,
        },
        { steps: then.map((step) => step(prefixes)), atomic: false },
      ];
    }),
  }));
}

/** A key whose time has come, and the exchange that was the first to meet it. */
export interface Meeting {
  readonly type: string;
  readonly exchange: Exchange;
}

/** Who has met what has expired, judging from TYPE and PTTL of all keys before it did. */
export function meetingsIn(exchanges: readonly Exchange[]): readonly Meeting[] {
  const types = new Map<string, string>();
  const expired = new Map<string, string>();
  return exchanges.flatMap((exchange): readonly Meeting[] => {
    const { command, reply } = exchange;
    const keys = keysOf(command);
    // What works on no key in particular meets all of them.
    const met = keys.length > 0 ? keys.filter((name) => expired.has(name)) : [...expired.keys()];
    const meetings = met.map((name) => ({ type: expired.get(name) ?? '', exchange }));
    for (const name of keys) expired.delete(name);
    const [key = ''] = keys;
    if (command[0] === 'TYPE') types.set(key, String(reply));
    if (command[0] === 'PTTL' && Number(reply) >= 0 && Number(reply) <= SHORT_MS)
      expired.set(key, types.get(key) ?? '');
    return meetings;
  });
}
