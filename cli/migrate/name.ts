import { isMigrationName } from '../../lib/primitives/migration/migration-names.ts';
import { Failure } from '../failure.ts';

/** The name as it was given, if it was. @throws Failure for what is none */
export function readName(name: string | undefined): string | undefined {
  if (name === undefined || isMigrationName(name)) return name;
  throw new Failure(2, 'NAME must be 1 to 64 letters, digits, dots, dashes or underscores');
}

export const NO_SUCH_MIGRATION = 'No migration of that name has ever been used there';
