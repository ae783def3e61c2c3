import { NOT_A_FLOAT, NOT_AN_INTEGER, ReplyError } from './reply-error.ts';

const MAX_INTEGER = 2n ** 63n - 1n;
const MIN_INTEGER = -(2n ** 63n);

// No sign but a minus, no blanks, no leading zero, no `-0`: `string2ll` of Redis.
const INTEGER = /^(?:0|-?[1-9]\d{0,18})$/;
const DECIMAL = /^([+-]?)(?:(\d+)(?:\.(\d*))?|\.(\d+))(?:[eE]([+-]?\d+))?$/;
const HEXADECIMAL = /^([+-]?)0[xX](?:([\da-fA-F]+)(?:\.([\da-fA-F]*))?|\.([\da-fA-F]+))(?:[pP]([+-]?\d+))?$/;
const INFINITE = /^([+-]?)inf(?:inity)?$/i;

/** Redis reads a long double from a buffer of this size; it bounds the work here too. */
const MAX_NUMERAL = 5_119;

/** What C's `strtod` reads, exactly: `sign × digits × radix ^ exponent`. */
export type Numeral =
  | { readonly finite: false; readonly negative: boolean }
  | {
      readonly finite: true;
      readonly negative: boolean;
      readonly digits: bigint;
      readonly radix: 2 | 10;
      readonly exponent: number;
    };

export function fitsInteger(value: bigint): boolean {
  return value >= MIN_INTEGER && value <= MAX_INTEGER;
}

/** A signed 64-bit integer as Redis stores them. */
export function parseInteger(text: string): bigint | undefined {
  if (!INTEGER.test(text)) return undefined;
  const value = BigInt(text);
  return fitsInteger(value) ? value : undefined;
}

export function toInteger(text: string, refusal: string = NOT_AN_INTEGER): bigint {
  const value = parseInteger(text);
  if (value === undefined) throw new ReplyError(refusal);
  return value;
}

/** As {@link toInteger}, for positions and counts: beyond 2^53 only the magnitude matters. */
export function toIndex(text: string, refusal: string = NOT_AN_INTEGER): number {
  return Number(toInteger(text, refusal));
}

export function toCount(text: string, refusal: string): number {
  const count = toIndex(text, refusal);
  if (count < 0) throw new ReplyError(refusal);
  return count;
}

export function parseNumeral(text: string): Numeral | undefined {
  if (text.length > MAX_NUMERAL) return undefined;
  const infinite = INFINITE.exec(text);
  if (infinite) return { finite: false, negative: infinite[1] === '-' };
  const hexadecimal = HEXADECIMAL.exec(text);
  const match = hexadecimal ?? DECIMAL.exec(text);
  if (!match) return undefined;
  const [, sign, whole = '', fraction = '', bare = '', exponent = '0'] = match;
  const places = fraction.length + bare.length;
  return {
    finite: true,
    negative: sign === '-',
    digits: BigInt((hexadecimal ? '0x' : '') + whole + fraction + bare),
    radix: hexadecimal ? 2 : 10,
    exponent: Number(exponent) - (hexadecimal ? 4 * places : places),
  };
}

/** `strtod` over all of the text: out of range gives an infinity or zero. */
function readDouble(text: string): number | undefined {
  const numeral = parseNumeral(text);
  if (numeral === undefined) return undefined;
  const sign = numeral.negative ? -1 : 1;
  if (!numeral.finite) return sign * Number.POSITIVE_INFINITY;
  if (numeral.radix === 10) return Number(text);
  return sign * Number(numeral.digits) * 2 ** numeral.exponent;
}

export function toDouble(text: string): number {
  const value = readDouble(text);
  const numeral = parseNumeral(text);
  if (value === undefined || numeral === undefined) throw new ReplyError(NOT_A_FLOAT);
  const outOfRange = numeral.finite && (!Number.isFinite(value) || (value === 0 && numeral.digits !== 0n));
  if (outOfRange) throw new ReplyError(NOT_A_FLOAT);
  return value;
}

/** The ends of score ranges are read more leniently: blanks before, nothing at all, any magnitude. */
export function parseBound(text: string): number | undefined {
  const trimmed = text.replace(/^[ \t\n\v\f\r]+/, '');
  return trimmed === '' ? (text === '' ? 0 : undefined) : readDouble(trimmed);
}

/** `%.17g`, the form in which Redis 7.0 answers doubles. */
export function formatDouble(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  return formatSignificant(value, 17);
}

/** `%.{count}g` of a finite number other than zero. */
export function formatSignificant(value: number, count: number): string {
  const [mantissa = '', power = '0'] = roundedHalfEven(value, count).split('e');
  const exponent = Number(power);
  if (exponent < -4 || exponent >= count) {
    const size = String(Math.abs(exponent)).padStart(2, '0');
    return `${trimZeros(mantissa)}e${exponent < 0 ? '-' : '+'}${size}`;
  }
  const sign = value < 0 ? '-' : '';
  const digits = mantissa.replace(/[-.]/g, '');
  if (exponent < 0) return trimZeros(`${sign}0.${'0'.repeat(-exponent - 1)}${digits}`);
  return trimZeros(`${sign}${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`);
}

/** `toExponential` of `count` digits, which resolves ties away from zero where C takes the even digit. */
function roundedHalfEven(value: number, count: number): string {
  const rounded = value.toExponential(count - 1);
  // Enough digits to see a tie for what it is.
  const [mantissa = '', power] = value.toExponential(100).split('e');
  const end = mantissa.indexOf('.') + count;
  const isTie = /^50*$/.test(mantissa.slice(end));
  return isTie && /[13579]e/.test(rounded) ? `${mantissa.slice(0, end)}e${power}` : rounded;
}

function trimZeros(text: string): string {
  return text.includes('.') ? text.replace(/0+$/, '').replace(/\.$/, '') : text;
}
