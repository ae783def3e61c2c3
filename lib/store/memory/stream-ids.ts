import { ReplyError } from './reply-error.ts';
import { byteLength } from './text-bytes.ts';

/** Of an entry of a stream: 64 bits of milliseconds above 64 bits that count within one. */
export type StreamId = bigint;

export const MIN_ID: StreamId = 0n;
export const MAX_ID: StreamId = 2n ** 128n - 1n;
export const MAX_SEQUENCE: bigint = 2n ** 64n - 1n;
const MAX_BYTES = 127;

export function millisOf(id: StreamId): bigint {
  return id >> 64n;
}

export function idOf(millis: bigint, sequence: bigint): StreamId {
  return (millis << 64n) | sequence;
}

export function formatId(id: StreamId): string {
  return `${millisOf(id)}-${id & MAX_SEQUENCE}`;
}

/** An id of a command: `5-1`, `5` with `missing` for what stands behind the dash, `-` and `+` for the least and the greatest. */
function toStreamId(text: string, missing: bigint): StreamId {
  if (text === '-') return MIN_ID;
  return text === '+' ? MAX_ID : toStrictStreamId(text, missing);
}

/** As {@link toStreamId}, without `-` and `+`. */
export function toStrictStreamId(text: string, missing: bigint): StreamId {
  const { millis, sequence } = readId(text);
  return idOf(millis, sequence === undefined ? missing : readNumber(sequence));
}

/** The id of XADD, whose second part may be left to the stream: `5-*`. */
export function toNewStreamId(text: string): { readonly id: StreamId; readonly isWhole: boolean } {
  const { millis, sequence = '0' } = readId(text);
  return sequence === '*'
    ? { id: idOf(millis, 0n), isWhole: false }
    : { id: idOf(millis, readNumber(sequence)), isWhole: true };
}

/** An end of an interval: `(5-1` stands for what comes next to it. */
export function toIntervalEnd(text: string, end: 'start' | 'end'): StreamId {
  const missing = end === 'start' ? 0n : MAX_SEQUENCE;
  if (text.length < 2 || !text.startsWith('(')) return toStreamId(text, missing);
  const id = toStrictStreamId(text.slice(1), missing);
  const last = end === 'start' ? MAX_ID : MIN_ID;
  if (id === last) throw new ReplyError(`ERR invalid ${end} ID for the interval`);
  return end === 'start' ? id + 1n : id - 1n;
}

function readId(text: string): { readonly millis: bigint; readonly sequence: string | undefined } {
  if (byteLength(text) > MAX_BYTES) throw invalidId();
  // Redis reads it as C does, up to a NUL.
  const [clean = ''] = text.split('\0', 1);
  const dash = clean.indexOf('-');
  if (dash < 0) return { millis: readNumber(clean), sequence: undefined };
  return { millis: readNumber(clean.slice(0, dash)), sequence: clean.slice(dash + 1) };
}

/** What `strtoull` reads of all the text, white space and signs in front included: a minus wraps around. */
function readNumber(text: string): bigint {
  const [, space = '', sign, digits] = /^([ \t-\r]*)([+-]?)(\d+)$/.exec(text) ?? [];
  if (digits === undefined) throw invalidId();
  const value = BigInt(digits);
  // Redis tries it as one of its own integers first, of which it takes no negative one.
  const isOwn = space === '' && sign === '-' && /^[1-9]\d*$/.test(digits) && value <= 2n ** 63n;
  if (value > MAX_SEQUENCE || isOwn) throw invalidId();
  return sign === '-' ? BigInt.asUintN(64, -value) : value;
}

function invalidId(): ReplyError {
  return new ReplyError('ERR Invalid stream ID specified as stream command argument');
}
