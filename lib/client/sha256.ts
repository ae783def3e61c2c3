import { base64url } from './crypto.ts';

/**
 * Base64url of SHA-256 (FIPS 180-4), 43 characters, at once: the platform's own answers with a promise, and keys are made
 * where nobody can wait. For names, and for what is too random to be guessed. Some 30 MB a second.
 */
export function sha256Sync(text: string): string {
  const message = padded(new TextEncoder().encode(text));
  const state = Uint32Array.from(INITIAL);
  const schedule = new Uint32Array(64);
  for (let at = 0; at < message.byteLength; at += BLOCK_BYTES) {
    for (let round = 0; round < 16; round += 1) schedule[round] = message.getUint32(at + 4 * round);
    expand(schedule);
    compress(state, schedule);
  }
  const digest = new DataView(new ArrayBuffer(32));
  state.forEach((word, index) => {
    digest.setUint32(4 * index, word);
  });
  return base64url(digest.buffer);
}

const BLOCK_BYTES = 64;

/** With a one behind it, zeros, and its length in bits. */
function padded(bytes: Uint8Array): DataView {
  const message = new Uint8Array(Math.ceil((bytes.length + 9) / BLOCK_BYTES) * BLOCK_BYTES);
  message.set(bytes);
  message[bytes.length] = 0x80;
  const view = new DataView(message.buffer);
  view.setUint32(message.length - 8, Math.floor(bytes.length / 2 ** 29));
  view.setUint32(message.length - 4, bytes.length << 3);
  return view;
}

function expand(schedule: Uint32Array): void {
  for (let round = 16; round < 64; round += 1) {
    const early = word(schedule, round - 15);
    const late = word(schedule, round - 2);
    const mixedEarly = turn(early, 7) ^ turn(early, 18) ^ (early >>> 3);
    const mixedLate = turn(late, 17) ^ turn(late, 19) ^ (late >>> 10);
    schedule[round] = word(schedule, round - 16) + mixedEarly + word(schedule, round - 7) + mixedLate;
  }
}

function compress(state: Uint32Array, schedule: Uint32Array): void {
  let [a, b, c, d] = [word(state, 0), word(state, 1), word(state, 2), word(state, 3)];
  let [e, f, g, h] = [word(state, 4), word(state, 5), word(state, 6), word(state, 7)];
  for (let round = 0; round < 64; round += 1) {
    const chosen = (e & f) ^ (~e & g);
    const first =
      (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + chosen + word(ROUNDS, round) + word(schedule, round)) | 0;
    const majority = (a & b) ^ (a & c) ^ (b & c);
    const second = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + majority) | 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) | 0, c, b, a, (first + second) | 0];
  }
  [a, b, c, d, e, f, g, h].forEach((sum, index) => {
    state[index] = word(state, index) + sum;
  });
}

function word(words: Uint32Array, index: number): number {
  return words[index] ?? 0;
}

/** To the right, round the end. */
function turn(value: number, bits: number): number {
  return (value >>> bits) | (value << (32 - bits));
}

/** Of the first 64 primes: what stands behind the point of their square roots, and of their cube roots. */
const PRIMES: readonly number[] = Array.from({ length: 312 }, (_, index) => index).filter(isPrime);
const INITIAL: Uint32Array = Uint32Array.from(PRIMES.slice(0, 8), (prime) => fraction(Math.sqrt(prime)));
const ROUNDS: Uint32Array = Uint32Array.from(PRIMES, (prime) => fraction(Math.cbrt(prime)));

function isPrime(number: number): boolean {
  if (number < 2) return false;
  for (let divisor = 2; divisor * divisor <= number; divisor += 1) if (number % divisor === 0) return false;
  return true;
}

function fraction(root: number): number {
  return Math.floor((root - Math.floor(root)) * 2 ** 32);
}
