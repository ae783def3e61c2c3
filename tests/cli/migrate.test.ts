import { describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import { createHandover } from '../../lib/primitives/migration/handover.ts';
import { createRecordMigration } from '../../lib/primitives/migration/record-migration.ts';
import { mapRecords } from '../../lib/primitives/migration/records/map-records.ts';
import { listMigrations } from '../../lib/primitives/migration/status.ts';
import { type Environment, expectToSayAway, expectToWantRedis, runCommand } from '../support/command-run.ts';
import { eventually } from '../support/eventually.ts';
import { realRedis } from '../support/every-store.ts';

const run = (args: readonly string[], env: Environment, stop?: AbortSignal) => runCommand('migrate', args, env, stop);

describe('breakwater migrate, on a real Redis', () => {
  const redis = realRedis();

  /** An application's migration, whose changes are heard of at once. */
  async function used(name: string) {
    const maps = { old: new Map<string, string>(), new: new Map<string, string>() };
    const migration = createRecordMigration<string>({
      ...{ kv: createKv({ store: redis.store }), name, old: mapRecords(maps.old), new: mapRecords(maps.new) },
      ...{ refreshMs: 10, timeoutMs: 20, mirrorTimeoutMs: 10, compareShare: 1 },
    });
    await migration.set('secret-key', 'v');
    return { migration, maps };
  }

  const changes = async (args: readonly string[], env: Environment) => {
    let outcome = await run(args, env);
    await eventually(async () => {
      if (outcome.status === 1) outcome = await run(args, env);
      return outcome.status === 0;
    });
    return outcome;
  };

  it('takes a migration from old to new, step by step, and says where it stands', async () => {
    const env = { REDIS_URL: redis.url };
    const { migration, maps } = await used('users');
    expect((await changes(['set', 'users', 'dual:read-old'], env)).complaints).toEqual([
      'Changed, from old. Processes hear of it within twice their refreshMs',
    ]);
    expect((await run(['set', 'users', 'new'], env)).complaints).toEqual([
      'Not changed: it stands at dual:read-old, and goes one step at a time',
    ]);
    await migration.status();
    const next = ['set', 'users', 'dual:read-percent', '--percent', '25'];
    const refusals = new Set<string>();
    await eventually(async () => {
      const { status, complaints } = await run(next, env);
      expect(status).toBe(1);
      refusals.add(complaints.join());
      return complaints[0]?.startsWith('Not changed: new lacks what was written before') === true;
    });
    await eventually(async () => (await migration.backfill(['secret-key'])).status === 'done');
    expect((await changes([...next, '--json'], env)).printed).toEqual([
      '{"name":"users","mode":"dual:read-percent(25)","changed":true}',
    ]);
    await migration.status();
    await migration.get('secret-key');
    maps[migration.local().mode === 'new' ? 'old' : 'new'].set('secret-key', 'w');
    await migration.get('secret-key');
    await migration.settled();
    await migration.status();
    const { printed } = await run(['status', 'users'], env);
    expect(printed[0]).toMatch(/^users {2}dual:read-percent\(25\) since 2\d{3}-/);
    const text = printed.join('\n');
    expect(text).toContain('compared: 1 same, 1 different, 0 missing in old, 0 missing in new');
    expect(text).toContain(`last that differed: ${await migration.digestOf('secret-key')}`);
    expect(text).toMatch(/p50 and p95 of the compared: old [\d.]+ ms [\d.]+ ms, new /);
    expect(text).not.toContain('secret-key');
    expect(await migration.repair()).toBe(0);
    await migration.status();
    await changes(['set', 'users', 'dual:read-new'], env);
    await changes(['set', 'users', 'new'], env);
    await migration.status();
    expect(migration.local().mode).toBe('new');
    expect((await run(['set', 'users', 'new'], env)).complaints).toEqual(['It is so already']);
  });

  it('says of a side that has missed keys how many, and obeys --force', async () => {
    const env = { REDIS_URL: redis.url };
    const { migration } = await used('users');
    await redis.store.execute([
      ['HSET', 'migration:{users}', 'mode', 'dual:read-old', 'rank', 1, 'share', 0, 'period', 2, 'since', 0],
      ['HSET', 'migration:{users}:tally', 'pending.new@2#a', 2, 'pending.new@2#b', 1, 'pending.new@1#a', 1],
    ]);
    const args = ['set', 'users', 'dual:read-percent', '--percent', '5'];
    expect(await run(args, env)).toEqual({
      ...{ status: 1, printed: [] },
      complaints: ['Not changed: new has missed 3 keys. Wait for their repair, or run a reconciliation'],
    });
    expect((await run(['status', 'users'], env)).printed[2]).toBe('  missed and not repaired: old 0, new 3');
    expect((await run([...args, '--force'], env)).status).toBe(0);
    await migration.status();
    expect(migration.local().mode).toBe('dual:read-percent(5)');
  });

  it('hands an authority over, and says how long nobody grants', async () => {
    const env = { REDIS_URL: redis.url };
    const kv = createKv({ store: redis.store });
    const locks = createHandover({ kv, name: 'locks', longestTtlMs: 60_000, leaseMs: 1_000, graceMs: 0 });
    await locks.choose();
    expect((await run(['set', 'locks', 'dual:read-old'], env)).status).toBe(2);
    expect(await run(['set', 'locks', 'new', '--force'], env)).toMatchObject({
      status: 2,
      complaints: ['A handover cannot be forced: it waits for what was granted', 'See breakwater migrate set --help'],
    });
    expect((await run(['set', 'locks', 'new'], env)).complaints).toEqual([
      'Handed over. Nobody grants anything for 62 s, until all that was granted has ended',
    ]);
    const { printed } = await run(['status'], env);
    expect(printed[0]).toMatch(/^locks {2}waiting since .*, new in 6[12] s$/);
    expect(printed[1]).toBe('  handover, epoch 2');
    const json = JSON.parse((await run(['status', '--json'], env)).printed.join('\n'));
    expect(json).toMatchObject({ migrations: [{ name: 'locks', kind: 'handover', mode: 'waiting', side: 'new' }] });
  });

  it('lists all by name, and says so where there is none', async () => {
    const env = { REDIS_URL: redis.url };
    expect(await run(['status'], env)).toEqual({
      ...{ status: 0, printed: [], complaints: ['No migration has ever been used there'] },
    });
    await used('b');
    await used('a');
    expect(await listMigrations(createKv({ store: redis.store }))).toEqual(['a', 'b']);
    const { migrations } = JSON.parse((await run(['status', '--json'], env)).printed.join('\n'));
    expect(migrations).toMatchObject([
      { name: 'a', kind: 'records', mode: 'old' },
      { name: 'b', kind: 'records', mode: 'old' },
    ]);
  });

  it('says that there is no such migration, below the namespace that the environment sets', async () => {
    await used('users');
    const env = { REDIS_URL: redis.url, BREAKWATER_NAMESPACE: 'app:' };
    for (const args of [
      ['status', 'users'],
      ['set', 'users', 'dual:read-old'],
    ]) {
      expect(await run(args, env)).toEqual({
        ...{ status: 3, printed: [], complaints: ['No migration of that name has ever been used there'] },
      });
    }
  });
});

describe('breakwater migrate', () => {
  it.each<[readonly string[], string]>([
    [[], 'Say status or set'],
    [['constructor'], 'Say status or set'],
    [['set'], 'Give the name of a migration, and a mode'],
    [['set', 'a'], 'Give the name of a migration, and a mode'],
    [['set', 'a', 'old', 'b'], 'There is an argument too many'],
    [['status', 'a', 'b'], 'There is an argument too many'],
    [['status', 'a b'], 'NAME must be 1 to 64'],
    [['set', 'a b', 'old'], 'NAME must be 1 to 64'],
    [['set', 'a', 'dual'], 'MODE must be old'],
    [['set', 'a', 'dual:read-percent(20)', '--percent', '20'], '--percent goes with dual:read-percent only'],
    [['set', 'a', 'dual:read-percent'], 'Say --percent'],
    [['set', 'a', 'dual:read-percent', '--percent', '100'], '--percent must be a whole number from 1 to 99'],
    [['set', 'a', 'new', '--percent', '10'], '--percent goes with'],
    [['status', '--nope'], 'There is no such option'],
  ])('refuses %j and says why', async (args, said) => {
    const { status, printed, complaints } = await run(args, { REDIS_URL: 'redis://127.0.0.1:1' });
    expect([status, printed, complaints.length]).toEqual([2, [], 2]);
    expect(complaints[0]?.startsWith(said), complaints[0]).toBe(true);
    expect(complaints[1]).toMatch(/^See breakwater migrate(?: [a-z]+)? --help$/);
  });

  it('refuses memory, which is nobody else’s, and names a variable that is wrong', async () => {
    await expectToWantRedis(run, [['status'], ['set', 'a', 'old']]);
  });

  it('says in one line that Redis is away, and stops when it is asked to', async () => {
    await expectToSayAway(run, [['status'], ['status', 'a'], ['set', 'a', 'old']]);
  });
});
