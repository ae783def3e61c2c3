import type { CommanderError } from 'commander';
import type { CliCommand, CommandGroup } from './command.ts';
import { Failure } from './failure.ts';
import { flagOf } from './option.ts';

/** What was wrong with a command line, in our words: commander's quote what was given, which may be a secret. */
export function parseFailure(
  { code, message }: CommanderError,
  command: CliCommand | CommandGroup | undefined,
): Failure {
  return new Failure(2, wordsFor(code, message, command));
}

function wordsFor(code: string, message: string, command: CliCommand | CommandGroup | undefined): string {
  const isLeaf = command !== undefined && 'options' in command;
  const [first = '', second = ''] = isLeaf ? flagsIn(message, command) : [];
  switch (code) {
    case 'commander.unknownOption':
      return first === '' ? `There is no such option${suggestionIn(message)}` : `${first} takes no value`;
    case 'commander.optionMissingArgument':
      return `${first} needs a value`;
    case 'commander.missingMandatoryOptionValue':
      return `${first} must be given`;
    case 'commander.conflictingOption':
      return `${first} and ${second} exclude each other`;
    case 'commander.excessArguments':
      return 'There is an argument too many';
    case 'commander.missingArgument':
      return missingIn(message, isLeaf ? command : undefined);
    default:
      if (command && !isLeaf) return `Say ${oneOf(command.commands.map(({ name }) => name))}${suggestionIn(message)}`;
      return `There is no such command${suggestionIn(message)}`;
  }
}

/** The options of `command` that are named between quotes, in the order in which it declares them. */
function flagsIn(message: string, command: CliCommand): readonly string[] {
  const quoted = new Set([...message.matchAll(/'(--[a-z-]+)(?=[ '=])/g)].map(([, flag]) => flag));
  return Object.keys(command.options)
    .map(flagOf)
    .filter((flag) => quoted.has(flag));
}

function missingIn(message: string, command: CliCommand | undefined): string {
  const positional = command?.positionals?.find(({ name }) => message.includes(`'${name}'`));
  return positional?.missing ?? 'There is an argument missing';
}

/** What commander makes of the names that it knows; it puts them last. */
function suggestionIn(message: string): string {
  const [, names] = /\n\(Did you mean ([a-z, -]+)\?\)$/.exec(message) ?? [];
  return names === undefined ? '' : `. Did you mean ${names}?`;
}

function oneOf(words: readonly string[]): string {
  return words.length === 1 ? (words[0] ?? '') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}
