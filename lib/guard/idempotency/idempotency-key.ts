export type IdempotencyKey =
  | { readonly ok: true; readonly key: string }
  | { readonly ok: false; readonly reason: 'missing' | 'malformed' };

/** A string of RFC 8941, section 3.3.3. */
const QUOTED = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/;
const KEY = /^[\x21-\x7e]{1,255}$/;

/**
 * The key that a client has chosen (draft-ietf-httpapi-idempotency-key-header): 1 to 255 visible characters of ASCII, as a
 * quoted string, which the draft asks for, or bare, as most clients send it. Both are one key.
 */
export function readIdempotencyKey(headers: Headers): IdempotencyKey {
  const sent = headers.get('idempotency-key');
  if (sent === null) return { ok: false, reason: 'missing' };
  const key = sent.startsWith('"') ? QUOTED.exec(sent)?.[1]?.replace(/\\(.)/g, '$1') : sent;
  return key !== undefined && KEY.test(key) ? { ok: true, key } : { ok: false, reason: 'malformed' };
}
