import type { KvClient } from '../../client/kv-client.ts';
import { KV_PREFIXES } from '../../client/redis-keys.ts';
import { ConfigError } from '../../errors.ts';
import { entityName } from '../names.ts';

/** What Redis keeps of one migration, in one slot. */
export interface MigrationNames {
  /** A hash: the mode, and all that belongs to it. Has no end: a mode that was forgotten would lead back. */
  readonly home: string;
  /** A hash of counters. */
  readonly tally: string;
  /** A list. */
  readonly digests: string;
}

/** @throws ConfigError for what is no name */
export function checkName(name: string): string {
  if (isMigrationName(name)) return name;
  throw new ConfigError('name', 'must be 1 to 64 letters, digits, dots, dashes or underscores');
}

export function isMigrationName(text: string): boolean {
  return /^[\w.-]{1,64}$/.test(text);
}

export async function migrationNames(kv: KvClient, name: string): Promise<MigrationNames> {
  const home = await entityName(kv, KV_PREFIXES.MIGRATION, name);
  return { home, tally: `${home}:tally`, digests: `${home}:digests` };
}

/** The set of the names of all migrations. */
export function registryName(kv: KvClient): string {
  return `${kv.namespace}${KV_PREFIXES.MIGRATION}names`;
}
