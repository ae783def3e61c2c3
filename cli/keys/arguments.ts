import { type ParseArgsConfig, parseArgs } from 'node:util';
import { Failure } from './failure.ts';

type Options = NonNullable<ParseArgsConfig['options']>;

/** What {@link readArguments} gives for these options. */
export type Arguments<O extends Options> = ReturnType<
  typeof parseArgs<{ readonly args: string[]; readonly options: O; readonly allowPositionals: true }>
>;

/** @throws Failure naming the option. */
export function readArguments<const O extends Options>(args: readonly string[], options: O): Arguments<O> {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    // Its texts name the option, and never a value; advice follows.
    const [problem] = error instanceof Error ? error.message.split(/\. |\n/) : [];
    throw new Failure(2, problem ?? 'Wrong arguments');
  }
}

/** @throws Failure when there is anything but options. */
export function wantNoMore(positionals: readonly string[]): void {
  if (positionals.length > 0) throw new Failure(2, 'There is an argument too many');
}

/** @throws Failure when it is to be printed in two ways. */
export function wantOneForm({ json, quiet }: { readonly json: boolean; readonly quiet: boolean }): void {
  if (json && quiet) throw new Failure(2, '--json and --quiet exclude each other');
}

const KEY = /[a-z][a-z0-9]{0,15}_[a-z][a-z0-9]{0,15}_[0-9a-z]{32,}/i;

/** Whether something in `text` looks like a key, of this prefix or another, also one with a typing error. */
export function mayHoldKey(text: string): boolean {
  return KEY.test(text);
}

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const MAX_MS = 36_525 * 86_400_000;

/** `30d`, `12h`, `15m` or `45s` in milliseconds. @throws Failure naming the option. */
export function readDuration(option: string, text: string): number {
  const [, count, unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const ms = Number(count) * (UNITS[unit] ?? Number.NaN);
  if (ms <= MAX_MS) return ms;
  throw new Failure(2, `${option} must be a whole number of s, m, h or d, such as 12h, of at most a hundred years`);
}
