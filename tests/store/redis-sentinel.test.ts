import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type RedisSentinelOptions, redisStore } from '../../lib/store/redis.ts';
import type { Store } from '../../lib/store/store.ts';
import { type FakeRedis, fakeRedis, fakeSentinel } from '../support/fake-redis.ts';
import { type RedisSentinels, startRedisSentinels } from '../support/redis-sentinel.ts';
import { type RedisServer, startRedis } from '../support/redis-server.ts';

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

function open(sentinels: RedisSentinelOptions['sentinels'], connectTimeoutMs = 2000): Store {
  const store = redisStore({ sentinels, connectTimeoutMs });
  cleanUps.push(() => store.close());
  return store;
}

async function ownRedis(...args: string[]): Promise<RedisServer> {
  const server = await startRedis({ args });
  cleanUps.push(() => server.stop());
  return server;
}

async function sentinelFor(port: () => number | undefined): Promise<FakeRedis> {
  const fake = await fakeSentinel(port);
  cleanUps.push(fake.stop);
  return fake;
}

async function silentSentinel(): Promise<FakeRedis> {
  const fake = await fakeRedis(() => undefined);
  cleanUps.push(fake.stop);
  return fake;
}

describe('a store behind sentinels with a password', () => {
  let group: RedisSentinels;
  beforeAll(async () => {
    group = await startRedisSentinels({ password: 'p@ss' });
  });
  afterAll(() => group?.stop());

  const secrets = { password: 'p@ss', sentinelPassword: 'p@ss' };
  const portOf = async (store: Store): Promise<number> => {
    const [, port] = (await store.execute([['CONFIG', 'GET', 'port']]))[0] as [string, string];
    return Number(port);
  };

  it('finds the primary, past sentinels that are not there, and uses its database', async () => {
    const nodes = ['127.0.0.1:1', `redis://${group.names[1]}`];
    const store = open({ nodes, name: group.primaryName, database: 3, ...secrets });
    await store.execute([['SET', 'only-in-3', 'v']]);
    expect(await portOf(store)).toBe(group.primary.port);
    expect(await open({ nodes, name: group.primaryName, ...secrets }).execute([['GET', 'only-in-3']])).toEqual([null]);
  });

  it('says what is wrong with a database, a name, and either password', async () => {
    const right = { nodes: group.names, name: group.primaryName, ...secrets };
    const ask = (options: RedisSentinelOptions['sentinels']) => open(options).execute([['PING']]);
    await expect(ask({ ...right, database: 99 })).rejects.toMatchObject({
      code: 'CONFIG',
      setting: 'sentinels.database',
    });
    await expect(ask({ ...right, name: 'other' })).rejects.toMatchObject({ kind: 'unavailable', mayHaveRun: false });
    await expect(ask({ ...right, password: 'wrong' })).rejects.toMatchObject({ kind: 'auth', mayHaveRun: false });
    await expect(ask({ ...right, sentinelPassword: 'wrong' })).rejects.toMatchObject({ kind: 'auth' });
  });
});

describe('a store behind sentinels', () => {
  it('asks with the first request, not before, and once for all that come together', async () => {
    const redis = await ownRedis();
    const sentinel = await sentinelFor(() => redis.port);
    const store = open({ nodes: [sentinel.name], name: 'main' });
    expect(sentinel.received).toEqual([]);
    await Promise.all(Array.from({ length: 20 }, () => store.execute([['INCR', 'a']])));
    expect(await store.execute([['INCR', 'a']])).toEqual([21]);
    expect(sentinel.received).toEqual(['PING', 'SENTINEL GET-MASTER-ADDR-BY-NAME main']);
    await expect.poll(() => sentinel.sockets.every((socket) => socket.destroyed)).toBe(true);
  });

  it('does not take a replica for the primary, and asks the next sentinel', async () => {
    const primary = await ownRedis();
    const replica = await ownRedis('--replicaof', '127.0.0.1', String(primary.port));
    const stale = await sentinelFor(() => replica.port);
    const alone = open({ nodes: [stale.name], name: 'main' });
    await expect(alone.execute([['GET', 'a']])).rejects.toMatchObject({ kind: 'unavailable', mayHaveRun: false });
    const knowing = await sentinelFor(() => primary.port);
    expect(await open({ nodes: [stale.name, knowing.name], name: 'main' }).execute([['INCR', 'a']])).toEqual([1]);
  });

  it('does not wait for sentinels that are silent, or for the primary that one of them names', async () => {
    const redis = await ownRedis();
    const knowing = await sentinelFor(() => redis.port);
    const nowhere = await silentSentinel();
    const stale = await sentinelFor(() => nowhere.port);
    const nodes = [nowhere.name, stale.name, knowing.name];
    expect(await open({ nodes, name: 'main' }).execute([['INCR', 'a']])).toEqual([1]);
    const lost = open({ nodes: [nowhere.name], name: 'main' }, 100);
    await expect(lost.execute([['INCR', 'a']])).rejects.toMatchObject({ kind: 'network', mayHaveRun: false });
    const hurried = open({ nodes: [nowhere.name], name: 'main' });
    const call = hurried.execute([['INCR', 'a']], { signal: AbortSignal.timeout(50) });
    await expect(call).rejects.toMatchObject({ kind: 'aborted', mayHaveRun: false });
  });

  it('turns to the new primary with the request after the one that was answered with READONLY', async () => {
    const old = await ownRedis();
    const promoted = await ownRedis();
    let port = old.port;
    const sentinel = await sentinelFor(() => port);
    const store = open({ nodes: [sentinel.name], name: 'main' });
    await store.execute([['SET', 'a', 1]]);
    const witness = redisStore({ url: old.url });
    cleanUps.push(() => witness.close());
    await witness.execute([['REPLICAOF', '127.0.0.1', promoted.port]]);
    port = promoted.port;
    const readOnly = { error: "READONLY You can't write against a read only replica." };
    expect(await store.execute([['INCR', 'b']])).toEqual([readOnly]);
    expect(await store.execute([['INCR', 'b']])).toEqual([1]);
  });

  it('says that nothing has run while the sentinels know of no primary, and works when they do', async () => {
    const redis = await ownRedis();
    let port: number | undefined;
    const sentinel = await sentinelFor(() => port);
    const store = open({ nodes: [sentinel.name], name: 'main' });
    await expect(store.execute([['INCR', 'a']])).rejects.toMatchObject({ kind: 'unavailable', mayHaveRun: false });
    port = redis.port;
    expect(await store.execute([['INCR', 'a']])).toEqual([1]);
  });

  it('leaves no connection behind when it is closed while it looks for the primary', async () => {
    const nowhere = await silentSentinel();
    const store = open({ nodes: [nowhere.name], name: 'main' });
    const call = store.execute([['INCR', 'a']]);
    await expect.poll(() => nowhere.received).toEqual(['PING']);
    await store.close();
    await expect(call).rejects.toMatchObject({ kind: 'local', mayHaveRun: false });
    await expect.poll(() => nowhere.sockets.every((socket) => socket.destroyed)).toBe(true);
  });
});

describe('the options of a store behind sentinels', () => {
  it.each([
    ['sentinels.nodes', { nodes: [], name: 'main' }],
    ['sentinels.nodes', { nodes: ['h:s3cr3t'], name: 'main' }],
    ['sentinels.name', { nodes: ['h'], name: '' }],
    ['sentinels.database', { nodes: ['h'], name: 'main', database: -1 }],
    ['sentinels.username', { nodes: ['h'], name: 'main', username: 's3cr3t' }],
  ])('are refused at once where %s is wrong', (setting, sentinels) => {
    const refused = (): Store => redisStore({ sentinels });
    expect(refused).toThrow(expect.objectContaining({ code: 'CONFIG', setting }));
    expect(refused).not.toThrow(/s3cr3t/);
  });

  it('are not taken together with others', () => {
    const both = { url: 'redis://h', sentinels: { nodes: ['h'], name: 'main' } };
    for (const options of [both, {}]) {
      expect(() => Reflect.apply(redisStore, undefined, [options])).toThrow(
        'url or cluster or sentinels must be given, and one of them only',
      );
    }
  });
});
