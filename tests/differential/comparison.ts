import { isDeepStrictEqual } from 'node:util';
import { type Command, isErrorReply, type Reply } from '../../lib/store/store.ts';

/** A command, and what was answered to it. */
export interface Exchange {
  readonly command: Command;
  readonly reply: Reply;
}

/** The first place at which two stores, asked the same, differ. @param windowMs how long asking them took together */
export function firstDifference(
  own: readonly Exchange[],
  other: readonly Exchange[],
  windowMs: number,
): number | undefined {
  const index = Array.from({ length: Math.max(own.length, other.length) }).findIndex((_, at) => {
    const [mine, theirs] = [own[at], other[at]];
    if (mine === undefined || theirs === undefined || !isDeepStrictEqual(mine.command, theirs.command)) return true;
    return !isSameReply(mine.command, mine.reply, theirs.reply, windowMs);
  });
  return index < 0 ? undefined : index;
}

export function isSameReply(command: Command, own: Reply, other: Reply, windowMs: number): boolean {
  // −1 and −2 are answers of another kind.
  const areSpans = typeof own === 'number' && typeof other === 'number' && Math.min(own, other) >= 0;
  if (areSpans && Math.abs(own - other) <= toleranceOf(command, other, windowMs)) return true;
  return isDeepStrictEqual(comparable(command, own), comparable(command, other));
}

/** Above it a span is that to an instant which was named. */
const LONGEST_SPAN_S = 1_000_000;

/**
 * Two clocks are read within the time that asking took: so far may milliseconds be apart, and one more for rounding.
 * Spans are whole seconds, and Redis rounds to the nearest: these are exact unless half a second has passed. What is left
 * until an instant that was named, and the instant at which a span ends, can lie at either side of half a second. Beyond
 * 2^53 the memory store's numbers are rounded, those of an instant and of the span to it.
 */
function toleranceOf([name]: Command, other: number, windowMs: number): number {
  const ms = Math.ceil(windowMs) + 1;
  const seconds = Math.ceil(ms / 1000);
  const inexact = Math.floor(other * 2 ** -51);
  if (name === 'PTTL' || name === 'PEXPIRETIME') return ms + inexact;
  if (name === 'EXPIRETIME') return seconds + inexact;
  return name === 'TTL' && (other > LONGEST_SPAN_S || ms >= 500) ? seconds + inexact : 0;
}

const LUA_ERROR = /^ERR (Error compiling script|user_script:)/;
const UNORDERED = new Set('SMEMBERS SUNION SINTER SDIFF SPOP KEYS HKEYS HVALS'.split(' '));

/** What Redis leaves open is put in order: sets, fields, keys. */
function comparable([name]: Command, reply: Reply): unknown {
  if (Array.isArray(reply)) {
    if (UNORDERED.has(name)) return withoutChance(reply).toSorted();
    if (name === 'HGETALL') return pairsOf(reply).toSorted();
    if (name === 'SCAN' || name === 'SSCAN') return [reply[0], (reply[1] as string[]).toSorted()];
    if (name === 'HSCAN' || name === 'ZSCAN') return [reply[0], pairsOf(reply[1] as string[]).toSorted()];
    if (name === 'TIME') return isTheTime(reply) ? 'the time' : reply;
    if (name === 'XRANGE' || name === 'XREVRANGE') return reply.map(withoutTheTime);
  }
  if (name === 'XADD') return withoutTheTime(reply);
  if (!isErrorReply(reply)) return name === 'SPOP' ? withoutChance([reply]) : reply;
  // Names leave in upper case by TCP, and Redis quotes them as it got them.
  if (reply.error.startsWith('ERR unknown command')) return reply.error.toUpperCase();
  // Lua 5.1 and 5.3 word their own errors differently.
  return name.startsWith('EVAL') && LUA_ERROR.test(reply.error) ? 'ERR' : reply;
}

/** Members called any1, any2 … stand for each other. None comes twice. */
function withoutChance(replies: readonly Reply[]): readonly Reply[] {
  if (new Set(replies).size < replies.length) return replies;
  return replies.map((reply) => (typeof reply === 'string' ? reply.replace(/^any\d$/, 'any') : reply));
}

/** An id by the clock, in an entry of a stream or alone. */
function withoutTheTime(reply: Reply): unknown {
  if (Array.isArray(reply)) return [withoutTheTime(reply[0] ?? null), ...reply.slice(1)];
  const [millis = '', sequence] = typeof reply === 'string' ? reply.split('-') : [];
  return sequence !== undefined && Math.abs(Number(millis) - Date.now()) < 60_000 ? 'the time' : reply;
}

/** Both run on this machine. */
function isTheTime([seconds, microseconds, ...rest]: readonly Reply[]): boolean {
  const isCount = /^\d{1,6}$/.test(String(microseconds));
  return isCount && rest.length === 0 && Math.abs(Number(seconds) - Date.now() / 1000) < 60;
}

function pairsOf(words: readonly unknown[]): readonly string[] {
  return words.flatMap((word, index) => (index % 2 === 0 ? [JSON.stringify([word, words[index + 1]])] : []));
}
