import fc from 'fast-check';
import type { Command } from '../../lib/store/store.ts';

/** A key by its name. Where it lies is decided for a whole step: on a Cluster the keys of a command share a slot. */
export interface KeyName {
  readonly key: string;
}

type Word = string | KeyName;

/** A command before it is known where its keys lie. */
export type Draft = readonly Word[];

/** One word or several. */
type Part = fc.Arbitrary<Word | readonly Word[]> | string;

/** Commands that belong together, for keys under one of these prefixes. */
export type Step = (prefixes: readonly string[]) => readonly Command[];

/** A command of these parts. */
export function words(...parts: readonly Part[]): fc.Arbitrary<Draft> {
  const all = parts.map((part) => (typeof part === 'string' ? fc.constant(part) : part));
  return fc.tuple(...all).map((values) => values.flat() as Draft);
}

/** Puts commands where one prefix of a sequence says. */
export function together(drafts: fc.Arbitrary<readonly Draft[]>): fc.Arbitrary<Step> {
  return fc.tuple(drafts, fc.nat(5)).map(([several, draw]): Step => {
    return (prefixes) => several.map((draft) => placed(draft, prefixes[draw % prefixes.length] ?? ''));
  });
}

/** One command of any of these kinds. */
export function oneOf(kinds: readonly fc.Arbitrary<Draft>[]): fc.Arbitrary<Step> {
  return together(fc.oneof(...kinds).map((draft) => [draft]));
}

function placed(draft: Draft, prefix: string): Command {
  return draft.map((word) => (typeof word === 'string' ? word : prefix + word.key)) as unknown as Command;
}

export const some = <T>(part: fc.Arbitrary<T>, minLength = 1, maxLength = 3): fc.Arbitrary<T[]> =>
  fc.array(part, { minLength, maxLength });
export const maybe = (...options: readonly fc.Arbitrary<readonly string[]>[]) => {
  const none = fc.constant<readonly string[]>([]);
  return fc.oneof({ weight: 2, arbitrary: none }, ...options, some(fc.constantFrom('BOGUS', 'nx', '7', '')));
};
export const flags = (names: string, max = 2) => fc.array(fc.constantFrom(...names.split(' ')), { maxLength: max });

const INTEGERS =
  '0 1 1 2 3 -1 -1 -2 5 10 100 -100 9007199254740992 9007199254740993 9223372036854775807 -9223372036854775808 9223372036854775808 1e3 +1 01 -0 abc 3.5';
const FLOATS =
  '0 -0 1 1 2 3 1.5 -2.25 0.1 0.2 3.0e2 1e3 inf -inf +inf Infinity nan 1e400 1e-400 1e5000 0x10 0x1.8p1 5e-324 1e17 1e21 123456789012345678 .5 5. +1 1e e1 - abc';
export const integer = fc.constantFrom(...INTEGERS.split(' '), ' 1', '1 ', '');
export const float = fc.oneof(
  fc.constantFrom(...FLOATS.split(' '), ' 1', '1 ', ''),
  fc.double({ noNaN: true }).map(String),
  fc.integer({ min: -1000, max: 1000 }).map((value) => String(value / 100)),
);
export const text = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom('', 'a', 'b', 'c', 'é', '日本', '😀', '\uffff', 'a\0b', 'a\r\nb', 'x'.repeat(200)),
  },
  integer,
  float,
  fc.string({ unit: 'grapheme', maxLength: 5 }),
);
export const member = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('a', 'b', 'c', 'd', '😀', '\uffff', 'é', '') },
  text,
);

export const POOL = ['str', 'num', 'hash', 'set', 'set2', 'zset', 'list', 'stream', '', 'ключ'];
export const named = (name: fc.Arbitrary<string>) => name.map((key): KeyName => ({ key }));
export const anyKey = named(fc.constantFrom(...POOL));
export const key = (...own: readonly string[]) =>
  fc.oneof({ weight: 5, arbitrary: named(fc.constantFrom(...own)) }, anyKey);

export const pattern = fc.oneof(
  fc.constantFrom(...'* ** ? *s* s?t [a-s]* [^s]* [s [z-a]* \\s* *[ [^ [\\s]* к* ???*'.split(' '), ''),
  fc.string({ unit: fc.constantFrom('*', '?', '[', ']', '^', '-', '\\', 's', 't', 'e'), maxLength: 6 }),
);

export const scanStart = fc.constantFrom('0', '0', 'x', ' 0', '-', '', '+0');
// Where a scan of several steps goes on differs; a larger count makes it one.
export const scanOption = fc.oneof(
  fc.constantFrom('1000', '0', 'x').map((count) => ['COUNT', count]),
  fc.constantFrom('hash', 'LIST', 'x').map((type) => ['type', type, 'count', '1000']),
);

// Spans that cannot end within a sequence, whole seconds all of them: see the tolerances of `comparison`.
const FUTURE = '4102444800';
const ODD_SPANS = ['0', '-1', 'x', '9223372036854775807', '9223372036854775'];
export const spanSeconds = fc.constantFrom('100', '5000', '100000', ...ODD_SPANS);
export const spanMillis = fc.constantFrom('60000', '90000', '100000', ...ODD_SPANS);
export const atSeconds = fc.constantFrom(
  FUTURE,
  '4102444801',
  '4000000000',
  '1',
  '0',
  '-5',
  'x',
  '9223372036854775807',
);
export const atMillis = fc.constantFrom(
  `${FUTURE}000`,
  `${FUTURE}499`,
  `${FUTURE}500`,
  '4000000000000',
  '1',
  '0',
  '-5',
);
export const expiry = fc.oneof(
  fc.tuple(fc.constant('EX'), spanSeconds),
  fc.tuple(fc.constant('px'), spanMillis),
  fc.tuple(fc.constant('EXAT'), atSeconds),
  fc.tuple(fc.constant('pxat'), atMillis),
);
