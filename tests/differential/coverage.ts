import { createChannels, publishCommand } from '../../lib/store/memory/channels.ts';
import { dataCommands } from '../../lib/store/memory/command-table.ts';
import { createScriptCache } from '../../lib/store/memory/script-cache.ts';
import { scriptCommands } from '../../lib/store/memory/scripts.ts';
import { isErrorReply } from '../../lib/store/store.ts';
import type { Exchange } from './comparison.ts';

/** How often something was compared, and how often it was answered by other than an error. */
interface Count {
  compared: number;
  answered: number;
}

export interface Coverage {
  note(name: string, { reply }: Exchange): void;
  /** Of the expected names, those never compared or never answered. */
  missing(): readonly string[];
  table(): string;
}

/** All that the memory store implements, subcommands as `script|load`. */
export const COMMANDS: readonly string[] = [
  ...dataCommands,
  publishCommand(createChannels()),
  ...scriptCommands({ cache: createScriptCache(), lua: undefined, call: () => null }),
].map(({ name }) => name);

const CONTAINERS = new Set(COMMANDS.flatMap((name) => (name.includes('|') ? [name.split('|')[0]] : [])));

/** A command as the table of commands calls it. */
export function commandName([name, second = '']: Exchange['command']): string {
  const lower = name.toLowerCase();
  return CONTAINERS.has(lower) ? `${lower}|${String(second).toLowerCase()}` : lower;
}

export function createCoverage(expected: readonly string[]): Coverage {
  const counts = new Map<string, Count>(expected.map((name) => [name, { compared: 0, answered: 0 }]));
  return {
    note(name, { reply }) {
      const count = counts.get(name);
      if (count === undefined) return;
      count.compared += 1;
      if (!isErrorReply(reply)) count.answered += 1;
    },
    missing: () => [...counts].flatMap(([name, { answered }]) => (answered === 0 ? [name] : [])),
    table: () => columns([...counts].map(([name, { compared, answered }]) => `${name} ${compared}/${answered}`)),
  };
}

const WIDTH = 130;

function columns(cells: readonly string[]): string {
  const width = Math.max(...cells.map((cell) => cell.length)) + 2;
  const perRow = Math.max(1, Math.floor(WIDTH / width));
  const rows = Array.from({ length: Math.ceil(cells.length / perRow) }, (_, row) =>
    cells
      .slice(row * perRow, (row + 1) * perRow)
      .map((cell) => cell.padEnd(width))
      .join('')
      .trimEnd(),
  );
  return rows.join('\n');
}
