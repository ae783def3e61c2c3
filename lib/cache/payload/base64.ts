/** Characters of base64 that `bytes` bytes take. */
export function base64Length(bytes: number): number {
  return Math.ceil(bytes / 3) * 4;
}

/** RFC 4648, section 4. By codes and by index, since iterators would make an object for each byte. */
export function base64Encode(bytes: Uint8Array): string {
  const codes = new Uint8Array(base64Length(bytes.length)).fill(PAD);
  let at = 0;
  for (let index = 0; index < bytes.length; index += 3) {
    const left = bytes.length - index;
    const group = (byteAt(bytes, index) << 16) | (byteAt(bytes, index + 1) << 8) | byteAt(bytes, index + 2);
    for (let place = 0; place < Math.min(left, 3) + 1; place += 1) {
      codes[at + place] = byteAt(ALPHABET, (group >> (18 - 6 * place)) & 0x3f);
    }
    at += 4;
  }
  return decoder.decode(codes);
}

/** `undefined` for all that {@link base64Encode} does not write: `atob` lets white space and missing padding pass. */
export function base64Decode(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length % 4 !== 0) return undefined;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  const last = text.length - padding;
  let [bits, held, at] = [0, 0, 0];
  for (let index = 0; index < last; index += 1) {
    const value = VALUES[text.charCodeAt(index)] ?? NONE;
    if (value === NONE) return undefined;
    held = ((held << 6) | value) & 0xfff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes[at] = held >> bits;
    at += 1;
  }
  // What is left over of the last character is zero.
  return (held & ((1 << bits) - 1)) === 0 ? bytes : undefined;
}

function byteAt(bytes: Uint8Array, index: number): number {
  return bytes[index] ?? 0;
}

const decoder = new TextDecoder();
const ALPHABET = new TextEncoder().encode('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');
const PAD = '='.charCodeAt(0);
const NONE = 0xff;
const VALUES = new Uint8Array(128).fill(NONE);
ALPHABET.forEach((code, value) => {
  VALUES[code] = value;
});
