import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import { createApiKeys } from '../../lib/keys/api-keys.ts';
import { createKeyFormat } from '../../lib/keys/key-format.ts';
import type { NewKey } from '../../lib/keys/new-key.ts';
import { createLimiter, type Limiter } from '../../lib/limit/limiter.ts';
import { type Environment, expectToSayAway, expectToWantRedis, runCommand } from '../support/command-run.ts';
import { realRedis } from '../support/every-store.ts';

const PEPPER = 'k1:pepper-of-the-command-line';
const NO_ID = 'key_0000000000000000';

const run = (args: readonly string[], env: Environment, stop?: AbortSignal) => runCommand('limits', args, env, stop);

const POLICIES = [
  { name: 'ip', limit: 10, windowMs: 60_000 },
  { name: 'key', limit: 60, windowMs: 60_000 },
  { name: 'login', algorithm: 'slidingLog', limit: 5, windowMs: 900_000 },
  { name: 'leased', limit: 100, windowMs: 60_000, maxOverAdmission: 0.5 },
] as const;

describe('breakwater limits, on a real Redis', () => {
  const redis = realRedis();
  let folder = '';
  let file = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'breakwater-limits-'));
    file = join(folder, 'policies.json');
    await writeFile(file, JSON.stringify(POLICIES));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const env = (more: Environment = {}): Environment => ({
    ...{ REDIS_URL: redis.url, BREAKWATER_KEY_PEPPER: PEPPER },
    ...more,
  });
  const application = (namespace = ''): Limiter =>
    createLimiter({ kv: createKv({ store: redis.store, namespace }), policies: POLICIES });
  const take = async (subjects: Readonly<Record<string, string>>, cost: number, limiter = application()) => {
    expect((await limiter.check(subjects, { cost })).allowed).toBe(true);
  };
  const issue = async (more: Partial<NewKey<unknown>> = {}) => {
    const pepper = { kid: 'k1', secret: 'pepper-of-the-command-line' };
    const keys = createApiKeys({ kv: createKv({ store: redis.store }), pepper });
    const { key, record } = await keys.create({ owner: 'acme', ...more });
    return { key, id: record.id, account: (await keys.digest(key)).digest };
  };
  const peek = async (args: readonly string[], more: Environment = {}) => {
    const { status, printed, complaints } = await run(['peek', '--json', ...args], env(more));
    expect([status, complaints]).toEqual([0, []]);
    return JSON.parse(printed.join());
  };
  const NUMBERS = ['--limit', '10', '--window', '60s'];

  it('peek says what an address has used, what is left and when all is back, and takes nothing', async () => {
    await take({ ip: '203.0.113.7' }, 4);
    for (let time = 0; time < 2; time += 1) {
      const { status, printed, complaints } = await run(['peek', 'ip', '203.0.113.7', ...NUMBERS], env());
      expect([status, complaints]).toEqual([0, []]);
      expect(printed.slice(0, 4)).toEqual([
        'policy     ip, 10 in 60 s, gcra',
        'subject    203.0.113.7, an address',
        'used       4 of 10',
        'remaining  6',
      ]);
      expect(printed[4]).toMatch(/^all back {3}in 2[34](?:\.\d+)? s, at 2\d{3}-.*Z$/);
    }
  });

  it('peek says it as a document, as the application sees it', async () => {
    await take({ ip: '203.0.113.7' }, 10);
    const said = await peek(['ip', '203.0.113.7', ...NUMBERS]);
    const seen = await application().peek({ ip: '203.0.113.7' });
    expect(said).toMatchObject({
      ...{ policy: 'ip', subject: '203.0.113.7', kind: 'address', algorithm: 'gcra', limit: 10, windowMs: 60_000 },
      ...{ capacity: 10, allowed: false, used: 10, remaining: 0 },
    });
    expect(said.allowed).toBe(seen.allowed);
    expect(said.retryAfterMs).toBeGreaterThan(0);
    expect(said.retryAfterMs).toBeLessThanOrEqual(6_000);
    expect(said.resetAt).toBeGreaterThan(Date.now());
    expect(await peek(['ip', '198.51.100.1', ...NUMBERS])).toMatchObject({
      ...{ allowed: true, used: 0, remaining: 10, resetAfterMs: 0, retryAfterMs: null },
    });
  });

  it('peek takes the numbers from the file that the application has them from', async () => {
    await take({ login: 'user-17' }, 2);
    expect(await peek(['login', 'user-17', '--policies', file])).toMatchObject({
      ...{ algorithm: 'slidingLog', limit: 5, windowMs: 900_000, used: 2, remaining: 3, kind: 'text' },
    });
    await writeFile(file, JSON.stringify({ policies: POLICIES }));
    expect(await peek(['login', 'user-17', '--policies', file])).toMatchObject({ used: 2 });
  });

  it('counts an address of IPv6 with its block, as the guard does', async () => {
    await take({ ip: '2001:db8:1:2::/64' }, 3);
    for (const subject of ['2001:db8:1:2::7', '2001:DB8:1:2:0:0:0:9', '2001:db8:1:2::/64']) {
      expect(await peek(['ip', subject, ...NUMBERS])).toMatchObject({ subject: '2001:db8:1:2::/64', used: 3 });
    }
  });

  it('finds the account of a key by its id, by itself and by its digest, and names it by its id', async () => {
    const { key, id, account } = await issue();
    await take({ key: account }, 7);
    const numbers = ['--limit', '60', '--window', '60s'];
    expect(await peek(['key', id, ...numbers])).toMatchObject({ kind: 'key', subject: id, used: 7, remaining: 53 });
    const byEnv = await peek(['key', '--from-env', ...numbers], { BREAKWATER_API_KEY: key });
    expect(byEnv).toMatchObject({ subject: id, used: 7 });
    expect(await peek(['key', ...numbers, '--', account])).toMatchObject({ kind: 'text', used: 7 });
  });

  it('finds the account of the newest of a key’s digests, while the one before works on', async () => {
    const { id, account } = await issue();
    await take({ key: account }, 7);
    const pepper = { kid: 'k1', secret: 'pepper-of-the-command-line' };
    const keys = createApiKeys({ kv: createKv({ store: redis.store }), pepper });
    const rotated = await keys.rotate(id, { graceSeconds: 60 });
    await take({ key: (await keys.digest(rotated?.key ?? '')).digest }, 2);
    expect(await peek(['key', id, '--limit', '60', '--window', '60s'])).toMatchObject({ used: 2 });
  });

  it('counts a key by limits of its own, without being told any', async () => {
    const { id, account } = await issue({ limits: { key: { limit: 5, windowMs: 60_000 } } });
    await take({ key: account }, 2);
    expect(await peek(['key', id])).toMatchObject({ limit: 5, used: 2, remaining: 3 });
    expect(await peek(['key', id, '--limit', '60', '--window', '60s'])).toMatchObject({ limit: 5, used: 2 });
  });

  it('wants the key itself where it is on record under another pepper', async () => {
    const { key, id } = await issue();
    const newer = {
      ...{ BREAKWATER_KEY_PEPPER: 'k2:pepper-of-the-newer-keys', BREAKWATER_KEY_PEPPER_PREVIOUS: PEPPER },
      BREAKWATER_API_KEY: key,
    };
    const { status, complaints } = await run(['peek', 'key', id, ...NUMBERS], env(newer));
    expect([status, complaints[0]]).toEqual([2, expect.stringContaining('give the key itself')]);
    expect(await peek(['key', '--from-env', ...NUMBERS], newer)).toMatchObject({ subject: id, used: 0 });
  });

  it('reset gives everything back, whatever the algorithm, and says what goes on elsewhere', async () => {
    await take({ ip: '203.0.113.7', login: 'user-17' }, 5);
    expect(await run(['reset', 'ip', '203.0.113.7'], env())).toEqual({
      ...{ status: 0, printed: ['Reset ip of 203.0.113.7'] },
      complaints: [expect.stringMatching(/hold permits in advance go on spending those until their end/)],
    });
    expect(await peek(['ip', '203.0.113.7', ...NUMBERS])).toMatchObject({ used: 0 });
    expect(await peek(['login', 'user-17', '--policies', file])).toMatchObject({ used: 5 });
    expect((await run(['reset', 'login', 'user-17', '--json'], env())).printed).toEqual([
      '{"policy":"login","subject":"user-17","kind":"text","wasUsed":true}',
    ]);
    expect(await peek(['login', 'user-17', '--policies', file])).toMatchObject({ used: 0 });
    expect((await run(['reset', 'login', 'user-17'], env())).printed).toEqual(['login of user-17 was not used']);
  });

  it('reset does not take permits back that a process holds in advance, as it says', async () => {
    const limiter = application();
    // Its first checks show how quickly it spends.
    for (let check = 0; check < 10; check += 1) await take({ leased: 'a' }, 1, limiter);
    expect((await run(['reset', 'leased', 'a'], env())).printed).toEqual(['Reset leased of a']);
    const next = await limiter.check({ leased: 'a' });
    expect([next.allowed, next.basis]).toEqual([true, 'lease']);
  });

  it('both work after all limits were cleared, and below the namespace that the environment sets', async () => {
    const limiter = application('app:');
    await limiter.clear();
    await take({ ip: '203.0.113.7' }, 3, limiter);
    const more = { BREAKWATER_NAMESPACE: 'app:' };
    expect(await peek(['ip', '203.0.113.7', ...NUMBERS])).toMatchObject({ used: 0 });
    expect(await peek(['ip', '203.0.113.7', ...NUMBERS], more)).toMatchObject({ used: 3 });
    expect((await run(['reset', 'ip', '203.0.113.7'], env(more))).printed).toEqual(['Reset ip of 203.0.113.7']);
    expect(await peek(['ip', '203.0.113.7', ...NUMBERS], more)).toMatchObject({ used: 0 });
  });

  it('both say that there is no such key, and show nothing that a terminal would obey', async () => {
    await issue();
    for (const [command = '', ...numbers] of [['peek', ...NUMBERS], ['reset']]) {
      expect(await run([command, 'key', NO_ID, ...numbers], env())).toEqual({
        ...{ status: 3, printed: [], complaints: ['There is no such key'] },
      });
      const { printed } = await run([command, 'ip', 'evil\u001b[2J', ...numbers], env());
      expect(printed.join()).toContain('evil\\u{1b}[2J');
    }
  });

  it('peek says so where something else stands in the place of an account', async () => {
    await redis.store.execute([['RPUSH', 'ratelimit:ip:203.0.113.7', 'x']]);
    const { status, printed, complaints } = await run(['peek', 'ip', '203.0.113.7', ...NUMBERS], env());
    expect([status, printed, complaints.length]).toEqual([1, [], 1]);
  });

  it('finds no policy in a file that has none of that name, or none at all', async () => {
    const of = async (content: string) => {
      await writeFile(file, content);
      const { status, printed, complaints } = await run(['peek', 'ip', 'a', '--policies', file], env());
      expect([status, printed]).toEqual([2, []]);
      expect(complaints.join()).not.toMatch(/hunter2|policies\.json/);
      return complaints[0];
    };
    expect(await of('[]')).toBe('--policies has no policy of that name');
    expect(await of('{"hunter2')).toMatch(/^--policies must be a JSON array/);
    expect(await of('[{"name":"ip","limit":"hunter2","windowMs":1}]')).toBe(
      'that policy of --policies: limit must be a whole number from 1 to 1000000000',
    );
    await rm(file);
    const { complaints } = await run(['peek', 'ip', 'a', '--policies', file], env());
    expect(complaints[0]).toBe('--policies names a file that cannot be read');
  });
});

describe('breakwater limits', () => {
  const STRAY = createKeyFormat('bw', 'live').generate();

  it.each<[readonly string[], string]>([
    [[], 'Say peek or reset'],
    [['peek'], 'Give the name of a policy'],
    [['reset'], 'Give the name of a policy'],
    [['reset', 'ip'], 'Give the id of one key, or -'],
    [['reset', 'ip', 'a', 'b'], 'There is an argument too many'],
    [['reset', 'a b', 'c'], 'POLICY must be 1 to 32 letters'],
    [['reset', 'ip', ''], 'SUBJECT must have 1 to 512 characters'],
    [['reset', 'ip', 'x'.repeat(513)], 'SUBJECT must have 1 to 512 characters'],
    [['reset', 'key', STRAY], 'A key is never an argument'],
    [['peek', 'ip', 'a', '--limit', '1'], '--limit and --window go together'],
    [['peek', 'ip', 'a', '--window', '1s'], '--limit and --window go together'],
    [['peek', 'ip', 'a', '--burst', '1'], '--burst goes with --limit and --window'],
    [['peek', 'ip', 'a', '--limit', '0', '--window', '1s'], '--limit must be a whole number from 1 to'],
    [['peek', 'ip', 'a', '--limit', '1', '--window', '0s'], '--limit, --window and --burst: windowMs must be'],
    [['peek', 'ip', 'a', '--limit', '1', '--window', '1'], '--window must be a whole number of s, m, h or d'],
    [['peek', 'ip', 'a', '--algorithm', 'hunter2'], '--algorithm must be one of gcra, fixedWindow'],
    [['peek', 'ip', 'a', '--policies', 'x', '--limit', '1'], '--policies and --limit'],
    [['peek', 'ip', 'a', '--policies', 'x', '--algorithm', 'gcra'], '--algorithm and --policies exclude each other'],
  ])('refuses %j and says why', async (args, said) => {
    const { status, printed, complaints } = await run(args, { REDIS_URL: 'redis://127.0.0.1:1' });
    expect([status, printed, complaints.length]).toEqual([2, [], 2]);
    expect(complaints[0]?.startsWith(said), complaints[0]).toBe(true);
    expect(complaints.join()).not.toMatch(/hunter2|xxxx/);
  });

  it('wants numbers, which Redis does not have', async () => {
    const { complaints } = await run(['peek', 'ip', '203.0.113.7'], { REDIS_URL: 'redis://127.0.0.1:1' });
    expect(complaints[0]).toMatch(/^Say --limit and --window, or --policies/);
  });

  it('refuses memory, which is nobody else’s, and names a variable that is wrong', async () => {
    await expectToWantRedis(run, [
      ['peek', 'ip', 'a', '--limit', '1', '--window', '1s'],
      ['reset', 'ip', 'a'],
    ]);
  });

  it('says in one line that Redis is away, and stops when it is asked to', async () => {
    await expectToSayAway(run, [
      ['peek', 'ip', 'a', '--limit', '1', '--window', '1s'],
      ['reset', 'ip', 'a'],
    ]);
  });
});
