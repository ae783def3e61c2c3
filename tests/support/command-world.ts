import type { CliCommand } from '../../cli/command.ts';
import { COMMANDS } from '../../cli/commands.ts';
import { createCache } from '../../lib/cache/cache.ts';
import { createKv } from '../../lib/client/kv-client.ts';
import { createApiKeys } from '../../lib/keys/api-keys.ts';
import { createRecordMigration } from '../../lib/primitives/migration/record-migration.ts';
import { mapRecords } from '../../lib/primitives/migration/records/map-records.ts';
import type { Store } from '../../lib/store/store.ts';

/** All commands, by the words that call them. */
export const LEAVES: readonly (readonly [path: string, command: CliCommand])[] = COMMANDS.flatMap((one) =>
  'commands' in one
    ? one.commands.map((command) => [`${one.name} ${command.name}`, command] as const)
    : [[one.name, one] as const],
);

const NUMBERS = ['--limit', '9', '--window', '60s'];

/**
 * What each command is given so that it works on what {@link furnish} has put there. Keys are read from standard input or
 * from the environment.
 */
export const COMMAND_LINES: Readonly<Record<string, readonly (readonly string[])[]>> = {
  'keys create': [
    ['--owner', 'acme', '--init'],
    ['--owner', 'acme', '--init', '--limit', 'key=9/60000', '--json'],
  ],
  'keys list': [[], ['--all'], ['--json']],
  'keys show': [['-'], ['--from-env', '--json']],
  'keys usage': [['-'], ['--from-env', '--json']],
  'keys rotate': [
    ['-', '--grace', '1h'],
    ['-', '--quiet', '--grace', '1h'],
    ['--from-env', '--json', '--grace', '1h'],
  ],
  'keys revoke': [['-'], ['--from-env', '--json']],
  'limits peek': [
    ['key', '-', ...NUMBERS],
    ['key', '--from-env', '--json', ...NUMBERS],
  ],
  'limits reset': [
    ['key', '-'],
    ['key', '--from-env', '--json'],
  ],
  'cache stats': [[], ['jobs', '--json']],
  'cache clear': [['jobs'], ['jobs', '--json']],
  'migrate status': [[], ['users', '--json']],
  'migrate set': [
    ['users', 'old'],
    ['users', 'old', '--json'],
  ],
  doctor: [[], ['--json']],
  bench: [
    ['--requests', '3'],
    ['--requests', '3', '--json'],
  ],
  dev: [
    ['--port', '0'],
    ['--port', '0', '--json'],
  ],
};

/** Puts something there for each command, and answers a key. */
export async function furnish(
  store: Store,
  pepper: { readonly kid: string; readonly secret: string },
): Promise<string> {
  const kv = createKv({ store });
  await createCache<string>({ kv, namespace: 'jobs', ttlMs: 60_000 }).set('k', 'v');
  const sides = { old: mapRecords(new Map<string, string>()), new: mapRecords(new Map<string, string>()) };
  await createRecordMigration<string>({ kv, name: 'users', ...sides }).set('k', 'v');
  const limits = { key: { limit: 9, windowMs: 60_000 } };
  const { key } = await createApiKeys({ kv, pepper }).create({ owner: 'acme', scopes: ['read'], limits });
  return key;
}
