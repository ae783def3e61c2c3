/** The one home of WebCrypto and randomness outside the memory store. */

const encoder = new TextEncoder();

export async function sha1Hex(text: string): Promise<string> {
  return hex(await crypto.subtle.digest('SHA-1', encoder.encode(text)));
}

/** Base64url of SHA-256, 43 characters. */
export async function sha256(content: string | Uint8Array<ArrayBuffer>): Promise<string> {
  const bytes = typeof content === 'string' ? encoder.encode(content) : content;
  return base64url(await crypto.subtle.digest('SHA-256', bytes));
}

export type Mac = (text: string) => Promise<string>;

/** HMAC-SHA-256 under `secret`, as base64url. The key is imported once, at first use. */
export function createMac(secret: string): Mac {
  let key: Promise<CryptoKey> | undefined;
  const importKey = () =>
    crypto.subtle.importKey('raw', encoder.encode(secret), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  return async (text) => {
    key ??= importKey();
    return base64url(await crypto.subtle.sign('HMAC', await key, encoder.encode(text)));
  };
}

/** Compares in a time that depends on the length only. */
export function constantTimeEqual(a: string, b: string): boolean {
  let difference = a.length ^ b.length;
  for (let index = 0; index < a.length; index += 1) difference |= a.charCodeAt(index) ^ b.charCodeAt(index % b.length);
  return difference === 0;
}

/** Whether `shown` is `secret`, in a time that says nothing of how much of it is right, nor how long it is. */
export async function isSameSecret(shown: string, secret: string): Promise<boolean> {
  return constantTimeEqual(await sha256(shown), await sha256(secret));
}

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** `length` characters of base62 from the platform's generator, without modulo bias. */
export function randomBase62(length: number): string {
  let text = '';
  while (text.length < length) {
    for (const byte of crypto.getRandomValues(new Uint8Array(length))) {
      // 248 is the largest multiple of 62 in a byte.
      if (byte < 248 && text.length < length) text += BASE62[byte % 62];
    }
  }
  return text;
}

/** `length` decimal digits from the platform's generator, without modulo bias. */
export function randomDigits(length: number): string {
  let text = '';
  while (text.length < length) {
    for (const byte of crypto.getRandomValues(new Uint8Array(length))) {
      // 250 is the largest multiple of 10 in a byte.
      if (byte < 250 && text.length < length) text += byte % 10;
    }
  }
  return text;
}

/** At random from 0 up to, not including, 1; for spreading work, not for secrets. */
export function randomShare(): number {
  return Math.random();
}

/** `value` (an unsigned 32-bit integer) as six characters of base62. */
export function base62OfUint32(value: number): string {
  let text = '';
  for (let rest = value, place = 0; place < 6; place += 1, rest = Math.floor(rest / 62))
    text = BASE62[rest % 62] + text;
  return text;
}

export function base64urlEncode(text: string): string {
  return base64url(encoder.encode(text));
}

/** The text behind `encoded`, or `undefined` when it is not base64url of UTF-8. */
export function base64urlDecode(encoded: string): string | undefined {
  // `atob` lets white space and the other alphabet pass.
  if (!/^[\w-]*$/.test(encoded)) return undefined;
  try {
    const binary = atob(encoded.replaceAll('-', '+').replaceAll('_', '/'));
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    return decoder.decode(Uint8Array.from(binary, (char) => char.charCodeAt(0)));
  } catch {
    return undefined;
  }
}

function hex(buffer: ArrayBuffer): string {
  return Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

const BASE64URL = encoder.encode('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_');
const decoder = new TextDecoder();

/** By codes and by index: iterators, and characters added one by one, would make an object for each byte. */
export function base64url(buffer: ArrayBuffer | Uint8Array): string {
  const bytes = buffer instanceof Uint8Array ? buffer : new Uint8Array(buffer);
  const codes = new Uint8Array(Math.ceil((bytes.length * 4) / 3));
  let [bits, held, at] = [0, 0, 0];
  for (let index = 0; index < bytes.length; index += 1) {
    held = ((held & 0x3f) << 8) | (bytes[index] ?? 0);
    bits += 8;
    for (; bits >= 6; at += 1) {
      bits -= 6;
      codes[at] = BASE64URL[(held >> bits) & 0x3f] ?? 0;
    }
  }
  if (bits > 0) codes[at] = BASE64URL[(held << (6 - bits)) & 0x3f] ?? 0;
  return decoder.decode(codes);
}
