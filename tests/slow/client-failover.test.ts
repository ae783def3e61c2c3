import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { createKv, type KvClient, type KvOptions } from '../../lib/client/kv-client.ts';
import { keySlot } from '../../lib/store/cluster-slots.ts';
import { redisStore } from '../../lib/store/redis.ts';
import type { Store } from '../../lib/store/store.ts';
import { eventually } from '../support/eventually.ts';
import { type IdWriters, type Told, writeIds } from '../support/id-writers.ts';
import { startRedisCluster } from '../support/redis-cluster.ts';
import { startRedisSentinels } from '../support/redis-sentinel.ts';

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

const WRITERS = 10;
const T = 500;
const PATIENT_MS = 5_000;
const OPEN_MS = 300;
/** Beyond its deadline a call may last as long as two busy cores keep its process from running. */
const SLACK_MS = 1_500;

/** A client, and the states that its circuit has gone through. */
function client(store: Store, options: Partial<KvOptions> = {}) {
  const states: string[] = [];
  const kv = createKv({
    store,
    requestTimeoutMs: T,
    breaker: { timeout: OPEN_MS },
    onEvent: (event) => {
      if (event.type === 'circuit') states.push(event.to);
    },
    ...options,
  });
  cleanUps.push(() => kv.close());
  return { kv, states };
}

const acknowledged = ({ position }: Told): boolean => position !== undefined;

/** Waits until the circuit has been open, is closed again, and something has been acknowledged since. */
async function recovers(kv: KvClient, states: readonly string[], load: IdWriters): Promise<void> {
  await eventually(() => states.includes('OPEN'));
  await eventually(() => kv.circuit.state().state === 'CLOSED');
  const from = performance.now();
  await eventually(() => load.told.some((one) => acknowledged(one) && one.startedAt > from));
}

function expectHealedByProbes(states: readonly string[]): void {
  expect(states[0]).toBe('OPEN');
  expect(states.slice(-2)).toEqual(['HALF_OPEN', 'CLOSED']);
  for (const [index, state] of states.entries()) {
    const next = states[index + 1];
    if (state === 'OPEN') expect(next).toBe('HALF_OPEN');
    if (state === 'CLOSED') expect([undefined, 'OPEN']).toContain(next);
  }
}

type Lists = ReadonlyMap<string, readonly string[]>;

async function listsOf(store: Store, keys: readonly string[]): Promise<Lists> {
  const replies = await store.execute(keys.map((key) => ['LRANGE', key, 0, -1]));
  return new Map(keys.map((key, index) => [key, replies[index] as string[]]));
}

/** What was acknowledged and is not there. */
function lostOf(told: readonly Told[], lists: Lists): readonly Told[] {
  return told.filter(({ key, id, position }) => position !== undefined && lists.get(key)?.[position - 1] !== id);
}

/** Holds whatever was killed: nothing twice, nothing that was said not to have run, no call beyond its deadline. */
function expectHonest(load: IdWriters, lists: Lists, timeoutMs = T): void {
  expect(load.surprises).toEqual([]);
  const present = [...lists.values()].flat();
  expect(new Set(present).size).toBe(present.length);
  const ghosts = load.told.filter(({ id, mayHaveRun, key }) => !mayHaveRun && lists.get(key)?.includes(id));
  expect(ghosts).toEqual([]);
  expect(Math.max(...load.told.map(({ tookMs }) => tookMs))).toBeLessThan(timeoutMs + SLACK_MS);
}

/**
 * Redis replicates after it has answered, and in order: so what it loses is the very end of what the primary had, however
 * much that is on a busy machine. All else that was acknowledged is in its place.
 */
function expectOnlyTheEndLost(load: IdWriters, lists: Lists, killedAt: number): void {
  const lost = lostOf(load.told, lists);
  const kept = load.told.filter((one) => acknowledged(one) && one.startedAt < killedAt && !lost.includes(one));
  const lastKept = Math.max(...kept.map(({ position = 0 }) => position));
  for (const { position, startedAt } of lost) {
    expect(position).toBeGreaterThan(lastKept);
    expect(startedAt).toBeLessThan(killedAt);
  }
}

function report(what: string, load: IdWriters, lists: Lists, states: readonly string[]): void {
  const count = (which: (one: Told) => boolean): number => load.told.filter(which).length;
  const slowest = Math.round(Math.max(...load.told.map(({ tookMs }) => tookMs)));
  process.stdout.write(
    `${what}: ${count(acknowledged)} acknowledged (${lostOf(load.told, lists).length} lost by Redis), ` +
      `${count((one) => !acknowledged(one) && one.mayHaveRun)} unknown, ${count((one) => !one.mayHaveRun)} not run, ` +
      `slowest call ${slowest} ms, circuit ${states.join(' ')}\n`,
  );
}

describe('a client whose primary is killed under load', () => {
  it('fault 14, fault 15: Sentinel failover with kill -9 of the primary', async () => {
    const group = await startRedisSentinels();
    cleanUps.push(group.stop);
    const open = (): Store => redisStore({ sentinels: { nodes: group.names, name: group.primaryName } });
    const { kv, states } = client(open());
    const load = writeIds(kv, ['ids'], WRITERS);
    await eventually(() => load.told.length > 500);
    expect(states).toEqual([]);
    const killedAt = performance.now();
    await group.primary.kill();
    await recovers(kv, states, load);
    await load.stop();

    const witness = redisStore({ url: group.replica.url });
    cleanUps.push(() => witness.close());
    const lists = await listsOf(witness, ['ids']);
    report('Sentinel', load, lists, states);
    expectHealedByProbes(states);
    expectHonest(load, lists);
    expectOnlyTheEndLost(load, lists, killedAt);

    // Nor later: not when all connections have come to rest, and not when the old primary is back.
    await group.primary.restart();
    const old = redisStore({ url: group.primary.url });
    cleanUps.push(() => old.close());
    // A sentinel that was kept waiting by a busy machine distrusts its clock, and does nothing for 30 s.
    await eventually(() => isReplica(() => old.execute([['ROLE']])), 75_000);
    await delay(1000);
    expect(await listsOf(witness, ['ids'])).toEqual(lists);
    expect(await kv.command(['RPUSH', 'ids', 'last'])).toBe((lists.get('ids')?.length ?? 0) + 1);
  }, 180_000);

  it('fault 14, fault 15: Cluster failover with kill -9 of a primary', async () => {
    // Else all nodes refuse all slots while one of them is not served, and so would prove nothing of ours.
    const cluster = await startRedisCluster({ args: ['--cluster-require-full-coverage', 'no'] });
    cleanUps.push(cluster.stop);
    const open = (): Store => redisStore({ cluster: { nodes: cluster.names } });
    const keys = await Promise.all(
      [0, 6_000, 12_000].map(async (slot) => ({ key: keyNear(slot), primary: await cluster.primaryOf(slot) })),
    );
    const [dead, ...others] = keys;
    if (dead === undefined) throw new Error('There is no primary to kill');
    const live = others.map(({ key }) => key);

    const struck = client(open());
    // Patient, because these must not fail for a machine that is busy.
    const spared = client(open(), { requestTimeoutMs: PATIENT_MS });
    // Every command in a request of its own, so that those to nodes that live are not in one with others.
    const mixed = client(open(), { requestTimeoutMs: PATIENT_MS, batch: { maxInFlight: 1_000 } });
    const loads = {
      struck: writeIds(struck.kv, [dead.key], WRITERS),
      spared: writeIds(
        spared.kv,
        live.map((key) => `{${key}}spared`),
        2,
      ),
      mixed: writeIds(
        mixed.kv,
        [dead.key, ...live].map((key) => `{${key}}mixed`),
        2,
      ),
    };
    const all = Object.values(loads);
    await eventually(() => all.every(({ told }) => told.length > 500));
    expect([struck, spared, mixed].flatMap(({ states }) => states)).toEqual([]);
    const killedAt = performance.now();
    await dead.primary.server.kill();
    await recovers(struck.kv, struck.states, loads.struck);
    const from = performance.now();
    await eventually(() =>
      loads.mixed.told.some((one) => one.key.includes(dead.key) && acknowledged(one) && one.startedAt > from),
    );
    for (const load of all) await load.stop();

    const witness = open();
    cleanUps.push(() => witness.close());
    const written = [...new Set(all.flatMap(({ told }) => told.map(({ key }) => key)))];
    const lists = await listsOf(witness, written);
    for (const [name, load] of Object.entries(loads)) {
      report(`Cluster, ${name}`, load, lists, { struck, spared, mixed }[name]?.states ?? []);
    }
    expectHealedByProbes(struck.states);
    for (const load of all) {
      expectHonest(load, lists, load === loads.struck ? T : PATIENT_MS);
      const { told } = load;
      for (const key of written) {
        expectOnlyTheEndLost({ ...load, told: told.filter((one) => one.key === key) }, lists, killedAt);
      }
    }
    // Nodes that live go on: wholly for whoever speaks to them alone, else unless the circuit is open.
    expect(loads.spared.told.every(acknowledged)).toBe(true);
    expect(spared.states).toEqual([]);
    const besides = loads.mixed.told.filter(({ key }) => !key.includes(dead.key));
    expect(new Set(besides.map(({ reason }) => reason ?? 'ok'))).toEqual(
      new Set(mixed.states.includes('OPEN') ? ['ok', 'CIRCUIT_OPEN'] : ['ok']),
    );
    expect(lostOf([...loads.spared.told, ...besides], lists)).toEqual([]);

    // Nor later: not when all connections have come to rest, and not when the old primary is back.
    await dead.primary.server.restart();
    await eventually(() => isReplica(() => dead.primary.ask('ROLE')));
    await delay(1000);
    expect(await listsOf(witness, written)).toEqual(lists);
    expect(await struck.kv.command(['RPUSH', dead.key, 'last'])).toBe((lists.get(dead.key)?.length ?? 0) + 1);
  }, 120_000);
});

/** A primary that is made a replica closes the connections of all clients: the one that asks may be among them. */
async function isReplica(askRole: () => Promise<unknown>): Promise<boolean> {
  try {
    return String(await askRole()).startsWith('slave');
  } catch {
    return false;
  }
}

/** A key in one of the slots from `first` on, served by the same primary. */
function keyNear(first: number): string {
  for (let n = 0; ; n += 1) {
    const slot = keySlot(`ids:${n}`);
    if (slot >= first && slot < first + 4_000) return `ids:${n}`;
  }
}
