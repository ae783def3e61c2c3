import { isObject } from '../../client/json.ts';
import { httpDate } from '../../clock.ts';
import { base64Decode, base64Encode } from '../payload/base64.ts';
import type { ResponseLife } from './response-rules.ts';

/** A response as plain data. */
export interface StoredResponse {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: { readonly text: string } | { readonly base64: string } | null;
  readonly life: ResponseLife;
}

/** They are about one connection (RFC 9110, section 7.6.1), or are said anew each time. */
const NOT_STORED = [
  ...['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade'],
  ...['proxy-authenticate', 'proxy-authentication-info', 'proxy-authorization'],
  ...['age', 'content-length', 'set-cookie'],
];

/** @param bytes the whole body, `null` for none @param now Unix milliseconds: of responses without a `Date` */
export function storeResponse(
  { status, headers }: Response,
  bytes: Uint8Array | null,
  life: ResponseLife,
  now: number,
): StoredResponse {
  const ofConnection = (headers.get('connection') ?? '').split(',').map((name) => name.trim().toLowerCase());
  const dropped = new Set([...NOT_STORED, ...ofConnection]);
  const kept = [...headers].filter(([name]) => !dropped.has(name));
  const dated = headers.has('date') && !dropped.has('date') ? kept : [...kept, ['date', httpDate(now)] as const];
  return { status, headers: dated, body: bytes && written(bytes), life };
}

/** They have no body: `Response` refuses to be made with one. */
const BODILESS = new Set([204, 205, 304]);

/**
 * Whether it is as {@link storeResponse} writes it, and can be restored: entries of another cache may stand under the same
 * names.
 */
export function isStoredResponse(value: unknown): value is StoredResponse {
  if (!isObject(value) || !isObject(value.life)) return false;
  const { status, headers, body, life } = value;
  const numbers = [status, life.ttlMs, life.ageMs];
  if (!numbers.every(Number.isSafeInteger) || Number(status) < 200 || Number(status) > 599) return false;
  if (!Array.isArray(headers) || !headers.every(isField)) return false;
  return body === null || (!BODILESS.has(Number(status)) && isBody(body));
}

/** A header that `Headers` takes. */
function isField(pair: unknown): boolean {
  if (!Array.isArray(pair) || pair.length !== 2) return false;
  const [name, value]: readonly unknown[] = pair;
  if (typeof name !== 'string' || typeof value !== 'string') return false;
  return /^[!#$%&'*+.^_`|~\w-]+$/.test(name) && !/[\0\r\n\u0100-\uffff]/.test(value);
}

function isBody(body: unknown): boolean {
  if (!isObject(body)) return false;
  if ('text' in body) return typeof body.text === 'string';
  const { base64 } = body;
  return typeof base64 === 'string' && base64.length % 4 === 0 && !/[^A-Za-z0-9+/=]|=(?!=?$)/.test(base64);
}

/** A response of the caller's own. @param ageMs since it was stored */
export function restoreResponse(stored: StoredResponse, ageMs: number, { isHead }: { isHead: boolean }): Response {
  const { status, life } = stored;
  const bytes = read(stored.body);
  const headers = new Headers(stored.headers.map(([name, value]): [string, string] => [name, value]));
  headers.set('age', String(Math.floor((ageMs + life.ageMs) / 1_000)));
  if (bytes) headers.set('content-length', String(bytes.byteLength));
  return new Response(isHead ? null : bytes, { status, headers });
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Control characters, but for those of text: JSON writes one as six characters. */
const CONTROL = /[^\P{Cc}\t\n\r]/u;

function written(bytes: Uint8Array): NonNullable<StoredResponse['body']> {
  try {
    const text = decoder.decode(bytes);
    if (!CONTROL.test(text)) return { text };
  } catch {
    // No UTF-8.
  }
  return { base64: base64Encode(bytes) };
}

function read(body: StoredResponse['body']): Uint8Array<ArrayBuffer> | null {
  if (body === null) return null;
  return 'text' in body ? new TextEncoder().encode(body.text) : (base64Decode(body.base64) ?? null);
}
