import { bench } from './bench.ts';
import { cache } from './cache.ts';
import type { CliCommand, CommandGroup } from './command.ts';
import { dev } from './dev.ts';
import { doctor } from './doctor.ts';
import { keys } from './keys.ts';
import { limits } from './limits.ts';
import { migrate } from './migrate.ts';

type Commands = readonly (CliCommand | CommandGroup)[];

/** All that `breakwater` can do, under the titles and in the order of its help. */
export const SECTIONS: readonly (readonly [title: string, commands: Commands])[] = [
  ['What an application keeps in Redis:', [keys, limits, cache, migrate]],
  ['The Redis itself:', [doctor, bench]],
  ['Development:', [dev]],
];

export const COMMANDS: Commands = SECTIONS.flatMap(([, commands]) => commands);
