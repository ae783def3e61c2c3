import { setTimeout as delay } from 'node:timers/promises';
import { redisStore } from '../../lib/store/redis.ts';
import type { Command, Reply } from '../../lib/store/store.ts';
import { freePort, type RedisServer, startRedis } from './redis-server.ts';

export interface ClusterNode {
  readonly server: RedisServer;
  readonly id: string;
  /** `127.0.0.1:port` */
  readonly name: string;
  /** Asks this very node. */
  ask(...command: Command): Promise<Reply>;
}

export interface RedisClusterOptions {
  /** Further arguments of each node. @default none */
  readonly args?: readonly string[];
  /** Without them it is up sooner, and nothing fails over. @default true */
  readonly replicas?: boolean | undefined;
}

export interface RedisCluster {
  /** Three primaries with a third of the slots each, then a replica of each in the same order, if there are any. */
  readonly nodes: readonly ClusterNode[];
  readonly names: readonly string[];
  /** The node that serves a slot, by what another one than `besides` says. */
  primaryOf(slot: number, besides?: ClusterNode): Promise<ClusterNode>;
  stop(): Promise<void>;
}

const THIRDS = [
  [0, 5460],
  [5461, 10_922],
  [10_923, 16_383],
] as const;
const START_MS = 20_000;
const NODE_TIMEOUT_MS = 1000;
/** Nobody takes over: a node that a busy machine keeps waiting is not to be given up. */
const PATIENT_NODE_TIMEOUT_MS = 15_000;

/** Three primaries and three replicas on free loopback ports, serving when this resolves. Fails over in 2 to 3 s. */
export async function startRedisCluster({
  replicas = true,
  args = [],
}: RedisClusterOptions = {}): Promise<RedisCluster> {
  const all = replicas ? args : ['--cluster-node-timeout', String(PATIENT_NODE_TIMEOUT_MS), ...args];
  const started = await Promise.all(Array.from({ length: replicas ? 6 : 3 }, () => startNode(all)));
  const nodes = started.map(({ node }) => node);
  const stop = async (): Promise<void> => {
    await Promise.all(started.map((one) => one.stop()));
  };
  try {
    await introduce(started);
    await eventually(async () => (await Promise.all(nodes.map((node) => serves(node, nodes.length)))).every(Boolean));
    const primaries = replicas ? nodes.slice(0, 3) : [];
    for (const [index, primary] of primaries.entries()) await nodes[index + 3]?.ask('CLUSTER', 'REPLICATE', primary.id);
    await eventually(async () => (await Promise.all(nodes.slice(3).map(follows))).every(Boolean));
    // A replica that its primary's peers do not know of is not elected by them.
    await eventually(async () => (await Promise.all(nodes.map(replicasKnownTo))).every((n) => n === primaries.length));
  } catch (error) {
    await stop();
    throw error;
  }

  async function primaryOf(slot: number, besides?: ClusterNode): Promise<ClusterNode> {
    const asked = nodes.find((node) => node !== besides);
    const ranges = (await asked?.ask('CLUSTER', 'SLOTS')) as [number, number, [string, number]][];
    const port = ranges.find(([first, last]) => first <= slot && slot <= last)?.[2][1];
    const primary = nodes.find((node) => node.server.port === port);
    if (primary === undefined) throw new Error(`Nobody serves slot ${slot}`);
    return primary;
  }

  return { nodes, names: nodes.map(({ name }) => name), primaryOf, stop };
}

export interface ClusterOfOne extends ClusterNode {
  stop(): Promise<void>;
}

/** A real Cluster of one node with all the slots. Serves within a moment, and has nobody to fail over to. */
export async function startClusterOfOne(args: readonly string[] = []): Promise<ClusterOfOne> {
  const { node, stop } = await startNode(args);
  try {
    await node.ask('CLUSTER', 'ADDSLOTSRANGE', 0, 16_383);
    await eventually(async () => String(await node.ask('CLUSTER', 'INFO')).includes('cluster_state:ok'));
  } catch (error) {
    await stop();
    throw error;
  }
  return { ...node, stop };
}

interface StartedNode {
  readonly node: ClusterNode;
  readonly busPort: number;
  stop(): Promise<void>;
}

async function startNode(args: readonly string[] = []): Promise<StartedNode> {
  const busPort = await freePort();
  const server = await startRedis({
    args: [
      ...['--cluster-enabled', 'yes', '--cluster-port', String(busPort), '--repl-diskless-sync-delay', '0'],
      ...['--cluster-node-timeout', String(NODE_TIMEOUT_MS), ...args],
    ],
  });
  const store = redisStore({ url: server.url });
  const ask = async (...command: Command): Promise<Reply> => (await store.execute([command]))[0] ?? null;
  const node = { server, id: String(await ask('CLUSTER', 'MYID')), name: `127.0.0.1:${server.port}`, ask };
  const stop = async (): Promise<void> => {
    await store.close();
    await server.stop();
  };
  return { node, busPort, stop };
}

async function introduce(started: readonly StartedNode[]): Promise<void> {
  for (const [index, { node }] of started.entries()) {
    await node.ask('CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
    const range = THIRDS[index];
    if (range) await node.ask('CLUSTER', 'ADDSLOTSRANGE', ...range);
  }
  const [first, ...others] = started;
  for (const { node, busPort } of others)
    await first?.node.ask('CLUSTER', 'MEET', '127.0.0.1', node.server.port, busPort);
}

async function serves(node: ClusterNode, known: number): Promise<boolean> {
  const info = String(await node.ask('CLUSTER', 'INFO'));
  if (!info.includes('cluster_state:ok') || !info.includes(`cluster_known_nodes:${known}`)) return false;
  // What is published goes to the others on these links, and is lost where there is none yet.
  const nodes = String(await node.ask('CLUSTER', 'NODES'))
    .trim()
    .split('\n');
  return nodes.every((line) => line.includes('myself') || line.split(' ')[7] === 'connected');
}

async function follows(node: ClusterNode): Promise<boolean> {
  return String(await node.ask('INFO', 'replication')).includes('master_link_status:up');
}

async function replicasKnownTo(node: ClusterNode): Promise<number> {
  return String(await node.ask('CLUSTER', 'NODES')).match(/ slave|,slave/g)?.length ?? 0;
}

async function eventually(holds: () => Promise<boolean>): Promise<void> {
  for (const deadline = performance.now() + START_MS; !(await holds()); await delay(20)) {
    if (performance.now() > deadline) throw new Error('The cluster did not come up');
  }
}
