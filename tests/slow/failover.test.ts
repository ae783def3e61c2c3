import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { isKvError } from '../../lib/errors.ts';
import { keySlot } from '../../lib/store/cluster-slots.ts';
import { redisStore } from '../../lib/store/redis.ts';
import type { Store } from '../../lib/store/store.ts';
import { startRedisCluster } from '../support/redis-cluster.ts';
import { startRedisSentinels } from '../support/redis-sentinel.ts';

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

const WORKERS = 20;
const SIGNAL_MS = 300;
/** Beyond its signal a call may last as long as two busy cores keep its process from running. */
const SLACK_MS = 500;

interface Load {
  acknowledged: number;
  /** Those which may have run without having been acknowledged. */
  unknown: number;
  refused: number;
  slowestMs: number;
  lastAcknowledgedAt: number;
  /** Longest time without an acknowledgement. */
  gapMs: number;
  /** Whatever was neither an acknowledgement nor an error of ours. */
  readonly surprises: unknown[];
  stop(): Promise<void>;
}

/** Counts `key` up from many sides at once until it is told to stop. */
function countUp(store: Store, key: string): Load {
  let going = true;
  const load: Load = {
    ...{ acknowledged: 0, unknown: 0, refused: 0, slowestMs: 0, lastAcknowledgedAt: performance.now(), gapMs: 0 },
    surprises: [],
    stop: async () => {
      going = false;
      await working;
    },
  };

  async function once(): Promise<void> {
    const startedAt = performance.now();
    try {
      const [reply] = await store.execute([['INCR', key]], { signal: AbortSignal.timeout(SIGNAL_MS) });
      if (typeof reply === 'number') {
        load.acknowledged += 1;
        load.gapMs = Math.max(load.gapMs, performance.now() - load.lastAcknowledgedAt);
        load.lastAcknowledgedAt = performance.now();
      } else load.refused += 1;
    } catch (error) {
      if (!isKvError(error) || error.code !== 'STORE') load.surprises.push(error);
      else if (error.mayHaveRun) load.unknown += 1;
      else load.refused += 1;
    }
    load.slowestMs = Math.max(load.slowestMs, performance.now() - startedAt);
  }

  async function work(): Promise<void> {
    while (going) {
      await once();
      await delay(1);
    }
  }

  const working = Promise.all(Array.from({ length: WORKERS }, work));
  return load;
}

/** Waits until something has been acknowledged after now. */
async function recovered(load: Load): Promise<void> {
  const from = performance.now();
  await expect.poll(() => load.lastAcknowledgedAt > from, { timeout: 30_000, interval: 20 }).toBe(true);
}

/** What the counter stands at, and whether it stays there. */
async function settled(store: Store, key: string): Promise<number> {
  const read = async (): Promise<number> => Number((await store.execute([['GET', key]]))[0]);
  const count = await read();
  await delay(1500);
  expect(await read()).toBe(count);
  return count;
}

function report(what: string, load: Load, count: number): void {
  const { acknowledged, unknown, refused } = load;
  const [gap, slowest] = [load.gapMs, load.slowestMs].map(Math.round);
  process.stdout.write(
    `${what}: ${acknowledged} acknowledged, ${unknown} unknown, ${refused} refused, counter ${count}, ` +
      `longest gap ${gap} ms, slowest call ${slowest} ms\n`,
  );
}

/** Redis replicates after it has answered: what was answered in its last turn may be lost, and nothing else. */
function expectEachCountedOnce(load: Load, count: number): void {
  expect(load.surprises).toEqual([]);
  expect(count).toBeLessThanOrEqual(load.acknowledged + load.unknown);
  expect(count).toBeGreaterThanOrEqual(load.acknowledged - WORKERS);
  expect(load.slowestMs).toBeLessThan(SIGNAL_MS + SLACK_MS);
}

describe('a primary that is killed while it counts', () => {
  it('of a Cluster, is replaced without a restart, and nothing is counted twice or late', async () => {
    const cluster = await startRedisCluster();
    cleanUps.push(cluster.stop);
    const store = redisStore({ cluster: { nodes: cluster.names } });
    cleanUps.push(() => store.close());
    const slot = keySlot('counter');
    const primary = await cluster.primaryOf(slot);
    const load = countUp(store, 'counter');
    await delay(1000);
    const others = ['a', 'b', 'c', 'd'].filter((key) => Math.floor(keySlot(key) / 5462) !== Math.floor(slot / 5462));
    await primary.server.kill();
    // Nodes that live go on.
    await store.execute(others.map((key) => ['SET', key, 1]));
    await recovered(load);
    await delay(500);
    await load.stop();
    const count = await settled(store, 'counter');
    report('Cluster', load, count);
    expectEachCountedOnce(load, count);
    expect((await cluster.primaryOf(slot, primary)).id).not.toBe(primary.id);
    // It comes back as a replica, and whoever still asks it is sent on.
    await primary.server.restart();
    const again = countUp(store, 'counter');
    await delay(2000);
    await again.stop();
    expect(again.unknown + again.refused).toBe(0);
    expect(await settled(store, 'counter')).toBe(count + again.acknowledged);
  }, 90_000);

  it('of a Cluster, is replaced also when it falls silent instead', async () => {
    const cluster = await startRedisCluster();
    cleanUps.push(cluster.stop);
    const store = redisStore({ cluster: { nodes: cluster.names }, connectTimeoutMs: 500 });
    cleanUps.push(() => store.close());
    const slot = keySlot('counter');
    const primary = await cluster.primaryOf(slot);
    const load = countUp(store, 'counter');
    await delay(1000);
    await primary.server.kill('SIGSTOP');
    await recovered(load);
    await expect
      .poll(async () => (await cluster.primaryOf(slot, primary)).id, { timeout: 30_000 })
      .not.toBe(primary.id);
    await recovered(load);
    await delay(500);
    await load.stop();
    const count = await settled(store, 'counter');
    await primary.server.kill('SIGCONT');
    await expect.poll(() => primary.ask('ROLE'), { timeout: 30_000 }).toContain('slave');
    report('Cluster, silent', load, count);
    // What it was sent while it stood still it may have run before it learnt that it is a replica, for itself only.
    expectEachCountedOnce(load, await settled(store, 'counter'));
  }, 90_000);

  it('behind sentinels, is replaced without a restart, and nothing is counted twice or late', async () => {
    const group = await startRedisSentinels();
    cleanUps.push(group.stop);
    const store = redisStore({ sentinels: { nodes: group.names, name: group.primaryName } });
    cleanUps.push(() => store.close());
    const load = countUp(store, 'counter');
    await delay(1000);
    await group.primary.kill();
    await recovered(load);
    await delay(500);
    await load.stop();
    const count = await settled(store, 'counter');
    report('Sentinel', load, count);
    expectEachCountedOnce(load, count);
    // The old one comes back believing that it is the primary, until the sentinels tell it otherwise.
    await group.primary.restart();
    const again = countUp(store, 'counter');
    await delay(2000);
    await again.stop();
    expect(await settled(store, 'counter')).toBe(count + again.acknowledged);
  }, 90_000);
});
