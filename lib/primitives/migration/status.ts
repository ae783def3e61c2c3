import type { KvClient } from '../../client/kv-client.ts';
import { checkName, isMigrationName, migrationNames, registryName } from './migration-names.ts';
import { type MigrationMode, modeFrom } from './mode.ts';
import { type ChangeOptions, changeMode, type ModeChange } from './mode-change.ts';
import { readStanding, type Standing } from './standing.ts';
import { type MigrationTally, readTally } from './tally.ts';

/** Where a migration stands, and what all processes have counted of it. */
export interface MigrationStatus extends Standing, MigrationTally {
  readonly name: string;
}

/** `undefined` for a migration that no process has used here. Two requests. @throws ConfigError; as `kv.command` */
export async function readMigrationStatus(kv: KvClient, name: string): Promise<MigrationStatus | undefined> {
  const names = await migrationNames(kv, checkName(name));
  const standing = await readStanding(kv, names);
  if (!standing) return undefined;
  return { name, ...standing, ...(await readTally(kv, names, standing.period)) };
}

/** The names of all migrations and handovers that have been used here. One request. @throws as `kv.command` */
export async function listMigrations(kv: KvClient): Promise<readonly string[]> {
  const members = await kv.command(['SMEMBERS', registryName(kv)]);
  return (Array.isArray(members) ? members : []).map(String).filter(isMigrationName).sort();
}

/**
 * Changes the mode for all processes, who hear of it within twice their `refreshMs`. One request; is not repeated.
 *
 * @throws ConfigError; as `kv.command`
 */
export async function setMigrationMode(
  kv: KvClient,
  name: string,
  mode: MigrationMode,
  options: ChangeOptions = {},
): Promise<ModeChange> {
  const names = await migrationNames(kv, checkName(name));
  return changeMode(kv, names, modeFrom('mode', mode), options);
}
