import { migrationVariable } from './config.ts';
import { type Defaults, onDefaultClient } from './default-client.ts';
import { ConfigError } from './errors.ts';
import {
  type CounterMigration,
  type CounterMigrationOptions,
  createCounterMigration,
} from './primitives/migration/counter-migration.ts';
import { createHandover, type Handover, type HandoverOptions } from './primitives/migration/handover.ts';
import type {
  MigrationSettings,
  RecordMigration,
  RecordMigrationOptions,
} from './primitives/migration/migration-options.ts';
import { createRecordMigration } from './primitives/migration/record-migration.ts';

/** What the environment says of a migration. */
type FromEnvironment = 'kv' | 'readOld';

/**
 * As `createRecordMigration`, on the default client, which is made at first use: one for each name. It begins with the mode
 * that `BREAKWATER_MIGRATION_<NAME>` says, unless the options say it; with `ENABLE_REDIS_CACHE=false` everything is read from
 * old while both sides are written.
 */
export function recordMigration<V>(
  options: Omit<RecordMigrationOptions<V>, FromEnvironment>,
): () => RecordMigration<V> {
  return onDefaultClient(`migration.${options.name}`, (defaults) =>
    createRecordMigration<V>({ ...options, ...settingsOf(options, defaults) }),
  );
}

/** As {@link recordMigration}, of counters. */
export function counterMigration(options: Omit<CounterMigrationOptions, FromEnvironment>): () => CounterMigration {
  return onDefaultClient(`migration.${options.name}`, (defaults) =>
    createCounterMigration({ ...options, ...settingsOf(options, defaults) }),
  );
}

/**
 * As `createHandover`, on the default client, which is made at first use: one for each name. It begins with the side that
 * `BREAKWATER_MIGRATION_<NAME>` says, `old` or `new`, and stays where it is with `ENABLE_REDIS_CACHE=false`.
 */
export function handover(options: Omit<HandoverOptions, 'kv'>): () => Handover {
  return onDefaultClient(`migration.${options.name}`, (defaults) => {
    const { kv, initial = 'old' } = settingsOf(options, defaults);
    if (initial !== 'old' && initial !== 'new')
      throw new ConfigError(migrationVariable(options.name), 'must be old or new');
    return createHandover({ ...options, kv, initial });
  });
}

function settingsOf(
  { name, initial }: Pick<MigrationSettings, 'name' | 'initial'>,
  { kv, settings }: Defaults,
): Pick<MigrationSettings, FromEnvironment | 'initial'> {
  return {
    kv,
    readOld: !settings.redisCache,
    initial: initial ?? settings.migrations.get(migrationVariable(name)),
  };
}
