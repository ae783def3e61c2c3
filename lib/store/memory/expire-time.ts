import { fitsInteger, toInteger } from './numbers.ts';
import { invalidExpireTime, ReplyError } from './reply-error.ts';

export type TimeUnit = 's' | 'ms';

export interface ExpireOption {
  readonly text: string;
  readonly unit: TimeUnit;
  /** A point in time rather than a span. */
  readonly absolute: boolean;
}

/** EX, PX, EXAT, PXAT by their names in upper case. */
export const EXPIRE_OPTIONS: ReadonlyMap<string, Omit<ExpireOption, 'text'>> = new Map([
  ['EX', { unit: 's', absolute: false }],
  ['PX', { unit: 'ms', absolute: false }],
  ['EXAT', { unit: 's', absolute: true }],
  ['PXAT', { unit: 'ms', absolute: true }],
]);

/**
 * The instant of SET … EX and its kin, which take positive times only. It may have passed.
 * @returns Unix milliseconds
 */
export function positiveExpireAt({ text, unit, absolute }: ExpireOption, now: number, command: string): number {
  const value = toInteger(text);
  const at = instant(value, unit, absolute, now);
  if (value <= 0n || at === undefined) throw invalidExpireTime(command);
  return at;
}

/** The instant of EXPIRE and its kin, which take any time that fits. */
export function anyExpireAt({ text, unit, absolute }: ExpireOption, now: number, command: string): number {
  const at = instant(toInteger(text), unit, absolute, now);
  if (at === undefined) throw invalidExpireTime(command);
  return at;
}

function instant(value: bigint, unit: TimeUnit, absolute: boolean, now: number): number | undefined {
  const span = unit === 's' ? value * 1000n : value;
  const at = absolute ? span : span + BigInt(Math.trunc(now));
  return fitsInteger(span) && fitsInteger(at) ? Number(at) : undefined;
}

export type ExpireCondition = (at: number, current: number | undefined) => boolean;

/** The NX, XX, GT and LT of EXPIRE: whether the new instant may be set. */
export function expireCondition(options: readonly string[]): ExpireCondition {
  const given = new Set<string>();
  for (const option of options) {
    const name = option.toUpperCase();
    if (!CONDITIONS.has(name)) throw new ReplyError(`ERR Unsupported option ${option}`);
    given.add(name);
  }
  if (given.has('NX') && given.size > 1) {
    throw new ReplyError('ERR NX and XX, GT or LT options at the same time are not compatible');
  }
  if (given.has('GT') && given.has('LT')) {
    throw new ReplyError('ERR GT and LT options at the same time are not compatible');
  }
  return (at, current) => [...given].every((name) => CONDITIONS.get(name)?.(at, current));
}

const CONDITIONS: ReadonlyMap<string, ExpireCondition> = new Map<string, ExpireCondition>([
  ['NX', (_at, current) => current === undefined],
  ['XX', (_at, current) => current !== undefined],
  // No expiry counts as the furthest one.
  ['GT', (at, current) => current !== undefined && at > current],
  ['LT', (at, current) => current === undefined || at < current],
]);
