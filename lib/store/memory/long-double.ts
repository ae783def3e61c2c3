import { parseNumeral } from './numbers.ts';
import { NOT_A_FLOAT, ReplyError } from './reply-error.ts';

/**
 * `mantissa × 2 ^ exponent`, the mantissa of at most 64 bits: the `long double` of x86-64, in which Redis does the sums
 * of INCRBYFLOAT and HINCRBYFLOAT. In doubles, 0.1 + 0.2 would come out as 0.30000000000000004; Redis answers 0.3.
 */
export interface LongDouble {
  readonly mantissa: bigint;
  readonly exponent: number;
}

const PRECISION = 64;
const MAX_EXPONENT = 16_384;
const MIN_EXPONENT = -16_445;
const PLACES = 17;
const SCALE = 10n ** BigInt(PLACES);

/** @returns `undefined` for an infinity, which no sum accepts. */
export function toLongDouble(text: string, refusal: string = NOT_A_FLOAT): LongDouble | undefined {
  const numeral = parseNumeral(text);
  if (numeral === undefined) throw new ReplyError(refusal);
  if (!numeral.finite) return undefined;
  const { digits, radix, exponent, negative } = numeral;
  if (digits === 0n) return { mantissa: 0n, exponent: 0 };
  // Far outside the range whatever the digits are: the power must not even be computed.
  if (Math.abs(exponent) > 4 * MAX_EXPONENT) throw new ReplyError(refusal);
  const signed = negative ? -digits : digits;
  const value = radix === 2 ? rounded(signed, exponent) : fromDecimal(signed, exponent);
  if (!inRange(value)) throw new ReplyError(refusal);
  return value;
}

/** @returns `undefined` when the sum is beyond the range. */
export function addLongDoubles(left: LongDouble, right: LongDouble): LongDouble | undefined {
  const exponent = Math.min(left.exponent, right.exponent);
  const sum =
    (left.mantissa << BigInt(left.exponent - exponent)) + (right.mantissa << BigInt(right.exponent - exponent));
  const value = rounded(sum, exponent);
  return sum === 0n || magnitude(value) <= MAX_EXPONENT ? value : undefined;
}

/** `%.17Lf` without trailing zeros. */
export function formatLongDouble({ mantissa, exponent }: LongDouble): string {
  const size = mantissa < 0n ? -mantissa : mantissa;
  const scaled = exponent >= 0 ? (size * SCALE) << BigInt(exponent) : shiftRight(size * SCALE, -exponent);
  const digits = scaled.toString().padStart(PLACES + 1, '0');
  const fraction = digits.slice(-PLACES).replace(/0+$/, '');
  const text = digits.slice(0, -PLACES) + (fraction === '' ? '' : `.${fraction}`);
  return mantissa < 0n && text !== '0' ? `-${text}` : text;
}

function fromDecimal(digits: bigint, exponent: number): LongDouble {
  if (exponent >= 0) return rounded(digits * 10n ** BigInt(exponent), 0);
  const divisor = 10n ** BigInt(-exponent);
  const shift = Math.max(0, bitLength(divisor) - bitLength(digits)) + PRECISION + 2;
  const size = (digits < 0n ? -digits : digits) << BigInt(shift);
  // The last bit says whether anything was left over, so that rounding sees ties for what they are.
  const quotient = ((size / divisor) << 1n) | (size % divisor === 0n ? 0n : 1n);
  return rounded(digits < 0n ? -quotient : quotient, -shift - 1);
}

function rounded(value: bigint, exponent: number): LongDouble {
  const size = value < 0n ? -value : value;
  const excess = bitLength(size) - PRECISION;
  if (excess <= 0) return { mantissa: value, exponent };
  const mantissa = shiftRight(size, excess);
  return { mantissa: value < 0n ? -mantissa : mantissa, exponent: exponent + excess };
}

/** Divides by `2 ^ bits`, to the nearest, ties to even. */
function shiftRight(value: bigint, bits: number): bigint {
  if (bits === 0) return value;
  const quotient = value >> BigInt(bits);
  const rest = value - (quotient << BigInt(bits));
  const half = 1n << BigInt(bits - 1);
  return rest > half || (rest === half && (quotient & 1n) === 1n) ? quotient + 1n : quotient;
}

function inRange(value: LongDouble): boolean {
  const size = magnitude(value);
  return size <= MAX_EXPONENT && size > MIN_EXPONENT;
}

function magnitude({ mantissa, exponent }: LongDouble): number {
  return bitLength(mantissa) + exponent;
}

function bitLength(value: bigint): number {
  const size = value < 0n ? -value : value;
  if (size === 0n) return 0;
  const hexadecimal = size.toString(16);
  return 4 * hexadecimal.length - Math.clz32(Number.parseInt(hexadecimal.charAt(0), 16)) + 28;
}
