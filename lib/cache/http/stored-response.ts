import { isObject } from '../../client/json.ts';
import { httpDate } from '../../clock.ts';
import type { ResponseLife } from './response-rules.ts';
import { bytesOfBody, isBodiless, isStoredBody, type StoredBody, storedBody } from './stored-body.ts';

/** A response as plain data. */
export interface StoredResponse {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: StoredBody | null;
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
  return { status, headers: dated, body: bytes && storedBody(bytes), life };
}

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
  return body === null || (!isBodiless(Number(status)) && isStoredBody(body));
}

/** A name and a value that `Headers` takes. */
export function isField(pair: unknown): boolean {
  if (!Array.isArray(pair) || pair.length !== 2) return false;
  const [name, value]: readonly unknown[] = pair;
  if (typeof name !== 'string' || typeof value !== 'string') return false;
  return /^[!#$%&'*+.^_`|~\w-]+$/.test(name) && !/[\0\r\n\u0100-\uffff]/.test(value);
}

/** A response of the caller's own. @param ageMs since it was stored */
export function restoreResponse(stored: StoredResponse, ageMs: number, { isHead }: { isHead: boolean }): Response {
  const { status, life } = stored;
  const bytes = stored.body && bytesOfBody(stored.body);
  const headers = new Headers(stored.headers.map(([name, value]): [string, string] => [name, value]));
  headers.set('age', String(Math.floor((ageMs + life.ageMs) / 1_000)));
  if (bytes) headers.set('content-length', String(bytes.byteLength));
  return new Response(isHead ? null : bytes, { status, headers });
}
