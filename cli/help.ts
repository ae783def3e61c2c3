import { type Command, Help, type HelpConfiguration } from 'commander';
import { type CliCommand, type CommandGroup, type Note, STATUSES } from './command.ts';

/** Longer lines are hard to read, however wide the terminal. */
const MAX_COLUMNS = 100;
/** Narrower than that text is not wrapped any more. */
const MIN_COLUMNS = 20;
const BOLD = '\u001b[1m';
const PLAIN = '\u001b[22m';

export function helpColumns(columns: number | undefined): number {
  return Math.min(columns ?? 80, MAX_COLUMNS);
}

/** How help is laid out: what commander says of a command, and below it examples, variables and exit statuses. */
export function helpLayout(command: CliCommand | CommandGroup | undefined): HelpConfiguration {
  return {
    minWidthToWrap: MIN_COLUMNS,
    visibleCommands: (parent) => parent.commands.slice(),
    subcommandTerm: (child) => child.name(),
    subcommandDescription: (child) => child.summary(),
    commandUsage: (child) => usageOf(child, command),
    optionDescription: (option) => option.description,
    styleTitle: (title) => `${BOLD}${title}${PLAIN}`,
    formatHelp(child, helper) {
      const parts = [new Help().formatHelp(child, helper).trimEnd()];
      if (command && 'options' in command) parts.push(...notesOf(command, helper));
      else parts.push(`Help about one of them: ${pathOf(child)} <command> --help`);
      return `${parts.join('\n\n')}\n`;
    },
  };
}

function notesOf({ examples, environment = [], statuses }: CliCommand, helper: Help): readonly string[] {
  const meanings = Object.entries({ ...STATUSES, ...statuses });
  return [
    [helper.styleTitle('Examples:'), ...examples.flatMap(([line, does]) => [`  # ${does}`, `  breakwater ${line}`])],
    section('Environment:', environment, helper),
    section('Exit status:', meanings, helper),
  ]
    .filter((lines) => lines.length > 1)
    .map((lines) => lines.join('\n'));
}

function section(title: string, notes: readonly Note[], helper: Help): readonly string[] {
  const width = Math.max(0, ...notes.map(([name]) => name.length));
  return [helper.styleTitle(title), ...notes.map(([name, meaning]) => helper.formatItem(name, width, meaning, helper))];
}

function usageOf(child: Command, command: CliCommand | CommandGroup | undefined): string {
  if (command === undefined || 'commands' in command) return `${pathOf(child)} <command> [options]`;
  const positionals = (command.positionals ?? []).map(({ name, missing }) => (missing ? name : `[${name}]`));
  const required = child.options.filter(({ mandatory }) => mandatory).map(({ flags }) => flags);
  return [pathOf(child), ...positionals, ...required, '[options]'].join(' ');
}

/** The words that call it. */
function pathOf(child: Command): string {
  return child.parent ? `${pathOf(child.parent)} ${child.name()}` : child.name();
}
