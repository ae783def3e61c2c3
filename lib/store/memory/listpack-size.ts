import { parseInteger } from './numbers.ts';
import { byteLength } from './text-bytes.ts';

/** What a listpack of Redis takes before its first element, and for its end. */
export const LISTPACK_BYTES = 7;

/** Bytes of one element in a listpack: texts that are numbers are kept as such. */
export function listpackBytes(element: string | bigint | number): number {
  const number = typeof element === 'string' ? parseInteger(element) : BigInt(element);
  return withBackLength(number === undefined ? textBytes(byteLength(String(element))) : numberBytes(number));
}

function numberBytes(value: bigint): number {
  if (value >= 0n && value <= 127n) return 1;
  for (const [bits, bytes] of NUMBERS) if (BigInt.asIntN(bits, value) === value) return bytes;
  return 9;
}

/** By how many bits a number takes. */
const NUMBERS = [
  [13, 2],
  [16, 3],
  [24, 4],
  [32, 5],
] as const;

function textBytes(length: number): number {
  return length + (length < 64 ? 1 : length < 4_096 ? 2 : 5);
}

/** Behind each element stands its length, so that one can go back. */
function withBackLength(bytes: number): number {
  if (bytes <= 127) return bytes + 1;
  if (bytes < 16_383) return bytes + 2;
  if (bytes < 2_097_151) return bytes + 3;
  return bytes + (bytes < 268_435_455 ? 4 : 5);
}
