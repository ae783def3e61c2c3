import { afterAll, beforeAll, expect, it } from 'vitest';
import { nodeBundle } from '../../bench/node-bundle.mjs';
import { type ChildOf, startChild } from '../support/process-calls.ts';
import { startRedis } from '../support/redis-server.ts';
import type { StampedeOutcome, StampedeProcess, StampedeSetup } from '../support/stampede-process.ts';

const PROCESSES = 4;
const TTL_MS = 500;
const PERIODS = 10;

const processes: ChildOf<StampedeProcess>[] = [];
const cleanUps: (() => unknown)[] = [];
let redisUrl = '';

beforeAll(async () => {
  const redis = await startRedis();
  cleanUps.push(redis.stop);
  redisUrl = redis.url;
  const program = await nodeBundle('tests/support/stampede-process.ts');
  cleanUps.push(program.remove);
  processes.push(...Array.from({ length: PROCESSES }, () => startChild<StampedeProcess>(program.path)));
});

afterAll(async () => {
  await Promise.all(processes.map((one) => one.stop()));
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
});

it('loads about once in each period in all processes together, and nobody waits once there is a value', async () => {
  const all = async (setup: Partial<StampedeSetup>): Promise<StampedeOutcome> => {
    const whole = { redisUrl, ttlMs: TTL_MS, loadMs: 50, callers: 50, forMs: 100, ...setup };
    const outcomes = await Promise.all(processes.map(({ call }) => call.crowd(whole)));
    const sumOf = (name: keyof StampedeOutcome) => outcomes.reduce((sum, outcome) => sum + outcome[name], 0);
    return { loads: sumOf('loads'), reads: sumOf('reads'), misses: sumOf('misses') };
  };
  // Nobody has it: each process loads it once, however many of its callers want it.
  const cold = await all({ callers: 1 });
  expect(cold.loads).toBeLessThanOrEqual(PROCESSES);
  const { loads, reads, misses } = await all({ forMs: PERIODS * TTL_MS });
  console.log(`${loads} loads for ${reads} reads in ${PERIODS} periods of ${PROCESSES} processes`);
  expect(loads).toBeGreaterThanOrEqual(PERIODS / 2);
  expect(loads).toBeLessThanOrEqual(3 * PERIODS);
  expect(misses).toBe(0);
});
