import { isObject } from '../../client/json.ts';
import { base64Decode, base64Encode } from '../payload/base64.ts';

/** The body of a response as plain data, fit for JSON. */
export type StoredBody = { readonly text: string } | { readonly base64: string };

/** Responses of these have no body: `Response` refuses to be made with one. */
export function isBodiless(status: number): boolean {
  return status === 204 || status === 205 || status === 304;
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Control characters, but for those of text: JSON writes one as six characters. */
const CONTROL = /[^\P{Cc}\t\n\r]/u;

export function storedBody(bytes: Uint8Array): StoredBody {
  try {
    const text = decoder.decode(bytes);
    if (!CONTROL.test(text)) return { text };
  } catch {
    // No UTF-8.
  }
  return { base64: base64Encode(bytes) };
}

/** Whether it is as {@link storedBody} writes it. */
export function isStoredBody(body: unknown): body is StoredBody {
  if (!isObject(body)) return false;
  if ('text' in body) return typeof body.text === 'string';
  const { base64 } = body;
  return typeof base64 === 'string' && base64.length % 4 === 0 && !/[^A-Za-z0-9+/=]|=(?!=?$)/.test(base64);
}

/** `null` for what was no base64 after all. */
export function bytesOfBody(body: StoredBody): Uint8Array<ArrayBuffer> | null {
  return 'text' in body ? new TextEncoder().encode(body.text) : (base64Decode(body.base64) ?? null);
}
