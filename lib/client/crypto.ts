/** The one home of WebCrypto and randomness outside the memory store. */

const encoder = new TextEncoder();

export async function sha1Hex(text: string): Promise<string> {
  return hex(await crypto.subtle.digest('SHA-1', encoder.encode(text)));
}

/** Base64url of SHA-256, 43 characters. */
export async function sha256(text: string): Promise<string> {
  return base64url(await crypto.subtle.digest('SHA-256', encoder.encode(text)));
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

/** `value` (an unsigned 32-bit integer) as six characters of base62. */
/** At random from 0 up to, not including, 1; for spreading work, not for secrets. */
export function randomShare(): number {
  return Math.random();
}

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

function base64url(bytes: ArrayBuffer | Uint8Array): string {
  let binary = '';
  for (const byte of bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes)) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}
