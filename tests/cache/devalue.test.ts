import { describe, expect, it } from 'vitest';
import { devalueCodec } from '../../lib/cache/devalue.ts';
import { createPacker } from '../../lib/cache/payload/packer.ts';

const codec = devalueCodec<unknown>();
const again = (value: unknown): unknown => codec.decode(codec.encode(value) ?? '');

describe('the codec of devalue', () => {
  it('marks its entries with a d', () => {
    expect(codec.mark).toBe('d');
  });

  it.each([
    ['a Date', new Date(1_700_000_000_123)],
    [
      'a Map',
      new Map<unknown, unknown>([
        ['a', 1],
        [{ key: true }, new Set([1])],
      ]),
    ],
    ['a Set', new Set(['a', undefined, null])],
    ['a BigInt', 2n ** 80n],
    ['undefined', undefined],
    ['undefined within', { a: undefined, b: [undefined] }],
    ['numbers that JSON has no text for', [Number.NaN, Number.POSITIVE_INFINITY, -0]],
    ['bytes', Uint8Array.of(0, 127, 255)],
    ['a regular expression', /a\/b/gi],
    ['text with all that JSON escapes', '"\\\u2028</script>\0🔑'],
  ])('gives back %s', (_what, value) => {
    expect(again(value)).toStrictEqual(value);
  });

  it('gives back what refers to itself, and what is there twice as one', () => {
    const shared = { id: 1 };
    const value: Record<string, unknown> = { first: shared, second: shared };
    value.self = value;
    const read = again(value) as typeof value;
    expect(read.self).toBe(read);
    expect(read.first).toBe(read.second);
  });

  it('writes half a surrogate pair so that it survives UTF-8', () => {
    const text = codec.encode('\ud83d') ?? '';
    expect(text).not.toMatch(/\p{Surrogate}/u);
    expect(codec.decode(text)).toBe('\ud83d');
  });

  describe('in a packer', () => {
    const packer = createPacker({ codec, compression: undefined, compressAboveBytes: false, maxValueBytes: 10_000 });

    it.each([
      ['a function', () => 1],
      ['a function within', { a: [() => 1] }],
      ['a symbol', Symbol('s')],
      ['an instance of a class', new (class Thing {})()],
      ['a promise', Promise.resolve(1)],
    ])('has no text for %s', (_what, value) => {
      expect(packer.pack(value)).toBeUndefined();
    });

    it.each(['', '{', '[]', '["Date"]', '[["Map",7]]', '[["__proto__",1]]', '[{"__proto__":1},2]', '[["Nonsense",1]]'])(
      'says of %j that it is damaged, or reads a value of it',
      (text) => {
        const decoded = packer.decode(text);
        expect('problem' in decoded ? decoded.problem : 'value').toMatch(/^(?:damaged|value)$/);
      },
    );

    it('lets no text change prototypes', () => {
      expect(packer.decode('[{"__proto__":1},{"polluted":2},true]')).toEqual({ problem: 'damaged' });
      expect(Reflect.get({}, 'polluted')).toBeUndefined();
    });
  });
});
