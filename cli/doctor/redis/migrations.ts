import { createKv } from '../../../lib/client/kv-client.ts';
import { DAY_MS } from '../../../lib/clock.ts';
import { isKvError } from '../../../lib/errors.ts';
import { listMigrations, readMigrationStatus } from '../../../lib/primitives/migration/status.ts';
import type { Check, OnlineContext } from '../check.ts';
import { finding, ok, type Said, skipped } from '../finding.ts';

/** As many are looked at. */
const MOST = 10;
const LEFT_DAYS = 30;

/** Migrations that are between two sides: each write is made twice, and each is a reason to look. */
export const migrationsCheck: Check<OnlineContext> = {
  name: 'migrations',
  group: 'Data',
  async run({ redis, settings, refused, now }): Promise<readonly Said[]> {
    if (refused.has('BREAKWATER_NAMESPACE')) return [skipped('where they stand is not known: see settings')];
    const kv = createKv({ store: redis.store, namespace: settings.namespace });
    const names = await listMigrations(kv).catch(deniedOnly);
    if (names === undefined) return [skipped('they may not be looked at')];
    const said: Said[] = [];
    for (const name of names.slice(0, MOST)) {
      const status = await readMigrationStatus(kv, name);
      if (!status || !/^dual/.test(status.mode)) continue;
      const days = Math.floor((now() - status.sinceAt) / DAY_MS);
      const what = `Migration ${name} has been at ${status.mode} for ${days < 1 ? 'less than a day' : `${days} days`}`;
      const fix = 'See how it stands, and move it on with breakwater migrate set';
      const code = days >= LEFT_DAYS ? 'migration-left' : 'migration-underway';
      said.push(finding(code, what, fix, `npx breakwater migrate status ${name}`));
    }
    return said.length > 0 ? said : [ok(names.length === 0 ? 'none' : `${names.length}, none between two sides`)];
  },
};

/** What is not permitted is for another check to tell. */
function deniedOnly(error: unknown): undefined {
  if (!isKvError(error) || error.code !== 'STORE' || error.kind !== 'auth') throw error;
}
