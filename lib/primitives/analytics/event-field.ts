import { isObject, readJson } from '../../client/json.ts';
import { DAY_MS, isoDay } from '../../clock.ts';
import { ConfigError } from '../../errors.ts';

/** What an event is counted by. Each combination of values is a counter of its own. */
export type Dimensions = Readonly<Record<string, string | number | boolean>>;

/** A counter as the database has it. */
export interface EventRow {
  /** `2026-11-21` */
  readonly day: string;
  readonly event: string;
  /** JSON, with values that are all text. */
  readonly dimensions: string;
}

const EVENT = /^[a-z][\w.:-]{0,63}$/i;
const DIMENSION = /^[a-z][\w.:-]{0,31}$/i;
const MAX_DIMENSIONS = 8;
/** As JSON, in UTF-16 units: three bytes each at most, which an index of PostgreSQL can hold. */
const MAX_LENGTH = 512;
/** PostgreSQL keeps no NUL in a text, and no lone surrogate; others would only make two texts look alike. */
const UNFIT = /[\p{Cc}\p{Cs}]/u;

/**
 * The name of the counter of an event on a day: the same for the same dimensions, in whatever order they came.
 *
 * @throws ConfigError naming the argument
 */
export function eventField(now: number, event: string, dimensions: Dimensions): string {
  if (!EVENT.test(event)) {
    throw new ConfigError(
      'event',
      'must be 1 to 64 letters, digits, dots, dashes, underscores and colons, first a letter',
    );
  }
  const names = Object.keys(dimensions).sort();
  if (names.length > MAX_DIMENSIONS) throw new ConfigError('dimensions', `must be at most ${MAX_DIMENSIONS}`);
  if (!names.every((name) => DIMENSION.test(name))) {
    throw new ConfigError(
      'dimensions',
      'must have names of 1 to 32 letters, digits, dots, dashes, underscores and colons, first a letter',
    );
  }
  const values = Object.fromEntries(names.map((name) => [name, valueText(dimensions[name])]));
  if (JSON.stringify(values).length > MAX_LENGTH) {
    throw new ConfigError('dimensions', `must be at most ${MAX_LENGTH} characters as JSON`);
  }
  return JSON.stringify([Math.floor(now / DAY_MS), event, values]);
}

/** What a counter is of; `undefined` where its name is none of ours. */
export function readEventField(field: string): EventRow | undefined {
  const parts = readJson(field);
  if (!Array.isArray(parts) || parts.length !== 3) return undefined;
  const [day, event, values]: readonly unknown[] = parts;
  if (typeof day !== 'number' || !Number.isInteger(day) || day < 0 || day > 100_000) return undefined;
  if (typeof event !== 'string' || !EVENT.test(event) || !isObject(values)) return undefined;
  const dimensions = JSON.stringify(values);
  const isFit = Object.values(values).every((value) => typeof value === 'string' && !UNFIT.test(value));
  if (!isFit || dimensions.length > MAX_LENGTH || !Object.keys(values).every((name) => DIMENSION.test(name))) {
    return undefined;
  }
  return { day: isoDay(day * DAY_MS), event, dimensions };
}

function valueText(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value === 'string' && !UNFIT.test(value)) return value;
  throw new ConfigError(
    'dimensions',
    'must have values that are numbers, booleans, or texts without control characters',
  );
}
