import type { CommandGroup } from './command.ts';
import { setMigration } from './migrate/set.ts';
import { migrationStatus } from './migrate/status.ts';

/** Migrations from outside. */
export const migrate: CommandGroup = {
  name: 'migrate',
  summary: 'Show where migrations stand, and move them on',
  description: 'Migrations of data from one store to another, from outside: see docs/migration.md.',
  commands: [migrationStatus, setMigration],
};
