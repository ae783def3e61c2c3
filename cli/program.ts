import { Argument, Command, type CommanderError, Option as ParserOption } from 'commander';
import type { CliCommand, CommandGroup, CommandIo, Positional } from './command.ts';
import { Failure } from './failure.ts';
import { helpColumns, helpLayout } from './help.ts';
import { flagOf, type Option } from './option.ts';
import { parseFailure } from './parse-failure.ts';
import { packageVersion } from './version.ts';

export interface ProgramOptions {
  /** Under the titles that help has them under. */
  readonly sections: readonly (readonly [title: string, commands: readonly (CliCommand | CommandGroup)[]])[];
  readonly io: CommandIo;
  /** As they were given. */
  readonly args: readonly string[];
  /** Told which command is meant, by the words that call it, as soon as that is known. */
  entered(path: string): void;
  /** Told how a command ended. */
  ended(status: number): void;
}

const ABOUT =
  'The front door of web applications that stays open when its Redis does not. All commands but dev work on the Redis that the environment names, as the application does.';

/** The commands as commander parses them. It prints through `io`, ends no process, and throws a Failure of our words. */
export function createProgram(options: ProgramOptions): Command {
  const program = settled(new Command('breakwater'), undefined, options)
    .description(ABOUT)
    .version(packageVersion(), '-v, --version', 'print the version')
    .helpCommand('help', 'explain a command')
    // What follows a command is that command's, as a value too.
    .enablePositionalOptions();
  for (const [title, commands] of options.sections) {
    for (const one of commands) {
      const command = 'commands' in one ? groupOf(one, options) : commandOf(one, one.name, options);
      program.addCommand(command.helpGroup(title));
    }
  }
  return program;
}

function groupOf(group: CommandGroup, options: ProgramOptions): Command {
  const parent = settled(new Command(group.name), group, options)
    .summary(group.summary)
    .description(group.description)
    .helpCommand(false);
  for (const one of group.commands) parent.addCommand(commandOf(one, `${group.name} ${one.name}`, options));
  return parent;
}

function commandOf(declared: CliCommand, path: string, options: ProgramOptions): Command {
  const command = settled(new Command(declared.name), declared, options)
    .summary(declared.summary)
    .description(declared.description)
    .allowExcessArguments(false);
  for (const positional of declared.positionals ?? []) command.addArgument(argumentOf(positional));
  for (const [name, option] of Object.entries(declared.options)) {
    command.addOption(optionOf(name, option, options.args, () => options.entered(path)));
  }
  return command.action(async () => {
    options.entered(path);
    options.ended(await declared.run({ options: command.opts(), positionals: command.args }, options.io));
  });
}

function argumentOf({ name, description, missing }: Positional): Argument {
  return new Argument(missing === undefined ? `[${name}]` : `<${name}>`, description);
}

function optionOf(name: string, option: Option<unknown>, args: readonly string[], entered: () => void): ParserOption {
  const { placeholder, description, initial, isRequired = false, excludes } = option;
  const flag = flagOf(name);
  const parsed = new ParserOption(placeholder === undefined ? flag : `${flag} <${placeholder}>`, description);
  if (isRequired) parsed.makeOptionMandatory();
  else parsed.default(initial);
  if (excludes !== undefined) parsed.conflicts(excludes);
  if (placeholder === undefined) return parsed;
  return parsed.argParser<unknown>((given, before) => {
    entered();
    // Commander takes whatever comes next, also what was meant to be the next option. After a `=` it is what was meant.
    if (/^--[a-z]/.test(given) && !args.includes(`${flag}=${given}`)) throw new Failure(2, `${flag} needs a value`);
    return option.read(given, flag, before);
  });
}

/** What all commands have in common. */
function settled(command: Command, declared: CliCommand | CommandGroup | undefined, options: ProgramOptions): Command {
  const { io, entered } = options;
  const path = (of: Command): string => (of.parent?.parent ? `${of.parent.name()} ${of.name()}` : of.name());
  return command
    .helpOption('-h, --help', 'show this')
    .configureHelp(helpLayout(declared))
    .configureOutput({
      writeOut: (text) => io.print(text.trimEnd()),
      // What goes wrong is said once, in our words.
      writeErr: () => undefined,
      getOutHelpWidth: () => helpColumns(io.terminal?.columns),
      getOutHasColors: () => io.terminal?.colours ?? false,
      getErrHelpWidth: () => helpColumns(undefined),
      getErrHasColors: () => false,
    })
    .exitOverride((error: CommanderError) => {
      if (declared) entered(path(command));
      throw error.exitCode === 0 ? error : parseFailure(error, declared);
    });
}
