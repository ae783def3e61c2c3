import type { CacheHandlerValue } from 'next/dist/server/lib/incremental-cache/index.js';
import { isObject, readJson } from '../../client/json.ts';
import { isTextList } from './entry-form.ts';

/** What Next keeps under one key of its classic cache: a page, a response, a fetch, an image, or that there is nothing. */
export type CachedValue = Pick<CacheHandlerValue, 'value' | 'cacheControl'> & { readonly lastModified: number };

type Value = NonNullable<CacheHandlerValue['value']>;

/**
 * As JSON. Bytes, and maps of bytes, are fields of the value itself in each of its kinds: they stand apart from it, in
 * base64, so that nothing in it can be mistaken for them.
 */
export function writeCachedValue({ value, lastModified, cacheControl }: CachedValue): string {
  const plain: Record<string, unknown> = {};
  const bytes: Record<string, string> = {};
  const maps: Record<string, readonly (readonly [string, string])[]> = {};
  for (const [name, field] of Object.entries(value ?? {})) {
    if (field instanceof Uint8Array) bytes[name] = base64Of(field);
    else if (field instanceof Map) maps[name] = [...field].map(([key, part]) => [key, base64Of(part)]);
    else plain[name] = field;
  }
  return JSON.stringify({ value: value && plain, bytes, maps, lastModified, cacheControl });
}

/** `undefined` for what is damaged. */
export function readCachedValue(text: string): CachedValue | undefined {
  const form = readJson(text);
  if (!isObject(form) || typeof form.lastModified !== 'number') return undefined;
  const { lastModified } = form;
  const cacheControl = isObject(form.cacheControl) ? readCacheControl(form.cacheControl) : undefined;
  const rest = { lastModified, ...(cacheControl && { cacheControl }) };
  if (form.value === null) return { value: null, ...rest };
  if (!isObject(form.value) || typeof form.value.kind !== 'string') return undefined;
  if (!isObject(form.bytes) || !isObject(form.maps)) return undefined;
  const value: Record<string, unknown> = { ...form.value };
  for (const [name, field] of Object.entries(form.bytes)) {
    if (typeof field !== 'string') return undefined;
    value[name] = Buffer.from(field, 'base64');
  }
  for (const [name, field] of Object.entries(form.maps)) {
    const map = readMap(field);
    if (!map) return undefined;
    value[name] = map;
  }
  return { value: value as unknown as Value, ...rest };
}

function readMap(field: unknown): ReadonlyMap<string, Buffer> | undefined {
  if (!Array.isArray(field) || !field.every(isTextPair)) return undefined;
  return new Map(field.map(([key, part]) => [key, Buffer.from(part, 'base64')]));
}

function isTextPair(pair: unknown): pair is readonly [key: string, part: string] {
  return isTextList(pair) && pair.length === 2;
}

function readCacheControl({ revalidate, expire }: Readonly<Record<string, unknown>>): CachedValue['cacheControl'] {
  return {
    revalidate: typeof revalidate === 'number' ? revalidate : false,
    expire: typeof expire === 'number' ? expire : undefined,
  };
}

function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
