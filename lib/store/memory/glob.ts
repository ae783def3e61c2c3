import { encodeText } from './text-bytes.ts';

type Token =
  | { readonly kind: 'byte'; readonly byte: number }
  | { readonly kind: 'any' }
  | { readonly kind: 'star' }
  | { readonly kind: 'class'; readonly negated: boolean; readonly ranges: readonly Range[] };

type Range = readonly [from: number, to: number];

export type Glob = (text: string) => boolean;

/**
 * The patterns of KEYS and SCAN. They match bytes, as in Redis: `?` is one byte of a longer UTF-8 sequence.
 * Time is at most pattern × text: unlike in Redis 7.0, a row of stars costs nothing.
 */
export function compileGlob(pattern: string): Glob {
  if (pattern === '*') return () => true;
  const tokens = tokenize(encodeText(pattern));
  // Redis never tries a star on the empty string, except for the pattern `*`.
  return (text) => (text === '' ? tokens.length === 0 : matches(tokens, encodeText(text)));
}

function matches(tokens: readonly Token[], bytes: Uint8Array): boolean {
  let token = 0;
  let byte = 0;
  let starToken = -1;
  let starByte = 0;
  while (byte < bytes.length) {
    const current = tokens[token];
    if (current?.kind === 'star') {
      starToken = token;
      starByte = byte;
      token += 1;
    } else if (current && accepts(current, bytes[byte] ?? 0)) {
      token += 1;
      byte += 1;
    } else if (starToken >= 0) {
      // Only the last star can be worth extending: what earlier ones matched stays valid.
      starByte += 1;
      byte = starByte;
      token = starToken + 1;
    } else {
      return false;
    }
  }
  while (tokens[token]?.kind === 'star') token += 1;
  return token === tokens.length;
}

function accepts(token: Token, byte: number): boolean {
  if (token.kind === 'byte') return token.byte === byte;
  if (token.kind !== 'class') return true;
  return token.ranges.some(([from, to]) => signed(byte) >= from && signed(byte) <= to) !== token.negated;
}

function tokenize(pattern: Uint8Array): readonly Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < pattern.length) {
    const byte = pattern[at] ?? 0;
    if (byte === STAR) tokens.push({ kind: 'star' });
    else if (byte === QUESTION_MARK) tokens.push({ kind: 'any' });
    else if (byte === OPEN) {
      const { token, end } = readClass(pattern, at + 1);
      tokens.push(token);
      at = end;
    } else {
      if (byte === BACKSLASH && at + 1 < pattern.length) at += 1;
      tokens.push({ kind: 'byte', byte: pattern[at] ?? 0 });
    }
    at += 1;
  }
  return tokens;
}

/** `end` is the position of the closing bracket, or past the pattern where there is none. */
function readClass(pattern: Uint8Array, start: number): { readonly token: Token; readonly end: number } {
  const negated = pattern[start] === CARET;
  const ranges: Range[] = [];
  let at = negated ? start + 1 : start;
  for (; at < pattern.length && pattern[at] !== CLOSE; at += 1) {
    const left = pattern.length - at;
    if (pattern[at] === BACKSLASH && left >= 2) at += 1;
    else if (left >= 3 && pattern[at + 1] === DASH) {
      const from = signed(pattern[at] ?? 0);
      const to = signed(pattern[at + 2] ?? 0);
      ranges.push([Math.min(from, to), Math.max(from, to)]);
      at += 2;
      continue;
    }
    const only = signed(pattern[at] ?? 0);
    ranges.push([only, only]);
  }
  return { token: { kind: 'class', negated, ranges }, end: at };
}

/** Ranges compare C's `char`, which is signed on x86-64. */
function signed(byte: number): number {
  return byte < 0x80 ? byte : byte - 0x100;
}

const STAR = 0x2a;
const QUESTION_MARK = 0x3f;
const OPEN = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE = 0x5d;
const CARET = 0x5e;
const DASH = 0x2d;
