import { type MigrationMode, modeFrom } from '../primitives/migration/mode.ts';
import { type Read, underName } from './variables.ts';

/** The modes that variables name, by the name of the variable. */
export type MigrationModes = ReadonlyMap<string, MigrationMode>;

const PREFIX = 'BREAKWATER_MIGRATION_';

/** The variable that says with which mode a migration begins: `BREAKWATER_MIGRATION_USER_RECORDS` for `user-records`. */
export function migrationVariable(name: string): string {
  return PREFIX + name.toUpperCase().replace(/[^A-Z0-9]/g, '_');
}

/** @param names of all variables @throws ConfigError naming the variable */
export function readMigrationModes(names: readonly string[], read: Read): MigrationModes {
  const modes = new Map<string, MigrationMode>();
  for (const variable of names.filter((name) => name.startsWith(PREFIX))) {
    const text = read(variable);
    if (text === undefined) continue;
    underName({ mode: variable }, () => modes.set(variable, modeFrom('mode', text)));
  }
  return modes;
}
