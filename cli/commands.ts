import { bench } from './bench.ts';
import { cache } from './cache.ts';
import type { CliCommand, CommandGroup } from './command.ts';
import { dev } from './dev.ts';
import { doctor } from './doctor.ts';
import { keys } from './keys.ts';
import { limits } from './limits.ts';
import { migrate } from './migrate.ts';

/** All that `breakwater` can do, in the order of its help. */
export const COMMANDS: readonly (CliCommand | CommandGroup)[] = [keys, limits, cache, migrate, doctor, bench, dev];
