import fc from 'fast-check';
import { type Draft, flags, integer, key, maybe, member, some, text, words } from './argument-arbitraries.ts';

const stream = key('stream');
/** Ids in the future: what a stream counts on from by itself is the same wherever it is. */
const LATER = '4102444800000';
const MOST = '18446744073709551615';
const id = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.nat(9), fc.nat(3)).map(([millis, count]) => `${millis}-${count}`) },
  fc.constantFrom(
    ...`0 0-0 0-1 0-* 1 1-* 5 5-* 9-* ${LATER} ${LATER}-* ${LATER}-7 ${MOST}-* 5-${MOST} 9223372036854775808-0 ${MOST}-${MOST}`.split(
      ' ',
    ),
    ...'-5 5- -- 5-- +5 01-01 5-+5 x 5-x 1.5 5-5-5 18446744073709551616 5-18446744073709551616 5-** 5-*5 *-5'.split(
      ' ',
    ),
    ...[
      '',
      ' 5',
      '5 ',
      '5- 5',
      '5- -5',
      '5--5',
      '5-\0x',
      '\t5',
      `5-${'0'.repeat(126)}1`,
      `5-${'0'.repeat(124)}1`,
      '5- -99999999999999999999',
    ],
  ),
);
const end = fc.oneof(
  { weight: 2, arbitrary: fc.constantFrom('-', '+') },
  id,
  id.map((one) => `(${one}`),
  fc.constantFrom('(', '(-', '(+', '((5', `(${MOST}-${MOST}`, '(0-0', '(0'),
);
const limit = maybe(integer.map((count) => ['LIMIT', count]));
const sign = fc.constantFrom<readonly string[]>([], ['~'], ['='], ['~', '~']);
const trimmed = fc
  .oneof(
    fc.tuple(fc.constantFrom('MAXLEN', 'maxlen'), sign, fc.oneof(fc.constantFrom('0', '1', '2', '3'), integer), limit),
    fc.tuple(fc.constantFrom('MINID', 'minid'), sign, fc.oneof(id, fc.constantFrom('-', '+')), limit),
  )
  .map((parts) => parts.flat());
const fields = some(fc.tuple(member, text), 1, 2).map((pairs) => pairs.flat());
/** Refused with so many. */
const odd = some(text, 0, 3);

export const streams = [
  words('XADD', stream, id, fields),
  words(
    'XADD',
    stream,
    flags('NOMKSTREAM nomkstream', 1),
    fc.oneof(trimmed, fc.constant([])),
    fc.oneof(id, fc.constant('*')),
    fields,
  ),
  words('XADD', stream, trimmed, maybe(trimmed), fc.oneof(id, fc.constant('*')), fc.oneof(fields, odd)),
  words('XADD', stream, fc.oneof(id, fc.constant('*')), odd),
  words('XLEN', stream),
  words('XDEL', stream, some(id, 1, 4)),
  words('XTRIM', stream, trimmed),
  words('XTRIM', stream, maybe(trimmed), some(fc.oneof(text, fc.constantFrom('MAXLEN', 'LIMIT', 'MINID')), 0, 3)),
  ...['XRANGE', 'XREVRANGE'].map((name) =>
    words(name, stream, end, end, maybe(fc.oneof(integer, fc.constantFrom('1', '2')).map((count) => ['count', count]))),
  ),
  words('XRANGE', stream, '-', '+'),
  words('XREVRANGE', stream, '+', '-'),
];

/** Ids by the clock: those of two servers stand for each other, see `comparison`. Gone before the step ends. */
export const streamOfNow = stream.map((name): readonly Draft[] => [
  ['DEL', name],
  ['XADD', name, '*', 'f', 'v'],
  ['XRANGE', name, '-', '+'],
  ['DEL', name],
]);

const FILL = `for i = 1, ARGV[1] do
  redis.call('XADD', KEYS[1], i .. '-' .. (i % 3), i % ARGV[3] == 0 and 'other' or 'f', string.rep('x', ARGV[2]), 'n', i * ARGV[2])
end
return redis.call('XLEN', KEYS[1])`;

/** More than Redis keeps in one listpack, of which `~` takes whole ones only. */
export const longStream = fc
  .tuple(
    fc.integer({ min: 90, max: 320 }),
    fc.constantFrom('0', '1', '17', '60', '120', '127', '128', '500'),
    fc.constantFrom('1', '2', '7', '1000'),
    fc.array(fc.integer({ min: 1, max: 320 }), { maxLength: 5 }),
    some(
      fc.oneof(
        fc.tuple(fc.constantFrom('MAXLEN', 'MINID'), fc.constantFrom('~', '~', '='), fc.nat(330).map(String)),
        fc.tuple(
          ...[fc.constantFrom('MAXLEN', 'MINID'), fc.constant('~'), fc.nat(330).map(String)],
          ...[fc.constant('LIMIT'), fc.constantFrom('0', '1', '99', '100', '150', '200')],
        ),
      ),
      1,
      4,
    ),
  )
  .map(([count, size, alike, deleted, trims]): readonly Draft[] => {
    const name = { key: 'stream' };
    return [
      ['DEL', name],
      ['EVAL', FILL, '1', name, String(count), size, alike],
      ...deleted.map((one): Draft => ['XDEL', name, `${one}-${one % 3}`]),
      ...trims.flatMap((trim): readonly Draft[] => [
        ['XTRIM', name, ...trim],
        ['XRANGE', name, '-', '+', 'COUNT', '1'],
        ['XADD', name, '1000-*', 'f', 'v'],
      ]),
      ['XREVRANGE', name, '+', '-', 'COUNT', '3'],
      ['XLEN', name],
    ];
  });
