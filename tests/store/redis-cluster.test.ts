import { Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { keySlot } from '../../lib/store/cluster-slots.ts';
import { type RedisClusterOptions, redisStore } from '../../lib/store/redis.ts';
import type { Command, Reply, Store } from '../../lib/store/store.ts';
import { type ClusterNode, type RedisCluster, startRedisCluster } from '../support/redis-cluster.ts';
import { startRedis } from '../support/redis-server.ts';

const CROSSSLOT = { error: "CROSSSLOT Keys in request don't hash to the same slot" };

let cluster: RedisCluster;
beforeAll(async () => {
  cluster = await startRedisCluster();
});
afterAll(() => cluster?.stop());

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

function open(options: Partial<RedisClusterOptions['cluster']> = {}): Store {
  const store = redisStore({ cluster: { nodes: cluster.names, ...options } });
  cleanUps.push(() => store.close());
  return store;
}

let store: Store;
beforeEach(async () => {
  store = open();
  await store.execute([['FLUSHALL']]);
});

const one = async (...command: Command): Promise<Reply | undefined> => (await store.execute([command]))[0];

/** How often a node has answered MOVED. */
async function movedBy(node: ClusterNode): Promise<number> {
  return Number(/errorstat_MOVED:count=(\d+)/.exec(String(await node.ask('INFO', 'errorstats')))?.[1] ?? 0);
}

describe('a batch on a cluster', () => {
  it('is split over the nodes, one write to each, and its replies come back in order', async () => {
    const keys = Array.from({ length: 200 }, (_, i) => `split:${i}`);
    const write = vi.spyOn(Socket.prototype, 'write');
    cleanUps.push(() => write.mockRestore());
    expect(await store.execute(keys.map((key, i) => ['SET', key, `of ${i}`]))).toEqual(keys.map(() => 'OK'));
    expect(write.mock.calls).toHaveLength(3);
    const mixed = keys.flatMap((key, i): Command[] => [
      ['GET', key],
      ['ECHO', i],
      ['INCR', key],
    ]);
    expect(await store.execute(mixed)).toEqual(
      keys.flatMap((_, i) => [`of ${i}`, String(i), { error: 'ERR value is not an integer or out of range' }]),
    );
    const sizes = await Promise.all(cluster.nodes.slice(0, 3).map((node) => node.ask('DBSIZE')));
    expect(sizes.map(Number).every((size) => size > 30)).toBe(true);
    expect(await one('DBSIZE')).toBe(200);
  });

  it('keeps the order of what is said to one key, and of batches that leave together', async () => {
    const batches = Array.from({ length: 20 }, (_, i) =>
      store.execute([
        ['SET', `a:${i}`, 1],
        ['INCR', `a:${i}`],
        ['SET', `b:${i}`, 5],
        ['INCR', `a:${i}`],
        ['GET', `b:${i}`],
      ]),
    );
    for (const replies of await Promise.all(batches)) expect(replies).toEqual(['OK', 2, 'OK', 3, '5']);
  });

  it('finds the slots that Redis finds', async () => {
    const keys = ['', 'a', 'Grüße 🚀', '{a}b', 'x{}y', 'x{{a}}', '}{b}', 'a{b'];
    const slots = await store.execute(keys.map((key) => ['CLUSTER', 'KEYSLOT', key]));
    expect(keys.map(keySlot)).toEqual(slots);
  });

  it('answers CROSSSLOT in place of a command whose keys are apart, and runs the others', async () => {
    const replies = await store.execute([
      ['SET', 'foo', 1],
      ['MSET', 'foo', 2, 'bar', 2],
      ['MGET', '{t}a', '{t}b'],
      ['EVAL', 'return 1', 2, 'foo', 'bar', 'baz'],
      ['GET', 'foo'],
    ]);
    expect(replies).toEqual(['OK', CROSSSLOT, [null, null], CROSSSLOT, '1']);
  });

  it('runs as a transaction in one slot, and not at all in several', async () => {
    const apart: Command[] = [
      ['INCR', 'foo'],
      ['INCR', 'bar'],
    ];
    expect(await store.execute(apart, { atomic: true })).toEqual([CROSSSLOT, CROSSSLOT]);
    expect(await store.execute([['INCR', 'foo'], ['FLUSHALL']], { atomic: true })).toEqual([CROSSSLOT, CROSSSLOT]);
    expect(await store.execute(apart)).toEqual([1, 1]);
    const together: Command[] = [['INCR', '{foo}a'], ['PING'], ['INCR', '{foo}a']];
    expect(await store.execute(together, { atomic: true })).toEqual([1, 'PONG', 2]);
  });

  it('tells all nodes what is for all of them', async () => {
    const sha = String(await one('SCRIPT', 'LOAD', 'return KEYS[1]'));
    const keys = ['a', 'b', 'c', 'd', 'e'];
    expect(new Set(keys.map((key) => Math.floor(keySlot(key) / 5462))).size).toBe(3);
    expect(await store.execute(keys.map((key) => ['EVALSHA', sha, 1, key]))).toEqual(keys);
    expect(await one('SCRIPT', 'FLUSH')).toBe('OK');
    for (const reply of await store.execute(keys.map((key) => ['EVALSHA', sha, 1, key]))) {
      expect(reply).toEqual({ error: 'NOSCRIPT No matching script. Please use EVAL.' });
    }
    await store.execute(keys.map((key) => ['SET', key, 1]));
    expect(await store.execute([['DBSIZE'], ['FLUSHDB'], ['DBSIZE']])).toEqual([5, 'OK', 0]);
  });

  it('looks for keys where a hash tag says that they all are, and nowhere else', async () => {
    await store.execute(['{t}:1', '{t}:2', 't:3'].map((key) => ['SET', key, 'v']));
    expect([...((await one('KEYS', '{t}:*')) as string[])].sort()).toEqual(['{t}:1', '{t}:2']);
    const [, found] = (await one('SCAN', 0, 'MATCH', '{t}:*', 'COUNT', 100)) as [string, string[]];
    expect([...found].sort()).toEqual(['{t}:1', '{t}:2']);
    for (const command of [
      ['SCAN', 0],
      ['SCAN', 0, 'MATCH', 't*'],
      ['KEYS', '*'],
      ['KEYS', '*{t}'],
      ['KEYS', '{?}'],
    ]) {
      const refusal = { error: `ERR ${command[0]} in a Cluster needs a pattern with a hash tag, '{tag}*'` };
      expect(await one(...(command as [string, ...string[]]))).toEqual(refusal);
    }
  });
});

describe('a slot that goes to another node', () => {
  const slot = keySlot('moving');
  let source: ClusterNode;
  let target: ClusterNode;
  beforeEach(async () => {
    source = await cluster.primaryOf(slot);
    const primaries = await Promise.all([0, 6000, 16_000].map((at) => cluster.primaryOf(at)));
    target = primaries.find((node) => node !== source) ?? source;
    // The store has to have learnt where the slot is before it goes.
    await store.execute([['GET', 'moving']]);
  });

  const assign = async (): Promise<void> => {
    for (const node of [target, source]) await node.ask('CLUSTER', 'SETSLOT', slot, 'NODE', target.id);
  };
  const migrate = async (): Promise<void> => {
    await target.ask('CLUSTER', 'SETSLOT', slot, 'IMPORTING', source.id);
    await source.ask('CLUSTER', 'SETSLOT', slot, 'MIGRATING', target.id);
  };

  it('is followed for the commands that were refused, which run once; the next request goes there at once', async () => {
    await assign();
    const before = await movedBy(source);
    const batch: Command[] = [
      ['INCR', 'moving'],
      ['INCR', 'a'],
      ['INCR', 'b'],
      ['INCR', 'c'],
      ['INCR', 'moving'],
    ];
    expect(await store.execute(batch)).toEqual([1, 1, 1, 1, 2]);
    expect((await movedBy(source)) - before).toBe(2);
    // Until each node knows, one may still name the old one.
    await expect.poll(async () => (await cluster.primaryOf(slot, target)).id, { timeout: 5000 }).toBe(target.id);
    await store.execute([['GET', 'moving']]);
    const settled = await movedBy(source);
    expect(await store.execute(batch)).toEqual([3, 2, 2, 2, 4]);
    expect((await movedBy(source)) - settled).toBe(0);
    expect(await target.ask('GET', 'moving')).toBe('4');
  });

  it('is followed with a transaction, which runs once', async () => {
    await assign();
    expect(await store.execute([['INCR', 'moving'], ['PING'], ['INCR', 'moving']], { atomic: true })).toEqual([
      1,
      'PONG',
      2,
    ]);
    expect(await target.ask('GET', 'moving')).toBe('2');
  });

  it('is asked for at both nodes while it moves', async () => {
    await store.execute([['SET', '{moving}stays', 10]]);
    await migrate();
    expect(
      await store.execute([
        ['INCR', '{moving}stays'],
        ['INCR', '{moving}goes'],
        ['INCR', 'a'],
        ['INCR', '{moving}goes'],
        ['MGET', '{moving}stays', '{moving}goes'],
      ]),
    ).toEqual([11, 1, 1, 2, { error: 'TRYAGAIN Multiple keys request during rehashing of slot' }]);
    const fresh: Command[] = [
      ['INCR', '{moving}new'],
      ['INCR', '{moving}new'],
    ];
    expect(await store.execute(fresh, { atomic: true })).toEqual([1, 2]);
    expect(await source.ask('DBSIZE')).toBeGreaterThanOrEqual(1);
    await source.ask('MIGRATE', '127.0.0.1', target.server.port, '{moving}stays', 0, 1000);
    await assign();
    expect(await store.execute([['MGET', '{moving}stays', '{moving}goes', '{moving}new']])).toEqual([['11', '2', '2']]);
  });
});

describe('a cluster store and what it is told', () => {
  it('goes by one seed that is a replica, and past seeds that are not there', async () => {
    const seeds = ['127.0.0.1:1', ...cluster.names.slice(5)];
    expect(
      await open({ nodes: seeds }).execute([
        ['SET', 'a', 1],
        ['GET', 'a'],
      ]),
    ).toEqual(['OK', '1']);
  });

  it('says that nothing has run when no node is there', async () => {
    await expect(open({ nodes: ['127.0.0.1:1'] }).execute([['INCR', 'a']])).rejects.toMatchObject({
      code: 'STORE',
      kind: 'network',
      mayHaveRun: false,
    });
  });

  it('says that a Redis alone is no Cluster, and that a password is wrong', async () => {
    const server = await startRedis({ args: ['--requirepass', 'right'] });
    cleanUps.push(() => server.stop());
    const nodes = [`redis://127.0.0.1:${server.port}`];
    await expect(open({ nodes, password: 'right' }).execute([['PING']])).rejects.toMatchObject({
      code: 'CONFIG',
      setting: 'cluster.nodes',
    });
    await expect(open({ nodes, password: 'wrong' }).execute([['PING']])).rejects.toMatchObject({ kind: 'auth' });
  });

  it.each([
    ['cluster.nodes', { nodes: [] }],
    ['cluster.nodes', { nodes: ['s3cr3t:port'] }],
    ['cluster.nodes', { nodes: ['redis://:s3cr3t@h'] }],
    ['cluster.nodes', { nodes: ['redis://h/2'] }],
    ['cluster.nodes', { nodes: ['redis://h', 'rediss://h'] }],
    ['cluster.username', { nodes: ['h'], username: 's3cr3t' }],
  ])('refuses a wrong %s at once', (setting, options) => {
    const refused = (): Store => redisStore({ cluster: options });
    expect(refused).toThrow(expect.objectContaining({ code: 'CONFIG', setting }));
    expect(refused).not.toThrow(/s3cr3t/);
  });
});
