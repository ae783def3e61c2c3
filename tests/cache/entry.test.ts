import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Entry, MAX_HEAD_LENGTH, readEntry, writeEntry } from '../../lib/cache/entry.ts';

const ENTRY: Entry = {
  marks: 'j',
  id: 'abcDEF012345',
  createdAt: 1_700_000_000_000,
  freshUntil: 1_700_000_060_000,
  costMs: 12,
  generation: 'G1',
  tags: [],
  wire: '{"a":1}',
};
const TEXT = '1 j abcDEF012345 1700000000000 1700000060000 12 G1 - {"a":1}';

const letters = (text: string) => fc.constantFrom(...text);
const stamp = fc.string({ unit: letters('abcXYZ019'), minLength: 1, maxLength: 32 });
const ms = fc.integer({ min: 0, max: 999_999_999_999_999 });
const entry: fc.Arbitrary<Entry> = fc.record({
  marks: fc.string({ unit: letters('jdztnx'), minLength: 1, maxLength: 2 }),
  id: stamp,
  createdAt: ms,
  freshUntil: ms,
  costMs: ms,
  generation: stamp,
  tags: fc.array(fc.tuple(fc.string({ unit: letters('a-%._é'), minLength: 1 }), stamp), { maxLength: 32 }),
  wire: fc.string({ unit: 'binary' }),
});

/** The text with one of its fields replaced. */
const withField = (index: number, field: string): string => {
  const fields = TEXT.split(' ');
  fields[index] = field;
  return fields.join(' ');
};

describe('an entry', () => {
  it('is one line of text: version, marks, id, times, stamps, and the payload as it is', () => {
    expect(writeEntry(ENTRY)).toBe(TEXT);
    expect(readEntry(TEXT)).toEqual(ENTRY);
    const tagged = { ...ENTRY, tags: [['user', 's1'] as const, ['team%3A7', 's2'] as const] };
    expect(writeEntry(tagged)).toBe(TEXT.replace(' - ', ' s1:user:s2:team%3A7 '));
  });

  it('comes back as it was written, whatever it holds', () => {
    fc.assert(
      fc.property(entry, (given) => {
        expect(readEntry(writeEntry(given))).toEqual(given);
      }),
    );
  });

  it('has whole milliseconds, none before 1970', () => {
    const odd = { ...ENTRY, createdAt: 1.5, freshUntil: 2.4, costMs: -3 };
    expect(readEntry(writeEntry(odd))).toMatchObject({ createdAt: 2, freshUntil: 2, costMs: 0 });
  });

  it('may have no payload, and a payload of spaces', () => {
    for (const wire of ['', ' ', '   a ']) expect(readEntry(writeEntry({ ...ENTRY, wire }))?.wire).toBe(wire);
  });

  it('is none where its head is cut anywhere', () => {
    const headLength = TEXT.length - ENTRY.wire.length;
    for (let length = 0; length < headLength; length += 1) expect(readEntry(TEXT.slice(0, length))).toBeUndefined();
    expect(readEntry(TEXT.slice(0, headLength))?.wire).toBe('');
  });

  it.each([
    ['of another version', 0, '2'],
    ['without a version', 0, ''],
    ['without marks', 1, ''],
    ['with three marks', 1, 'jzz'],
    ['with a mark that is no lower-case letter', 1, 'J'],
    ['without an id', 2, ''],
    ['with an id of 33 characters', 2, 'a'.repeat(33)],
    ['with an id of other characters', 2, 'a-b'],
    ['with a time that is no number', 3, 'x'],
    ['with a negative time', 4, '-1'],
    ['with a broken time', 4, '1.5'],
    ['with a time beyond all calendars', 4, '1'.repeat(16)],
    ['without a cost', 5, ''],
    ['with a cost in words', 5, '1e3'],
    ['without a generation', 6, ''],
    ['with a generation that is none', 6, 'G:1'],
    ['without tags, and without saying so', 7, ''],
    ['with a stamp without a tag', 7, 's1'],
    ['with a tag without a name', 7, 's1:'],
    ['with a tag without a stamp', 7, ':user'],
    ['with a stamp of 33 characters', 7, `${'a'.repeat(33)}:user`],
    ['with 33 tags', 7, Array(33).fill('s1:user').join(':')],
  ])('is none %s', (_, index, field) => {
    expect(readEntry(withField(index, field))).toBeUndefined();
  });

  it.each([
    ['an id of 32 characters', 2, 'a'.repeat(32)],
    ['a time of 15 digits', 4, '9'.repeat(15)],
    ['a generation of 32 characters', 6, 'a'.repeat(32)],
    ['32 tags', 7, Array(32).fill('s1:user').join(':')],
  ])('may have %s', (_, index, field) => {
    expect(readEntry(withField(index, field))).toBeDefined();
  });

  it('is none with a head longer than any that is written here', () => {
    const named = (length: number) => withField(7, `s1:${'a'.repeat(length)}`);
    const rest = named(0).indexOf(' {"a"');
    expect(readEntry(named(MAX_HEAD_LENGTH - rest))).toBeDefined();
    expect(readEntry(named(MAX_HEAD_LENGTH - rest + 1))).toBeUndefined();
  });

  it('is none where the text is anything else', () => {
    for (const text of ['', ' ', 'null', '{"v":1}', '        ', 'x'.repeat(100_000)]) {
      expect(readEntry(text)).toBeUndefined();
    }
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(readEntry(text)).toBeUndefined();
      }),
    );
  });
});
