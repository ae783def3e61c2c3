import { ConfigError } from '../errors.ts';

/** `value`, where it is a whole number within bounds. @throws ConfigError naming the option */
export function wholeNumber(option: string, value: number, least: number, most: number): number {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
  throw new ConfigError(option, `must be a whole number from ${least} to ${most}, got ${value}`);
}
