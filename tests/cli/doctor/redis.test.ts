import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { FindingCode } from '../../../cli/doctor/finding.ts';
import { startRestEndpoint } from '../../../cli/rest/endpoint.ts';
import { createKv } from '../../../lib/client/kv-client.ts';
import { createApiKeys } from '../../../lib/keys/api-keys.ts';
import { fengariEngine } from '../../../lib/store/lua.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import { redisStore } from '../../../lib/store/redis.ts';
import type { Command, Reply, Store } from '../../../lib/store/store.ts';
import { changed, diagnose, HEALTHY, healthyProject } from '../../support/doctor-run.ts';
import { contentsOf } from '../../support/every-store.ts';
import { startFaultProxy } from '../../support/fault-proxy.ts';
import { startClusterOfOne } from '../../support/redis-cluster.ts';
import { type RedisServer, type RedisServerOptions, startRedis } from '../../support/redis-server.ts';

type Changes = Readonly<Record<string, string | undefined>>;

const project = healthyProject();
const NO_REST = { KV_REST_API_URL: undefined, KV_REST_API_TOKEN: undefined };
const PEPPER = { kid: 'p1', secret: HEALTHY.BREAKWATER_KEY_PEPPER?.slice(3) ?? '' };
/** Rules for all keys but those of locks and migrations, and for one kind of these. */
const permitted = (one: string): readonly string[] =>
  [
    'auth',
    'apikey',
    'ratelimit',
    'cache',
    'dedup',
    'code',
    'link',
    'session',
    'usage',
    'analytics',
    'events',
    'leaderboard',
    'doctor',
    one,
  ].map((prefix) => `~${prefix}:*`);
/** For a Redis without keys on record. */
const NO_KEYS = { BREAKWATER_STATIC_KEYS: '[]' };

const look = (env: Changes) => diagnose(changed(HEALTHY, env), ['--project', project.folder]);
const byTcp = (url: string, env: Changes = {}) => look({ ...NO_REST, REDIS_URL: url, ...env });

interface RestOptions {
  readonly env?: Changes;
  readonly answer?: (command: Command, reply: Reply) => Reply | Promise<Reply>;
  /** Tests that run beside others have one of their own. */
  readonly later?: typeof onTestFinished;
}

/** Asks it by REST, with `answer` in the place of what the store says, where that gives something. */
async function byRest(store: Store, { env = {}, answer, later = onTestFinished }: RestOptions = {}) {
  const asked: Store = {
    ...store,
    async execute(commands, options) {
      const replies = await store.execute(commands, options);
      return Promise.all(replies.map((reply, index) => answer?.(commands[index] ?? [''], reply) ?? reply));
    },
  };
  const endpoint = await startRestEndpoint({ store: answer ? asked : store, token: 'owner', readOnlyToken: 'reader' });
  later(() => endpoint.close());
  return look({ KV_REST_API_URL: endpoint.url, KV_REST_API_TOKEN: 'owner', ...env });
}

async function server(options: RedisServerOptions): Promise<RedisServer> {
  const started = await startRedis(options);
  onTestFinished(() => started.stop());
  return started;
}

describe('a Redis that is as it should be', () => {
  let redis: RedisServer | undefined;
  let store: Store = memoryStore();
  const url = () => redis?.url ?? '';
  const admin = async (...commands: Command[]) => {
    const replies = await store.execute(commands);
    for (const reply of replies) expect(JSON.stringify(reply)).not.toContain('error');
    return replies;
  };

  beforeAll(async () => {
    redis = await startRedis({ aof: true });
    store = redisStore({ url: redis.url });
  });
  afterAll(async () => {
    await store.close();
    await redis?.stop();
  });
  beforeEach(async () => {
    await admin(['FLUSHALL']);
    await createApiKeys({ kv: createKv({ store }), pepper: [PEPPER] }).create({ owner: 'acme' });
  });

  it('has nothing said against it, by TCP and by REST, and is left as it was', async () => {
    const before = await contentsOf(store);
    for (const { status, codes, report } of [await byTcp(url()), await byRest(store)]) {
      expect({ status, codes }).toEqual({ status: 0, codes: [] });
      const skipped = report.checks.filter((check) => check.status === 'skipped').map(({ name }) => name);
      expect(skipped).toEqual(['plan usage']);
      expect(report.cost.requests).toBeLessThan(45);
      expect(report.cost.commands).toBeLessThan(250);
    }
    expect([...(await contentsOf(store)).keys()].toSorted()).toEqual([...before.keys()].toSorted());
  });

  it('has nothing said of who has keys there, nor of the keys', async () => {
    const { report } = await byTcp(url(), { BREAKWATER_KEY_PEPPER: `p2:${PEPPER.secret}` });
    expect(JSON.stringify(report)).not.toMatch(/acme|key_|bw_|[\w-]{43}/);
  });

  describe('but for one thing', () => {
    const config = (name: string, value: string): Command => ['CONFIG', 'SET', name, value];
    const restore = async () => {
      await admin(config('maxmemory', '0'), config('maxmemory-policy', 'noeviction'), config('appendonly', 'yes'));
    };
    const user = (...rules: string[]): Command => ['ACL', 'SETUSER', 'app', 'reset', 'on', '>opensesame', ...rules];
    const asUser = () => `redis://app:opensesame@${url().slice('redis://'.length)}`;

    it.each<[FindingCode, string, readonly Command[], Changes?]>([
      [
        'evicts-keys',
        'an evicting policy, with keys on record',
        [config('maxmemory', '1gb'), config('maxmemory-policy', 'allkeys-lru')],
      ],
      [
        'evicts-anything',
        'an evicting policy, without keys',
        [config('maxmemory', '1gb'), config('maxmemory-policy', 'allkeys-lfu')],
        NO_KEYS,
      ],
      [
        'evicts-expiring',
        'a policy that evicts what expires',
        [config('maxmemory', '1gb'), config('maxmemory-policy', 'volatile-ttl')],
      ],
      ['not-durable', 'nothing on disk', [config('appendonly', 'no'), config('save', '')]],
      ['unknown-pepper', 'another pepper than that of the keys', [], { BREAKWATER_KEY_PEPPER: `p2:${PEPPER.secret}` }],
      ['key-store-empty', 'no keys', [['FLUSHALL']]],
      ['key-store-empty', 'another namespace', [], { BREAKWATER_NAMESPACE: 'other:' }],
      ['key-store-lost', 'no sentinel', [['DEL', 'apikey:sentinel']]],
      ['key-store-lost', 'no record of a key', [['ZADD', 'apikey:index', 1, 'key_lost']]],
      ['plan-nearly-used', 'a plan that is nearly used', [], { KV_PLAN_MAX_BYTES: '1000000' }],
      [
        'migration-underway',
        'a migration',
        [
          ['SADD', 'migration:names', 'users'],
          ['HSET', 'migration:{users}', 'mode', 'dual:read-old', 'kind', 'records', 'since', Date.now()],
        ],
      ],
      [
        'migration-left',
        'a migration of long ago',
        [
          ['SADD', 'migration:names', 'users'],
          ['HSET', 'migration:{users}', 'mode', 'dual:read-new', 'kind', 'records', 'since', 1_700_000_000_000],
        ],
      ],
    ])('has that told, and nothing else: %s, %s', async (code, _, plant, env) => {
      await admin(...plant);
      onTestFinished(restore);
      const { codes, report } = await byTcp(url(), env);
      expect(codes).toEqual([code]);
      expect(JSON.stringify(report)).not.toContain('key_lost');
    });

    it.each<[FindingCode, string, readonly string[], string]>([
      ['not-permitted', 'a command', ['~*', '&*', '+@all', '-xadd'], 'XADD, which event streams need'],
      ['not-permitted', 'scripts', ['~*', '&*', '+@all', '-@scripting'], 'EVAL and EVALSHA, which limits need'],
      [
        'not-permitted',
        'everything but to read',
        ['~*', '&*', '+@read', '+@connection', '+info', '+time'],
        'SET, PEXPIRE, DEL',
      ],
      ['keys-not-permitted', 'keys of one prefix', [...permitted('migration'), '&*', '+@all'], 'begin with lock:'],
      ['keys-not-permitted', 'keys of migrations', [...permitted('lock'), '&*', '+@all'], 'begin with migration:'],
      ['channels-not-permitted', 'channels', ['~*', 'resetchannels', '+@all'], 'channels'],
    ])('has that told, and nothing else: %s, %s', async (code, _, rules, text) => {
      await admin(user(...rules));
      const { codes, report } = await byTcp(asUser());
      expect(codes).toEqual([code]);
      expect(JSON.stringify(report)).toContain(text);
      expect([...(await contentsOf(store)).keys()].filter((name) => name.includes('doctor'))).toEqual([]);
    });

    it('makes nothing there that it could not give an end, or delete', async () => {
      await admin(user('~*', '&*', '+@all', '-del', '-unlink', '-pexpire'));
      expect((await byTcp(asUser())).codes).toEqual(['not-permitted']);
      const left = [...(await contentsOf(store))].filter(([name]) => name.includes('doctor'));
      expect(left.length).toBeGreaterThan(0);
      for (const [, { ttlMs }] of left) expect(ttlMs).toBeGreaterThan(0);
    });

    it('may keep nothing on disk, and evict what it likes, where that concerns no keys', async () => {
      await admin(config('appendonly', 'no'), config('save', ''), config('maxmemory-policy', 'allkeys-lru'));
      onTestFinished(restore);
      expect((await byTcp(url(), NO_KEYS)).codes).toEqual([]);
    });

    it('has a user’s rights over REST told as those of the token', async () => {
      await admin(user('~*', '&*', '+@read', '+@connection', '+info', '+time'));
      const reader = redisStore({ url: asUser() });
      onTestFinished(() => reader.close());
      expect((await byRest(reader)).codes).toEqual(['read-only-token']);
      expect((await byRest(store, { env: { KV_REST_API_TOKEN: 'reader' } })).codes).toEqual(['read-only-token']);
    });

    it('is not asked more than it permits to say', async () => {
      await admin(user('~*', '&*', '+@all', '-info', '-config'));
      const { codes, report } = await byTcp(asUser());
      expect(codes).toEqual([]);
      expect(report.checks.find(({ name }) => name === 'server')?.status).toBe('skipped');
    });

    it('has memory that is nearly full told', async () => {
      const used = /used_memory:(\d+)/.exec(String((await admin(['INFO', 'memory']))[0]))?.[1];
      await admin(config('maxmemory', String(Math.floor(Number(used) / 0.94))));
      onTestFinished(restore);
      expect((await byTcp(url())).codes).toEqual(['memory-nearly-full']);
    });

    it.each<[FindingCode, string, (command: Command, reply: Reply) => Reply]>([
      ['clock-skew', 'a clock that is 10 s behind', shifted(-10)],
      ['clock-skew', 'a clock that is 3 s ahead', shifted(3)],
      ['clock-far-off', 'a clock that is a minute ahead', shifted(60)],
      [
        'redis-too-old',
        'a version of before',
        (command, reply) =>
          command[0] === 'INFO' ? String(reply).replace(/redis_version:\S+/, 'redis_version:6.2.14') : reply,
      ],
      [
        'replica',
        'a replica that takes writes',
        (command, reply) =>
          command[0] === 'INFO'
            ? `${String(reply).replace('role:master', 'role:slave')}\r\nslave_read_only:0\r\n`
            : reply,
      ],
      [
        'no-scripts',
        'an answer to scripts that is none',
        (command, reply) => (/^EVAL/.test(command[0]) ? { error: 'ERR scripts are turned off' } : reply),
      ],
    ])('has that told, and nothing else: %s, %s', async (code, _, answer) => {
      expect((await byRest(store, { answer })).codes).toEqual([code]);
    });
  });
});

describe('another kind of Redis', () => {
  it('is told when it is a replica', async () => {
    const primary = await server({ aof: true });
    const replica = await server({
      aof: true,
      args: ['--replicaof', '127.0.0.1', String(primary.port), '--repl-diskless-sync-delay', '0'],
    });
    expect((await byTcp(replica.url, NO_KEYS)).codes).toEqual(['replica']);
  });

  it('is told when it lacks a command', async () => {
    const { url } = await server({ aof: true, args: ['--rename-command', 'XADD', 'hidden'] });
    const { codes, report } = await byTcp(url, NO_KEYS);
    expect(codes).toEqual(['command-unknown']);
    expect(JSON.stringify(report)).toContain('XADD');
  });

  it('is told when it cannot save', async () => {
    // Where the file is to be there is a folder.
    const { url } = await server({ aof: true, args: ['--dbfilename', 'appendonlydir'] });
    const store = redisStore({ url });
    onTestFinished(() => store.close());
    await store.execute([['BGSAVE']]);
    await expect.poll(async () => String((await store.execute([['INFO']]))[0])).toContain('rdb_last_bgsave_status:err');
    expect((await byTcp(url, NO_KEYS)).codes).toEqual(['save-failing']);
  });

  it('has nothing said against it when breakwater dev serves it, but that it has no keys', async () => {
    expect((await byRest(memoryStore({ lua: fengariEngine() }))).codes).toEqual(['key-store-empty']);
  });

  it('is told when it is in memory and runs no scripts', async () => {
    const { codes, report } = await byRest(memoryStore(), { env: NO_KEYS });
    expect(codes).toEqual(['no-scripts']);
    expect(JSON.stringify(report)).toContain('npm install fengari');
  });
});

describe.concurrent('a Redis that takes its time, or many nodes', () => {
  let redis: RedisServer | undefined;
  beforeAll(async () => {
    redis = await startRedis({ aof: true });
  });
  afterAll(() => redis?.stop());

  it('has a check told that does not end, without waiting for it', async ({ onTestFinished: later }) => {
    const { codes } = await byRest(memoryStore({ lua: fengariEngine() }), {
      later,
      answer: (command, reply) =>
        command[0] === 'ZCARD' && command[1] === 'apikey:index' ? new Promise(() => undefined) : reply,
    });
    expect(codes).toEqual(['check-unfinished']);
  });

  it.for<[FindingCode, Changes]>([
    ['latency-high', {}],
    ['latency-near-deadline', { KV_REQUEST_TIMEOUT_MS: '120' }],
  ])('has answers that take their time told: %s', async ([code, env], { onTestFinished: later }) => {
    const proxy = await startFaultProxy(redis?.port ?? 0);
    later(() => proxy.close());
    await proxy.set({ slowMs: 65 });
    expect((await byTcp(`redis://127.0.0.1:${proxy.port}`, { ...NO_KEYS, ...env })).codes).toEqual([code]);
  });

  it('has nothing said against it when it is a Cluster, named as one, and has it told when not', async ({
    onTestFinished: later,
  }) => {
    const { name, stop } = await startClusterOfOne(['--appendonly', 'yes']);
    later(stop);
    const cluster = { ...NO_REST, ...NO_KEYS, REDIS_CLUSTER_NODES: name };
    const looks = [
      look({ ...cluster, BREAKWATER_NAMESPACE: '{app}:' }),
      look(cluster),
      byTcp(`redis://${name}`, NO_KEYS),
    ];
    const codes = (await Promise.all(looks)).map((seen) => seen.codes);
    expect(codes).toEqual([[], ['namespace-without-tag'], ['cluster-by-url']]);
  });
});

function shifted(seconds: number) {
  return (command: Command, reply: Reply): Reply =>
    command[0] === 'TIME' && Array.isArray(reply) ? [String(Number(reply[0]) + seconds), reply[1] ?? '0'] : reply;
}
