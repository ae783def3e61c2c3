import { clearCache } from './cache/clear.ts';
import { cacheStats } from './cache/stats.ts';
import type { CliCommand } from './command.ts';
import { runSubcommand, type Subcommand } from './subcommands.ts';

const USAGE = `breakwater cache stats [NAMESPACE] [--json]
       breakwater cache clear NAMESPACE [--json]

  NAMESPACE  of one cache: all that have ever written, for stats without it
  --json     print one JSON document

stats prints what all processes have counted, as far as they have told Redis: they do at
most every 10 seconds, and while there is traffic. clear ends all entries at once, whatever
their number. Neither looks for keys. The Redis is the one that the environment names, as
for the application.

Exit status: 0 done; 1 Redis could not be asked; 2 wrong arguments or environment; 3 no
cache of that name has ever written there.`;

const SUBCOMMANDS: Readonly<Record<string, Subcommand>> = { stats: cacheStats, clear: clearCache };

/** Caches from outside. */
export const cache: CliCommand = {
  summary: 'Show what caches have counted, and clear them',
  usage: USAGE,
  run: runSubcommand({ name: 'cache', subcommands: SUBCOMMANDS }),
};
