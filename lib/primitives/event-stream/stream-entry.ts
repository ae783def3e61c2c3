import { readJson } from '../../client/json.ts';
import { BATCH_FIELD, EVENT_FIELD } from './event-append.ts';
import type { StreamEvent } from './event-stream-options.ts';
import { isShallow } from './event-text.ts';

/** An entry by its id, and what of it can be read. */
export interface ReadEntry<T> {
  readonly id: string;
  readonly event: StreamEvent<T> | undefined;
}

/** An id as Redis writes it, or its first part. */
export const STREAM_ID: RegExp = /^\d{1,20}(?:-\d{1,20})?$/;

/** The entries of an answer to XRANGE. */
export function readEntries<T>(reply: unknown): readonly ReadEntry<T>[] {
  return Array.isArray(reply) ? reply.map(readEntry<T>) : [];
}

function readEntry<T>(entry: unknown): ReadEntry<T> {
  const [id, fields]: readonly unknown[] = Array.isArray(entry) ? entry : [];
  const [first, batch, second, text, ...rest]: readonly unknown[] = Array.isArray(fields) ? fields : [];
  const isOurs = first === BATCH_FIELD && second === EVENT_FIELD && rest.length === 0 && isBatch(batch);
  const event = isOurs && isShallow(String(text)) ? readJson(text) : undefined;
  if (!isBatch(batch) || event === undefined) return { id: String(id), event: undefined };
  return { id: String(id), event: { id: String(id), batch, at: Number.parseInt(String(id), 10), event: event as T } };
}

function isBatch(batch: unknown): batch is string {
  return typeof batch === 'string' && /^[0-9A-Za-z]{1,32}$/.test(batch);
}
