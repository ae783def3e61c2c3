import { afterAll, beforeAll, expect, it } from 'vitest';
import { keysOf } from '../../lib/store/command-keys.ts';
import { redisStore } from '../../lib/store/redis.ts';
import type { Command, Store } from '../../lib/store/store.ts';
import { type RedisCluster, startRedisCluster } from '../support/redis-cluster.ts';
import { COMMANDS } from './coverage.ts';
import { emptied } from './differential.ts';
import { connectResp2 } from './resp2-connection.ts';
import { storeDifferential } from './store-differential.ts';

let cluster: RedisCluster;
let store: Store;

beforeAll(async () => {
  cluster = await startRedisCluster({ replicas: false });
  store = redisStore({ cluster: { nodes: cluster.names.slice(1) } });
}, 30_000);
afterAll(async () => {
  await store?.close();
  await cluster?.stop();
});

storeDifferential('redis cluster', { where: 'cluster', start: async () => ({ empty: emptied(store) }) });

it('the sequences for a Cluster reach all of its primaries', async () => {
  for (const node of cluster.nodes) {
    const calls = /cmdstat_set:calls=(\d+)/.exec(String(await node.ask('INFO', 'commandstats')))?.[1];
    expect(Number(calls)).toBeGreaterThan(10);
  }
});

it('a command whose keys are in several slots is answered as by a node of the Cluster', async () => {
  const SEVERAL: readonly Command[] = [
    ...['DEL', 'UNLINK', 'EXISTS', 'TOUCH', 'MGET', 'RENAME', 'RENAMENX'].map((name): Command => [name, '{a}', '{b}']),
    ...['SUNION', 'SINTER', 'SDIFF', 'SUNIONSTORE', 'SINTERSTORE', 'SDIFFSTORE'].map(
      (name): Command => [name, '{a}', '{a}other', '{b}'],
    ),
    ...['MSET', 'MSETNX'].map((name): Command => [name, '{a}', 'x', '{b}', 'y']),
    ['EVAL', 'return 1', 2, '{a}', '{b}'],
    ['EVALSHA', 'e0e1f9fabfc9d4800c877a703b823ac0578ff8db', 2, '{a}', '{b}'],
  ];
  const takesSeveral = COMMANDS.filter((name) => keysOf([name, '1', '2', '3', '4']).length > 1);
  expect(SEVERAL.map(([name]) => name.toLowerCase()).sort()).toEqual(takesSeveral.sort());
  for (const { server } of cluster.nodes) {
    const bare = await connectResp2(server.port);
    expect(await store.execute(SEVERAL)).toEqual(await bare.send(SEVERAL));
    bare.close();
  }
});
