import type { CliCommand, CommandIo } from './command.ts';
import { Failure, toFailure } from './failure.ts';

export type Subcommand = (args: readonly string[], io: CommandIo) => Promise<number>;

export interface SubcommandsOptions {
  /** Of the command that they belong to. */
  readonly name: string;
  readonly subcommands: Readonly<Record<string, Subcommand>>;
  /** Looks at all arguments before anything else does. @throws Failure */
  readonly check?: ((args: readonly string[]) => void) | undefined;
}

/** Runs the subcommand that the first argument names. What goes wrong is one line, and one more where arguments were. */
export function runSubcommand({ name, subcommands, check }: SubcommandsOptions): CliCommand['run'] {
  return async (args, io) => {
    const [word, ...rest] = args;
    try {
      check?.(args);
      const subcommand = word !== undefined && Object.hasOwn(subcommands, word) ? subcommands[word] : undefined;
      if (!subcommand) throw new Failure(2, `Say ${oneOf(Object.keys(subcommands))}`);
      return await subcommand(rest, io);
    } catch (error) {
      const { status, message } = toFailure(error, { stopped: io.stop.aborted });
      io.complain(message);
      if (status === 2) io.complain(`See breakwater ${name} --help`);
      return status;
    }
  };
}

function oneOf(words: readonly string[]): string {
  return `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}
