import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type RestEndpoint, startRestEndpoint } from '../../cli/rest/endpoint.ts';
import type { ExecuteOptions } from '../../lib/client/call.ts';
import { createKv, type KvClient } from '../../lib/client/kv-client.ts';
import type { BreakwaterEvent } from '../../lib/events.ts';
import { createApiKeys } from '../../lib/keys/api-keys.ts';
import { createLimiter } from '../../lib/limit/limiter.ts';
import { redisStore } from '../../lib/store/redis.ts';
import type { Command, Store } from '../../lib/store/store.ts';
import { upstashStore } from '../../lib/store/upstash.ts';
import { eventually } from '../support/eventually.ts';
import { type ClusterOfOne, startClusterOfOne } from '../support/redis-cluster.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';
import { told } from '../support/scripted-client.ts';

const TOKEN = 'token-of-the-refusal-tests';
const KEY = 'k';

let dir: string;
let single: RedisServer;
let singleAdmin: Store;
let endpoint: RestEndpoint;
let cluster: ClusterOfOne;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'breakwater-refusals-'));
  single = await startRedis({ dir });
  singleAdmin = redisStore({ url: single.url });
  endpoint = await startRestEndpoint({ store: singleAdmin, token: TOKEN });
  cluster = await startClusterOfOne();
});
afterAll(async () => {
  await endpoint.close();
  await singleAdmin.close();
  await single.stop();
  await cluster.stop();
  await rm(dir, { recursive: true, force: true });
});

interface Path {
  readonly open: () => Store;
  readonly ask: (...command: Command) => Promise<unknown>;
}
const askSingle: Path['ask'] = async (...command) => (await singleAdmin.execute([command]))[0];
const PATHS: Readonly<Record<string, Path>> = {
  TCP: { open: () => redisStore({ url: single.url }), ask: askSingle },
  REST: { open: () => upstashStore({ url: endpoint.url, token: TOKEN }), ask: askSingle },
  Cluster: {
    open: () => redisStore({ cluster: { nodes: [cluster.name] } }),
    ask: (...command) => cluster.ask(...command),
  },
};

interface Trouble {
  readonly begin: (path: Path) => Promise<unknown>;
  readonly end: (path: Path) => Promise<unknown>;
  /** A Cluster's node cannot be told to follow another one like this, and is not in the folder that goes. */
  readonly singleOnly?: boolean;
}

const setting = (name: string, bad: Command[1], good: Command[1]): Trouble => ({
  begin: ({ ask }) => ask('CONFIG', 'SET', name, bad ?? ''),
  end: ({ ask }) => ask('CONFIG', 'SET', name, good ?? ''),
});

const OUTAGES: Readonly<Record<string, Trouble>> = {
  OOM: setting('maxmemory', 1, 0),
  NOREPLICAS: setting('min-replicas-to-write', 1, 0),
  READONLY: {
    begin: ({ ask }) => ask('REPLICAOF', '127.0.0.1', 1),
    end: ({ ask }) => ask('REPLICAOF', 'NO', 'ONE'),
    singleOnly: true,
  },
  MISCONF: {
    begin: async ({ ask }) => {
      await rm(dir, { recursive: true, force: true });
      await ask('CONFIG', 'SET', 'save', '3600 1');
      await ask('BGSAVE');
      await eventually(async () => String(await ask('INFO', 'persistence')).includes('last_bgsave_status:err'));
    },
    end: ({ ask }) => ask('CONFIG', 'SET', 'save', ''),
    singleOnly: true,
  },
};

const NOPERM: Trouble = {
  begin: ({ ask }) => ask('ACL', 'SETUSER', 'default', '-set', '-mget'),
  end: ({ ask }) => ask('ACL', 'SETUSER', 'default', '+@all'),
};

const SET: Command = ['SET', KEY, 1];
const IN_SCRIPT: Command = ['EVAL', "return redis.call('SET', KEYS[1], 1)", 1, KEY];
const IN_ARRAY: Command = ['EVAL', "return {redis.pcall('SET', KEYS[1], 1)}", 1, KEY];

interface Way {
  readonly commands: readonly Command[];
  readonly options?: ExecuteOptions;
  /** REST has no form for an error inside an array. */
  readonly notOverRest?: boolean;
}
const WAYS: Readonly<Record<string, Way>> = {
  'by itself': { commands: [SET] },
  'in a transaction': { commands: [['GET', KEY], SET], options: { atomic: true } },
  'in a script': { commands: [IN_SCRIPT] },
  'in a script that hands it on': { commands: [IN_ARRAY], notOverRest: true },
  'in a script in a transaction': { commands: [['GET', KEY], IN_SCRIPT], options: { atomic: true } },
};

describe.each(Object.entries(PATHS))('over %s', (name, path) => {
  let kv: KvClient;
  let events: BreakwaterEvent[];
  beforeEach(() => {
    events = [];
    kv = createKv({
      store: path.open(),
      namespace: '{refusals}:',
      requestTimeoutMs: 10_000,
      slowMs: false,
      onEvent: (event) => events.push(event),
    });
  });
  afterEach(() => kv.close());

  /** The errors among the results, those inside arrays too, each in two words. */
  const errorsOf = async ({ commands, options }: Way): Promise<ReadonlySet<string>> => {
    const results = await kv.execute(commands, options).catch((error: unknown) => [error]);
    return new Set(
      results
        .flat()
        .filter((result) => result instanceof Error)
        .map(told),
    );
  };

  const ways = Object.entries(WAYS).filter(([, { notOverRest }]) => !(notOverRest && name === 'REST'));

  describe.each(Object.entries(OUTAGES).filter(([, { singleOnly }]) => !(singleOnly && name === 'Cluster')))(
    'a write that is refused with %s',
    (_, { begin, end }) => {
      beforeAll(() => begin(path));
      afterAll(() => end(path));

      it.each(ways)('counts as a failure: %s', async (_way, way) => {
        expect(await errorsOf(way)).toEqual(new Set(['unavailable true']));
        expect(kv.circuit.state()).toMatchObject({
          consecutiveFailures: 1,
          totals: { successes: 0, neutral: 0 },
          lastFailure: { kind: 'unavailable' },
        });
        expect(events).toEqual([]);
      });
    },
  );

  describe('a write that is refused with NOPERM', () => {
    beforeAll(() => NOPERM.begin(path));
    afterAll(() => NOPERM.end(path));

    it.each(ways.filter(([way]) => !way.includes('script')))(
      'counts for nothing, and is told of: %s',
      async (_, way) => {
        expect(await errorsOf(way)).toEqual(new Set(['auth true']));
        expect(kv.circuit.state()).toMatchObject({ totals: { successes: 0, failures: 0, neutral: 1 } });
        const problem = expect.stringMatching(/NOPERM|status 400/);
        expect(events).toEqual([{ type: 'config', at: expect.any(Number), problem }]);
      },
    );
  });

  describe('a user who may not do what a script does', () => {
    beforeAll(() => NOPERM.begin(path));
    afterAll(() => NOPERM.end(path));

    it('is no outage, and no record that cannot be read: limits count here, and nobody is refused a key', async () => {
      const limiter = createLimiter({ kv, policies: [{ name: 'ip', limit: 2, windowMs: 3_600_000 }] });
      for (const allowed of [true, true]) {
        expect(await limiter.check({ ip: '192.0.2.1' })).toMatchObject({ allowed, basis: 'local' });
      }
      // A refusal writes nothing, so Redis can say it: of what was counted here it is told.
      expect(await limiter.check({ ip: '192.0.2.1' })).toMatchObject({ allowed: false, basis: 'store' });
      await path.ask('ACL', 'SETUSER', 'default', '-get');
      const keys = createApiKeys({ kv });
      expect(await keys.validate(keys.format.generate())).toMatchObject({ status: 'UNAVAILABLE' });
      expect(kv.circuit.state()).toMatchObject({ state: 'CLOSED', totals: { failures: 0 } });
      expect(new Set(events.map(({ type }) => type))).toEqual(new Set(['config', 'fallback']));
    });
  });

  it.each<[string, Way]>([
    ['by itself', { commands: [['SET', KEY]] }],
    [
      'in a transaction',
      {
        commands: [
          ['GET', KEY],
          ['SET', KEY],
        ],
        options: { atomic: true },
      },
    ],
    ['in a script', { commands: [['EVAL', "return redis.call('SET', KEYS[1])", 1, KEY]] }],
  ])('a command that is wrong is the business of its caller: %s', async (_, way) => {
    expect(await errorsOf(way)).toEqual(new Set([way.options?.atomic ? 'EXECABORT' : 'ERR']));
    expect(kv.circuit.state()).toMatchObject({ totals: { successes: 1, failures: 0, neutral: 0 } });
    expect(events).toEqual([]);
  });
});
