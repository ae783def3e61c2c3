import { CommanderError } from 'commander';
import type { CommandIo } from './command.ts';
import { COMMANDS, SECTIONS } from './commands.ts';
import { Failure, toFailure } from './failure.ts';
import { mayHoldKey, NO_KEY_IN_ARGUMENTS } from './key-argument.ts';
import { createProgram } from './program.ts';

/**
 * Runs the command that the arguments name, and answers the exit status. What goes wrong is one line, and one more where
 * arguments were wrong. Nothing that was given is repeated: it may be a secret.
 */
export async function dispatch(args: readonly string[], io: CommandIo): Promise<number> {
  let status = 0;
  let path = '';
  const program = createProgram({
    sections: SECTIONS,
    io,
    args,
    entered: (words) => {
      path = ` ${words}`;
    },
    ended: (with_) => {
      status = with_;
    },
  });
  if (args.length === 0) {
    io.complain(program.helpInformation({ error: true }).trimEnd());
    return 2;
  }
  try {
    refuseKeys(args);
    await program.parseAsync(spelledOut(args), { from: 'user' });
    return status;
  } catch (error) {
    // Help, or the version: it has been printed.
    if (error instanceof CommanderError) return 0;
    const failure = toFailure(error, { stopped: io.stop.aborted });
    io.progress?.('');
    io.complain(failure.message);
    if (failure.status === 2) io.complain(`See breakwater${path} --help`);
    return failure.status;
  }
}

/** `help keys create` as `keys create --help`. What names no command is left to be refused. */
function spelledOut(args: readonly string[]): readonly string[] {
  if (args[0] !== 'help') return args;
  const words = args.filter((word) => word !== 'help' && !word.startsWith('-'));
  const [name, child] = words;
  const command = COMMANDS.find((one) => one.name === name);
  const isChild = command && 'commands' in command ? command.commands.some((one) => one.name === child) : true;
  const isKnown = name === undefined || (command !== undefined && (child === undefined || isChild));
  return isKnown ? [...words, '--help'] : words;
}

/** @throws Failure for what looks like an API key: all that run on this machine can see arguments, and a shell keeps them. */
function refuseKeys([name, ...args]: readonly string[]): void {
  const command = COMMANDS.find((one) => one.name === name);
  if (command && 'takesToken' in command && command.takesToken) return;
  if ([name ?? '', ...args].some(mayHoldKey)) throw new Failure(2, NO_KEY_IN_ARGUMENTS);
}
