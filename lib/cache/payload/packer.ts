import { ConfigError } from '../../errors.ts';
import { base64Decode, base64Encode, base64Length } from './base64.ts';
import type { Codec } from './codec.ts';
import type { Compression } from './compression.ts';
import { hasBytes } from './text-size.ts';

export interface PackerOptions<T> {
  readonly codec: Codec<T>;
  /** `undefined`: this process neither compresses, nor reads what others have compressed. */
  readonly compression: Compression | undefined;
  /** In UTF-8, as all sizes here. `false`: what others have compressed is read, and nothing is compressed. */
  readonly compressAboveBytes: number | false;
  readonly maxValueBytes: number;
}

/** A value as text, and what of it goes into an entry. */
export interface Packed {
  readonly text: string;
  /** The codec's letter, followed by `z` when compressed. */
  readonly marks: string;
  /** The text, or base64 of raw DEFLATE of its UTF-8: at most `maxValueBytes` either way. */
  readonly wire: string;
}

/**
 * Why an entry's payload is not read: another codec's; compressed in a way that this process cannot undo; larger than
 * `maxValueBytes`; not what a packer has written.
 */
export type PayloadProblem = 'codec' | 'compression' | 'oversized' | 'damaged';

export type Unpacked = { readonly text: string } | { readonly problem: PayloadProblem };

export type Decoded<T> = { readonly value: T } | { readonly problem: 'damaged' };

/** What is not compressed takes no promise. Nothing here throws or rejects. */
export interface Packer<T> {
  /** `undefined` for what cannot be stored: it has no text, or too much of it. */
  pack(value: T): Packed | undefined | Promise<Packed>;
  unpack(marks: string, wire: string): Unpacked | Promise<Unpacked>;
  decode(text: string): Decoded<T>;
}

const COMPRESSED = 'z';

/** How the values of a cache become the payloads of its entries, and back. */
export function createPacker<T>(options: PackerOptions<T>): Packer<T> {
  const { codec, compression, compressAboveBytes, maxValueBytes } = options;
  const leastBytes = compressAboveBytes === false ? Number.POSITIVE_INFINITY : compressAboveBytes;
  // Two letters could be those of another codec, compressed.
  if (!/^[a-z]$/.test(codec.mark)) throw new ConfigError('codec.mark', 'must be one lower-case letter');
  return {
    pack(value) {
      const text = textOf(codec, value);
      if (text === undefined || hasBytes(text, maxValueBytes + 1)) return undefined;
      const plain = { text, marks: codec.mark, wire: text };
      if (compression === undefined || !hasBytes(text, leastBytes)) return plain;
      // UTF-8 has no form for half a surrogate pair.
      return /\p{Surrogate}/u.test(text) ? plain : compress(plain, compression);
    },
    unpack(marks, wire) {
      if (!marks.startsWith(codec.mark)) return { problem: 'codec' };
      // Of compressed ones too: only what becomes shorter is compressed.
      if (hasBytes(wire, maxValueBytes + 1)) return { problem: 'oversized' };
      const rest = marks.slice(codec.mark.length);
      if (rest === '') return { text: wire };
      if (rest !== COMPRESSED || compression === undefined) return { problem: 'compression' };
      return decompress(wire, compression, maxValueBytes);
    },
    decode(text) {
      try {
        return { value: codec.decode(text) };
      } catch {
        return { problem: 'damaged' };
      }
    },
  };
}

function textOf<T>(codec: Codec<T>, value: T): string | undefined {
  try {
    return codec.encode(value);
  } catch {
    return undefined;
  }
}

const encoder = new TextEncoder();

/** `plain` as it is where compressing saves less than a tenth, or fails. */
async function compress(plain: Packed, compression: Compression): Promise<Packed> {
  try {
    const bytes = encoder.encode(plain.text);
    const deflated = await compression.deflate(bytes);
    if (base64Length(deflated.length) * 10 > bytes.length * 9) return plain;
    return { text: plain.text, marks: plain.marks + COMPRESSED, wire: base64Encode(deflated) };
  } catch {
    return plain;
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

async function decompress(wire: string, compression: Compression, maxBytes: number): Promise<Unpacked> {
  const deflated = base64Decode(wire);
  if (deflated === undefined) return { problem: 'damaged' };
  try {
    const bytes = await compression.inflate(deflated, maxBytes);
    return bytes.length > maxBytes ? { problem: 'oversized' } : { text: decoder.decode(bytes) };
  } catch (error) {
    // Also what `maxOutputLength` of Node's zlib throws.
    return { problem: error instanceof RangeError ? 'oversized' : 'damaged' };
  }
}
