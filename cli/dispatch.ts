import { cache } from './cache.ts';
import type { CliCommand, CommandIo } from './command.ts';
import { dev } from './dev.ts';
import { keys } from './keys.ts';
import { migrate } from './migrate.ts';

const COMMANDS: Readonly<Record<string, CliCommand>> = { cache, dev, keys, migrate };
/** What is longer may be anything, a key too, and is not repeated. */
const MAX_NAME = 32;

/** Runs the subcommand that the first argument names. Answers the exit status. */
export async function dispatch([name, ...args]: readonly string[], io: CommandIo): Promise<number> {
  if (name === '--help' || name === '-h' || name === 'help') {
    io.print(usage());
    return 0;
  }
  const command = name !== undefined && Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) {
    const said = name === undefined || name.length > MAX_NAME ? 'Unknown command' : `Unknown command: ${name}`;
    io.complain(name === undefined ? usage() : `${said}\n\n${usage()}`);
    return 2;
  }
  if (!args.includes('--help') && !args.includes('-h')) return command.run(args, io);
  io.print(`${command.summary}.\n\nUsage: ${command.usage}`);
  return 0;
}

function usage(): string {
  const lines = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(10)}${summary}`);
  return [
    'Usage: breakwater <command> [options]',
    '',
    'Commands:',
    ...lines,
    '',
    'breakwater <command> --help shows its options.',
  ].join('\n');
}
