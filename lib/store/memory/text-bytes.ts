// Redis counts and orders bytes; strings here are JavaScript's. These functions see them as the UTF-8 they travel as.

const encoder = new TextEncoder();
// A byte order mark is part of the value.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

export function encodeText(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Bytes that are not UTF-8 become U+FFFD. */
export function decodeText(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** Bytes of `text` in UTF-8, without encoding it. */
export function byteLength(text: string): number {
  let bytes = text.length;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) continue;
    // Each half of a surrogate pair counts two of the pair's four bytes.
    bytes += unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 1 : 2;
  }
  return bytes;
}

/** The order of the UTF-8 bytes, which is that of code points; `<` orders UTF-16 units. */
export function compareText(left: string, right: string): number {
  const shared = Math.min(left.length, right.length);
  for (let index = 0; index < shared; index += 1) {
    const a = left.charCodeAt(index);
    const b = right.charCodeAt(index);
    if (a !== b) return codePointRank(a) - codePointRank(b);
  }
  return left.length - right.length;
}

/** Moves surrogates, which stand for U+10000 and above, behind U+E000 to U+FFFF. */
function codePointRank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000;
}

/** What the text becomes on the wire: a lone surrogate has no UTF-8 form. */
export function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\ufffd');
}

/** `%.{limit}s`: at most `limit` bytes, up to the first NUL. */
export function clipText(text: string, limit: number): string {
  const end = text.indexOf('\0');
  const clean = end === -1 ? text : text.slice(0, end);
  return byteLength(clean) <= limit ? clean : decodeText(encodeText(clean).subarray(0, limit));
}
