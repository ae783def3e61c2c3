import { clearCache } from './cache/clear.ts';
import { cacheStats } from './cache/stats.ts';
import type { CliCommand, CommandIo } from './command.ts';
import { Failure, toFailure } from './keys/failure.ts';

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

type Subcommand = (args: readonly string[], io: CommandIo) => Promise<number>;

const SUBCOMMANDS: Readonly<Record<string, Subcommand>> = { stats: cacheStats, clear: clearCache };

/** Caches from outside. */
export const cache: CliCommand = {
  summary: 'Show what caches have counted, and clear them',
  usage: USAGE,
  run,
};

async function run([name, ...args]: readonly string[], io: CommandIo): Promise<number> {
  try {
    const subcommand = name !== undefined && Object.hasOwn(SUBCOMMANDS, name) ? SUBCOMMANDS[name] : undefined;
    if (!subcommand) throw new Failure(2, 'Say stats or clear');
    return await subcommand(args, io);
  } catch (error) {
    const { status, message } = toFailure(error, { stopped: io.stop.aborted });
    io.complain(message);
    if (status === 2) io.complain('See breakwater cache --help');
    return status;
  }
}
