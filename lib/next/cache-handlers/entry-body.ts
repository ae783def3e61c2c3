import type { CacheEntry } from 'next/cache.js';
import { isObject, readJson } from '../../client/json.ts';

/** An entry of Next without its tags, its value read. */
export interface EntryBody extends Pick<CacheEntry, 'stale' | 'timestamp' | 'expire' | 'revalidate'> {
  readonly bytes: Uint8Array;
}

/** Two parts: the numbers as JSON, and the value, as it is where it is UTF-8, which it mostly is, else in base64. */
export function writeBody({ stale, timestamp, expire, revalidate, bytes }: EntryBody): string {
  const text = utf8Of(bytes);
  const form = text === undefined ? 'base64' : 'text';
  // JSON has no Infinity, which is what "never" is: it becomes null.
  const head = JSON.stringify({ stale, timestamp, expire, revalidate, form });
  return `${head}\n${text ?? Buffer.from(bytes).toString('base64')}`;
}

/** `undefined` for what is damaged. */
export function readBody(body: string): EntryBody | undefined {
  const valueAt = body.indexOf('\n');
  const head = valueAt === -1 ? undefined : readJson(body.slice(0, valueAt));
  if (!isObject(head)) return undefined;
  const [stale, timestamp, expire, revalidate] = [head.stale, head.timestamp, head.expire, head.revalidate].map(number);
  if (stale === undefined || timestamp === undefined || expire === undefined || revalidate === undefined) {
    return undefined;
  }
  const bytes = bytesOf(body.slice(valueAt + 1), head.form);
  return bytes && { stale, timestamp, expire, revalidate, bytes };
}

function utf8Of(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function bytesOf(text: string, form: unknown): Uint8Array | undefined {
  if (form === 'text') return new TextEncoder().encode(text);
  if (form !== 'base64') return undefined;
  const bytes = Buffer.from(text, 'base64');
  // Node skips what is not base64: what was cut or changed is found by its length alone.
  return bytes.toString('base64') === text ? new Uint8Array(bytes) : undefined;
}

function number(value: unknown): number | undefined {
  if (value === null) return Number.POSITIVE_INFINITY;
  return typeof value === 'number' ? value : undefined;
}
