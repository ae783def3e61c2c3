import { deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { fflateCompression } from '../../../lib/cache/fflate.ts';
import { type Codec, jsonCodec } from '../../../lib/cache/payload/codec.ts';
import type { Compression } from '../../../lib/cache/payload/compression.ts';
import { createPacker, type Packed, type Packer, type PackerOptions } from '../../../lib/cache/payload/packer.ts';
import { platformCompression } from '../../../lib/cache/payload/platform-compression.ts';
import { allowNoUnhandledRejection } from '../../support/unhandled-rejections.ts';

const packerOf = <T = unknown>(options: Partial<PackerOptions<T>> = {}): Packer<T> =>
  createPacker<T>({
    codec: jsonCodec<T>(),
    compression: platformCompression(),
    compressAboveBytes: 1_000,
    maxValueBytes: 100_000,
    ...options,
  });

const packed = async (packer: Packer<unknown>, value: unknown): Promise<Packed> => {
  const answer = await packer.pack(value);
  if (answer === undefined) throw new Error('not storable');
  return answer;
};

/** A codec whose text is the value. */
const textCodec: Codec<string> = { mark: 't', encode: (value) => value, decode: (text) => text };

/** What deflates to as many bytes as it is told. */
const deflatingTo = (size: number): Compression => ({
  deflate: async () => new Uint8Array(size),
  inflate: async (bytes) => bytes,
});

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const deflated = (content: string | Uint8Array): string => base64(deflateRawSync(content));

describe('a value', () => {
  it('becomes its text, at once, where nothing is compressed', () => {
    const text = '{"a":1}';
    expect(packerOf().pack({ a: 1 })).toEqual({ text, marks: 'j', wire: text });
    expect(packerOf().unpack('j', text)).toEqual({ text });
    expect(packerOf().decode(text)).toEqual({ value: { a: 1 } });
  });

  it('is compressed from a size on, counted in UTF-8', async () => {
    const packer = packerOf<string>({ codec: textCodec, compressAboveBytes: 1_000 });
    for (const [below, from] of [
      ['a'.repeat(999), 'a'.repeat(1_000)],
      ['é'.repeat(499), 'é'.repeat(500)],
      ['€'.repeat(333), `${'€'.repeat(333)}a`],
    ] as const) {
      expect(packer.pack(below)).toEqual({ text: below, marks: 't', wire: below });
      const answer = packer.pack(from);
      expect(answer).toBeInstanceOf(Promise);
      expect(await answer).toMatchObject({ text: from, marks: 'tz' });
    }
  });

  it('is compressed to base64 of raw DEFLATE of its UTF-8', async () => {
    const value = 'grüße '.repeat(500);
    const { wire } = await packed(packerOf(), value);
    expect(wire).toMatch(/^[A-Za-z0-9+/]+={0,2}$/);
    expect(await packerOf().unpack('jz', deflated(JSON.stringify(value)))).toEqual({ text: JSON.stringify(value) });
    expect(await packerOf().unpack('jz', wire)).toEqual({ text: JSON.stringify(value) });
  });

  it('is compressed only where that saves a tenth', async () => {
    const text = 'a'.repeat(1_000);
    const marksWith = async (size: number) =>
      (await packerOf<string>({ codec: textCodec, compression: deflatingTo(size) }).pack(text))?.marks;
    // 675 bytes are 900 characters, 676 are 904.
    expect(await marksWith(675)).toBe('tz');
    expect(await marksWith(676)).toBe('t');
  });

  it('is not compressed without being asked, nor without a compression', () => {
    const value = 'a'.repeat(5_000);
    expect(packerOf({ compressAboveBytes: false }).pack(value)).toMatchObject({ marks: 'j' });
    expect(packerOf({ compression: undefined }).pack(value)).toMatchObject({ marks: 'j' });
  });

  it.each([
    ['rejects', () => Promise.reject(new Error('broken'))],
    [
      'throws',
      () => {
        throw new Error('broken');
      },
    ],
  ])('is stored as it is where compressing %s', async (_what, deflate) => {
    const packer = packerOf({ compression: { deflate, inflate: async (bytes) => bytes } });
    expect(await packer.pack('a'.repeat(5_000))).toMatchObject({ marks: 'j', wire: `"${'a'.repeat(5_000)}"` });
  });

  it('is not storable without a text', () => {
    const throwing: Codec<unknown> = {
      mark: 'x',
      encode: () => {
        throw new Error('no text');
      },
      decode: () => 0,
    };
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    expect(packerOf().pack(undefined)).toBeUndefined();
    expect(packerOf().pack(() => 1)).toBeUndefined();
    expect(packerOf().pack(circular)).toBeUndefined();
    expect(packerOf().pack(1n)).toBeUndefined();
    expect(packerOf({ codec: throwing }).pack(1)).toBeUndefined();
  });

  it('is not storable when its text takes more bytes than the bound', () => {
    const packer = packerOf<string>({ codec: textCodec, maxValueBytes: 6, compressAboveBytes: false });
    for (const [most, more] of [
      ['a'.repeat(6), 'a'.repeat(7)],
      ['ééé', 'éééa'],
      ['€€', '€€a'],
      ['🔑ab', '🔑abc'],
    ] as const) {
      expect(packer.pack(most)).toMatchObject({ wire: most });
      expect(packer.pack(more)).toBeUndefined();
      expect(packer.unpack('t', most)).toEqual({ text: most });
      expect(packer.unpack('t', more)).toEqual({ problem: 'oversized' });
    }
  });

  it('whose text has half a surrogate pair comes back exactly: it is not compressed', () => {
    for (const text of ['\ud83d', '\udd11', '\udd11\ud83d', 'a\ud83da']) {
      const long = `${'a'.repeat(2_000)}${text}`;
      const packer = packerOf<string>({ codec: textCodec });
      expect(packer.pack(long)).toEqual({ text: long, marks: 't', wire: long });
      expect(packer.unpack('t', long)).toEqual({ text: long });
    }
  });

  it('keeps a byte order mark', async () => {
    const packer = packerOf<string>({ codec: textCodec });
    const text = `\ufeff${'a'.repeat(2_000)}`;
    const { marks, wire } = (await packer.pack(text)) as Packed;
    expect(marks).toBe('tz');
    expect(await packer.unpack(marks, wire)).toEqual({ text });
  });
});

const COMPRESSIONS: readonly (readonly [string, Compression | undefined])[] = [
  ['of the platform', platformCompression()],
  ['of fflate', fflateCompression()],
];

describe.each(COMPRESSIONS)('a packer with the compression %s', (_name, compression) => {
  allowNoUnhandledRejection();
  const packer = packerOf({ compression, compressAboveBytes: 0, maxValueBytes: 3_000 });

  /** Values of JSON, many of which are worth compressing. */
  const values = fc
    .tuple(fc.jsonValue({ maxDepth: 3 }), fc.integer({ min: 1, max: 40 }))
    .map(([value, times]) => Array<unknown>(times).fill(value));

  it('gives back every value of JSON, as JSON does, or does not store it', async () => {
    let compressed = 0;
    await fc.assert(
      fc.asyncProperty(values, async (value) => {
        const text = JSON.stringify(value);
        const answer = await packer.pack(value);
        expect(answer === undefined).toBe(Buffer.byteLength(text) > 3_000);
        if (answer === undefined) return;
        if (answer.marks === 'jz') compressed += 1;
        expect(Buffer.byteLength(answer.wire)).toBeLessThanOrEqual(3_000);
        const unpacked = await packer.unpack(answer.marks, answer.wire);
        expect(unpacked).toEqual({ text });
        expect(packer.decode(text)).toEqual({ value: JSON.parse(text) });
      }),
      { numRuns: 200 },
    );
    expect(compressed).toBeGreaterThan(20);
  });

  it('makes of a damaged entry a problem or another text within the bound, never an exception', async () => {
    const { marks, wire } = await packed(
      packer,
      Array.from({ length: 60 }, (_, id) => ({ id, name: `n${id * 7}` })),
    );
    expect(marks).toBe('jz');
    const character = fc.oneof(fc.constantFrom(...'AZaz09+/= \n'), fc.string({ minLength: 1, maxLength: 1 }));
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: wire.length - 1 }), character, async (at, other) => {
        const damaged = `${wire.slice(0, at)}${other}${wire.slice(at + 1)}`;
        const unpacked = await packer.unpack('jz', damaged);
        if ('problem' in unpacked) {
          expect(['damaged', 'oversized']).toContain(unpacked.problem);
          return;
        }
        expect(Buffer.byteLength(unpacked.text)).toBeLessThanOrEqual(3_000);
        expect(() => packer.decode(unpacked.text)).not.toThrow();
      }),
      { numRuns: 300 },
    );
  });

  it('calls an entry damaged that was cut off, wherever', async () => {
    const { wire } = await packed(packer, 'ab'.repeat(500));
    for (let length = 0; length < wire.length; length += 1) {
      expect(await packer.unpack('jz', wire.slice(0, length))).toEqual({ problem: 'damaged' });
    }
  });

  it.each([
    ['nothing', ''],
    ['no base64', '{"a":1}'],
    ['no DEFLATE', base64(Uint8Array.of(0xff, 0xff, 0xff))],
    ['no UTF-8', deflated(Uint8Array.of(0xff, 0xfe))],
    ['half a character', deflated(new TextEncoder().encode('é').subarray(0, 1))],
    ['more than it should be', base64(Uint8Array.of(...deflateRawSync('"a"'), 0))],
  ])('calls an entry damaged that is %s', async (_what, wire) => {
    expect(await packer.unpack('jz', wire)).toEqual({ problem: 'damaged' });
    // Whatever was wrong has not stayed behind.
    expect(await packer.unpack('jz', deflated('"a"'))).toEqual({ text: '"a"' });
  });

  it('takes inflated text up to the bound, and no byte more', async () => {
    expect(await packer.unpack('jz', deflated('a'.repeat(3_000)))).toEqual({ text: 'a'.repeat(3_000) });
    expect(await packer.unpack('jz', deflated('a'.repeat(3_001)))).toEqual({ problem: 'oversized' });
    expect(await packer.unpack('jz', deflated(new Uint8Array(1_000_000)))).toEqual({ problem: 'oversized' });
  });

  it('reads what is not compressed too', () => {
    expect(packer.unpack('j', '1')).toEqual({ text: '1' });
  });
});

describe('an entry', () => {
  it.each(['', 'd', 'dz', 'J', 'zj'])('marked %j is of another codec than JSON', (marks) => {
    expect(packerOf().unpack(marks, '1')).toEqual({ problem: 'codec' });
  });

  it.each(['jb', 'jzz', 'j '])('marked %j is compressed in no way that is known', (marks) => {
    expect(packerOf().unpack(marks, '1')).toEqual({ problem: 'compression' });
  });

  it('that is compressed is not for a process that cannot inflate, which says so at once', () => {
    const packer = packerOf({ compression: undefined });
    expect(packer.unpack('jz', deflated('1'))).toEqual({ problem: 'compression' });
    expect(packer.unpack('j', '1')).toEqual({ text: '1' });
  });

  it('that is compressed is read by a process that compresses nothing itself', async () => {
    expect(await packerOf({ compressAboveBytes: false }).unpack('jz', deflated('1'))).toEqual({ text: '1' });
  });

  it('that is longer than any value may be is not inflated', () => {
    const inflate = vi.fn(async (bytes: Uint8Array) => bytes);
    const packer = packerOf({ compression: { deflate: inflate, inflate }, maxValueBytes: 8 });
    expect(packer.unpack('jz', 'A'.repeat(12))).toEqual({ problem: 'oversized' });
    expect(inflate).not.toHaveBeenCalled();
  });

  it.each<readonly [what: string, problem: string, inflate: Compression['inflate']]>([
    ['keeps no bound', 'oversized', async () => new Uint8Array(101)],
    ['throws a RangeError', 'oversized', () => Promise.reject(new RangeError('too large'))],
    ['throws', 'damaged', () => Promise.reject(new Error('broken'))],
    [
      'throws without a promise',
      'damaged',
      () => {
        throw new Error('broken');
      },
    ],
  ])('is not read by a compression that %s: %s', async (_what, problem, inflate) => {
    const packer = packerOf({ compression: { deflate: async (bytes) => bytes, inflate }, maxValueBytes: 100 });
    expect(await packer.unpack('jz', 'AAAA')).toEqual({ problem });
  });

  it('whose text the codec cannot read is damaged', () => {
    for (const text of ['', '{', 'undefined', '{"a":1}}'])
      expect(packerOf().decode(text)).toEqual({ problem: 'damaged' });
  });
});

describe('the mark of a codec', () => {
  it.each(['', 'jz', 'J', '1', '|', 'é'])('may not be %j', (mark) => {
    expect(() => packerOf({ codec: { ...jsonCodec(), mark } })).toThrow(
      expect.objectContaining({ code: 'CONFIG', setting: 'codec.mark' }),
    );
  });

  it('may be z', async () => {
    const packer = packerOf({ codec: { ...jsonCodec(), mark: 'z' } });
    expect(packer.pack(1)).toMatchObject({ marks: 'z' });
    expect(packer.unpack('z', '1')).toEqual({ text: '1' });
    expect(await packer.unpack('zz', deflated('1'))).toEqual({ text: '1' });
  });
});
