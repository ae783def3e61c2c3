import type { Clock } from '../clock.ts';
import { StoreError } from '../errors.ts';
import { problemOf } from './reply-problem.ts';
import type { ErrorReply, Reply } from './store.ts';

/** Redis itself answers nothing deeper; a hostile answer must not exhaust the stack. */
const MAX_DEPTH = 64;
const MAX_RETRY_AFTER_MS = 3_600_000;

/**
 * The replies in the body of a 2xx answer.
 *
 * @throws StoreError of kind `protocol` unless it is exactly one reply for each of `count` commands.
 */
export function parseReplies(body: string, count: number): readonly Reply[] {
  const answer = parseJson(body);
  if (answer === undefined) {
    // The parser's own error quotes the body.
    throw malformed('is not JSON', new SyntaxError('The body is not JSON'));
  }
  if (!Array.isArray(answer)) throw malformed('is not an array');
  if (answer.length !== count) throw malformed(`has ${answer.length} replies to ${count} commands`);
  return answer.map(parseItem);
}

/**
 * The one reply that stands for every command of a transaction that was discarded as a whole.
 *
 * @throws StoreError for any other answer outside 2xx.
 */
export function parseRefusal(status: number, body: string, atomic: boolean): ErrorReply {
  const answer = parseJson(body);
  const text = isRecord(answer) && typeof answer.error === 'string' ? answer.error : undefined;
  const kind = text === undefined ? undefined : problemOf(text);
  if (text !== undefined && kind === undefined && status === 400 && atomic) return { error: text };
  throw new StoreError(kind ?? 'protocol', `The endpoint refused the request with status ${status}`, { status });
}

/** Milliseconds that `Retry-After` asks for, as seconds or as an HTTP date, at most one hour. */
export function parseRetryAfter(headers: Headers, clock: Clock): number | undefined {
  const value = headers.get('retry-after')?.trim() ?? '';
  if (/^\d+$/.test(value)) return Math.min(Number(value) * 1000, MAX_RETRY_AFTER_MS);
  const until = / GMT$/.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(until)) return undefined;
  // The server's own idea of now: the two clocks need not agree.
  const sentAt = Date.parse(headers.get('date') ?? '');
  const wait = until - (Number.isNaN(sentAt) ? clock.now() : sentAt);
  return Math.min(Math.max(wait, 0), MAX_RETRY_AFTER_MS);
}

function parseItem(item: unknown): Reply {
  if (!isRecord(item)) throw malformed('has an item that is not an object');
  const hasResult = Object.hasOwn(item, 'result');
  if (hasResult === Object.hasOwn(item, 'error'))
    throw malformed('has an item without exactly one of result and error');
  if (!hasResult) {
    if (typeof item.error !== 'string') throw malformed('has an error that is not a string');
    return { error: item.error };
  }
  if (!isResult(item.result, 0)) throw malformed('has a result of no RESP2 type');
  return item.result;
}

function isResult(value: unknown, depth: number): value is Reply {
  if (value === null || typeof value === 'string' || typeof value === 'number') return true;
  return Array.isArray(value) && depth < MAX_DEPTH && value.every((item) => isResult(item, depth + 1));
}

/** `undefined` when it is not JSON: no JSON text means that. */
function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function malformed(how: string, cause?: unknown): StoreError {
  return new StoreError('protocol', `The answer of the endpoint ${how}`, cause === undefined ? {} : { cause });
}
