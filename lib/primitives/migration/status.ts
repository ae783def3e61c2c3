import type { KvClient } from '../../client/kv-client.ts';
import { ConfigError } from '../../errors.ts';
import { changeHandover, type HandoverChange, readHandover } from './handover-state.ts';
import { checkName, isMigrationName, migrationNames, registryName } from './migration-names.ts';
import { type MigrationMode, modeFrom, type SideName } from './mode.ts';
import { type ChangeOptions, changeMode, type ModeChange } from './mode-change.ts';
import { type MigrationKind, readStanding, type Standing } from './standing.ts';
import { type MigrationTally, readTally } from './tally.ts';

/** Where a migration stands, and what all processes have counted of it. */
export interface MigrationStatus extends Standing, MigrationTally {
  readonly name: string;
  readonly kind: MigrationKind;
}

/** `undefined` for a migration that no process has used here. Two requests. @throws ConfigError; as `kv.command` */
export async function readMigrationStatus(kv: KvClient, name: string): Promise<MigrationStatus | undefined> {
  const names = await migrationNames(kv, checkName(name));
  const standing = await readStanding(kv, names);
  if (!standing) return undefined;
  return { name, ...standing, ...(await readTally(kv, names, standing.period)) };
}

/** Where a handover stands. */
export interface HandoverStatus {
  readonly name: string;
  readonly kind: 'handover';
  /** `waiting`: nobody grants, until all has ended that `held` has granted. */
  readonly mode: SideName | 'waiting';
  /** The side that grants, or will. */
  readonly side: SideName;
  readonly epoch: number;
  /** When it was handed over, in Unix milliseconds of Redis; 0 for never. */
  readonly sinceAt: number;
  /** How long it still waits, in milliseconds. */
  readonly opensInMs: number;
}

/** `undefined` for what is no handover, or has not been used here. One request. @throws ConfigError; as `kv.command` */
export async function readHandoverStatus(kv: KvClient, name: string): Promise<HandoverStatus | undefined> {
  const looked = await readHandover(kv, await migrationNames(kv, checkName(name)));
  if (!looked) return undefined;
  const { side, epoch, sinceAt, opensAt } = looked.state;
  const opensInMs = Math.max(0, opensAt - looked.nowAt);
  return { name, kind: 'handover', mode: opensInMs > 0 ? 'waiting' : side, side, epoch, sinceAt, opensInMs };
}

/**
 * Hands the authority over to a side: what the other has granted is waited for. One request; is not repeated.
 *
 * @throws ConfigError; as `kv.command`
 */
export async function setHandover(kv: KvClient, name: string, side: SideName): Promise<HandoverChange> {
  if (side !== 'old' && side !== 'new') throw new ConfigError('side', 'must be old or new');
  return changeHandover(kv, await migrationNames(kv, checkName(name)), side);
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
