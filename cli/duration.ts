import { Failure } from './failure.ts';

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const MAX_MS = 36_525 * 86_400_000;

/** `30d`, `12h`, `15m` or `45s` in milliseconds. @throws Failure naming the option. */
export function readDuration(option: string, text: string): number {
  const [, count, unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const ms = Number(count) * (UNITS[unit] ?? Number.NaN);
  if (ms <= MAX_MS) return ms;
  throw new Failure(2, `${option} must be a whole number of s, m, h or d, such as 12h, of at most a hundred years`);
}
