import type { CliCommand } from './command.ts';
import { setMigration } from './migrate/set.ts';
import { migrationStatus } from './migrate/status.ts';
import { runSubcommand, type Subcommand } from './subcommands.ts';

const USAGE = `breakwater migrate status [NAME] [--json]
       breakwater migrate set NAME MODE [--percent N] [--force] [--json]

  NAME       of one migration: all that have ever been used, for status without it
  MODE       old, dual:read-old, dual:read-percent, dual:read-new or new, one step at a
             time; old or new for a handover of what has one authority
  --percent  of all keys, how many are read from new with dual:read-percent: 1 to 99
  --force    whatever is said against it; not for a handover
  --json     print one JSON document

status prints the modes, and what all processes have counted, as far as they have told
Redis. set changes the mode for all of them; they hear of it within twice their refreshMs.
It refuses what could lose something: see docs/migration.md. The Redis is the one that the
environment names, as for the application.

Exit status: 0 done; 1 Redis could not be asked, or the mode may not be changed now; 2 wrong
arguments or environment; 3 no migration of that name has ever been used there.`;

const SUBCOMMANDS: Readonly<Record<string, Subcommand>> = { status: migrationStatus, set: setMigration };

/** Migrations from outside. */
export const migrate: CliCommand = {
  summary: 'Show where migrations stand, and move them on',
  usage: USAGE,
  run: runSubcommand({ name: 'migrate', subcommands: SUBCOMMANDS }),
};
