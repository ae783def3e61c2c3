import { FieldError } from './field-error.ts';

const ISO = /^(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,9})?)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/;
/** A hundred years. */
const MAX_SECONDS = 36_525 * 86_400;

/**
 * When a key expires, in Unix milliseconds: at `expiresAt`, in milliseconds or as ISO 8601 with its zone, or in
 * `expiresInSeconds` from `now`. `undefined` for never.
 *
 * @throws FieldError
 */
export function readExpiry(expiresAt: unknown, expiresInSeconds: unknown, now: number): number | undefined {
  if (expiresInSeconds === undefined) return expiresAt === undefined ? undefined : readInstant(expiresAt);
  if (expiresAt !== undefined) throw new FieldError('expiresInSeconds', 'cannot stand beside expiresAt');
  const isWhole = typeof expiresInSeconds === 'number' && Number.isSafeInteger(expiresInSeconds);
  if (!isWhole || expiresInSeconds < 1 || expiresInSeconds > MAX_SECONDS) {
    throw new FieldError('expiresInSeconds', `must be a whole number from 1 to ${MAX_SECONDS}`);
  }
  return now + expiresInSeconds * 1_000;
}

function readInstant(value: unknown): number {
  const instant = typeof value === 'string' ? parseIso(value) : value;
  if (typeof instant === 'number' && Number.isSafeInteger(instant)) return instant;
  throw new FieldError('expiresAt', 'must be Unix milliseconds, or a date and time with its zone as ISO 8601 has it');
}

/** `Date.parse` by itself takes other forms too, reads one without zone as local time, and 31 February as 3 March. */
function parseIso(text: string): number | undefined {
  const [, year, month, day] = ISO.exec(text)?.map(Number) ?? [];
  if (year === undefined || month === undefined || day === undefined) return undefined;
  const date = new Date(Date.UTC(year, month - 1, day));
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day ? Date.parse(text) : undefined;
}
