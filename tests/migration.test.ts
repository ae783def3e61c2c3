import { afterEach, describe, expect, it, vi } from 'vitest';
import { getDefaults } from '../lib/default-client.ts';
import { counterMigration, handover, recordMigration } from '../lib/migration.ts';
import { mapCounters, mapRecords } from '../lib/primitives/migration/records/map-records.ts';
import { setMigrationMode } from '../lib/primitives/migration/status.ts';
import { forgetDefaults, useDefaultEnvironment } from './support/default-environment.ts';

useDefaultEnvironment();
afterEach(() => {
  for (const name of ['users', 'usage', 'locks', 'user-records.2']) {
    Reflect.deleteProperty(globalThis, Symbol.for(`breakwater.migration.${name}.1`));
  }
});

const sides = () => ({ old: new Map<string, string>(), new: new Map<string, string>() });
const usersOn = (maps: ReturnType<typeof sides>, name = 'users') =>
  recordMigration<string>({ name, old: mapRecords(maps.old), new: mapRecords(maps.new) });

describe('a migration on the default client', () => {
  it('is made at first use, once for each name', async () => {
    vi.stubEnv('KV_STORE', 'nonsense');
    const users = usersOn(sides());
    expect(() => users()).toThrow('KV_STORE');
    vi.stubEnv('KV_STORE', 'memory');
    expect(users()).toBe(usersOn(sides())());
    expect(await users().get('k')).toBeUndefined();
  });

  it.each([
    ['users', 'BREAKWATER_MIGRATION_USERS'],
    ['user-records.2', 'BREAKWATER_MIGRATION_USER_RECORDS_2'],
  ])('begins with the mode that the environment says: %s', async (name, variable) => {
    vi.stubEnv(variable, 'dual:read-new');
    const maps = sides();
    await usersOn(maps, name)().set('k', 'v');
    expect([maps.old.get('k'), maps.new.get('k')]).toEqual(['v', 'v']);
    expect(usersOn(maps, name)().local().mode).toBe('dual:read-new');
  });

  it('names the variable that says no mode, never its value', () => {
    vi.stubEnv('BREAKWATER_MIGRATION_USERS', 'hunter2');
    expect(() => usersOn(sides())()).toThrow(/^BREAKWATER_MIGRATION_USERS must be old, dual:read-old,/);
    vi.stubEnv('BREAKWATER_MIGRATION_LOCKS', 'dual:read-new');
    vi.stubEnv('BREAKWATER_MIGRATION_USERS', '');
    expect(() => handover({ name: 'locks', longestTtlMs: 1_000 })()).toThrow(
      'BREAKWATER_MIGRATION_LOCKS must be old or new',
    );
  });
});

describe('with ENABLE_REDIS_CACHE=false', () => {
  it('records and counters are read from old at once, and both sides go on being written', async () => {
    vi.stubEnv('BREAKWATER_MIGRATION_USERS', 'dual:read-new');
    vi.stubEnv('BREAKWATER_MIGRATION_USAGE', 'dual:read-new');
    for (const enabled of ['true', 'false']) {
      vi.stubEnv('ENABLE_REDIS_CACHE', enabled);
      forgetDefaults();
      const maps = sides();
      await usersOn(maps)().set('k', 'v');
      expect([maps.old.get('k'), maps.new.get('k')]).toEqual(['v', 'v']);
      maps.old.set('k', 'of old');
      expect(await usersOn(maps)().get('k')).toBe(enabled === 'true' ? 'v' : 'of old');
      const counts = { old: new Map([['k', 5]]), new: new Map([['k', 7]]) };
      const usage = counterMigration({ name: 'usage', old: mapCounters(counts.old), new: mapCounters(counts.new) });
      expect(await usage().read('k')).toBe(enabled === 'true' ? 7 : 5);
      expect(await usage().increment('k')).toBe(enabled === 'true' ? 8 : 6);
      expect([counts.old.get('k'), counts.new.get('k')]).toEqual([6, 8]);
    }
  });

  it('what has been moved stays: new alone has what was written since', async () => {
    vi.stubEnv('ENABLE_REDIS_CACHE', 'false');
    vi.stubEnv('BREAKWATER_MIGRATION_USERS', 'new');
    const maps = sides();
    await usersOn(maps)().set('k', 'v');
    expect(await usersOn(maps)().get('k')).toBe('v');
    expect(maps.old.size).toBe(0);
  });

  it('what has one authority stays where it is', async () => {
    vi.stubEnv('ENABLE_REDIS_CACHE', 'false');
    vi.stubEnv('BREAKWATER_MIGRATION_LOCKS', 'new');
    const locks = handover({ name: 'locks', longestTtlMs: 1_000 });
    expect(await locks().choose()).toEqual({ status: 'new', epoch: 1 });
  });

  it('the mode is heard of all the same', async () => {
    vi.stubEnv('ENABLE_REDIS_CACHE', 'false');
    const users = usersOn(sides());
    await users().status();
    await setMigrationMode(getDefaults().kv, 'users', 'dual:read-old', { force: true });
    await users().status();
    expect(users().local().mode).toBe('dual:read-old');
  });
});
