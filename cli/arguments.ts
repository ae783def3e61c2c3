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
