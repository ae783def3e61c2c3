import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeBundle } from '../../bench/node-bundle.mjs';
import { redisStore } from '../../lib/store/redis.ts';
import type { Store } from '../../lib/store/store.ts';
import { eventually } from '../support/eventually.ts';
import type { IdempotencyProcess } from '../support/idempotency-process.ts';
import { type ChildOf, startChild } from '../support/process-calls.ts';
import { startRedis } from '../support/redis-server.ts';

const PROCESSES = 4;

const processes: ChildOf<IdempotencyProcess>[] = [];
const cleanUps: (() => unknown)[] = [];
let redisUrl = '';
let store: Store;

beforeAll(async () => {
  const redis = await startRedis();
  cleanUps.push(redis.stop);
  redisUrl = redis.url;
  store = redisStore({ url: redisUrl });
  cleanUps.push(() => store.close());
  const program = await nodeBundle('tests/support/idempotency-process.ts');
  cleanUps.push(program.remove);
  processes.push(...Array.from({ length: PROCESSES }, () => startChild<IdempotencyProcess>(program.path)));
});

afterAll(async () => {
  await Promise.all(processes.map((one) => one.stop()));
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
});

const runsOf = async (key: string) => Number((await store.execute([['GET', `runs:${key}`]]))[0] ?? 0);

describe('one Idempotency-Key in several processes', () => {
  it('runs once, and all are answered with that run, also where it takes longer than a claim lasts', async () => {
    const setup = { redisUrl, key: 'k', runMs: 2_500, requests: 13 };
    const answers = (await Promise.all(processes.map(({ call }) => call.pay(setup)))).flat();
    expect(await runsOf('k')).toBe(1);
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(answers.some(({ conflicts }) => conflicts > 0)).toBe(true);
  });

  it('runs again, once, when the process that ran it was killed', async () => {
    const [victim, ...others] = processes;
    const killed = victim?.call.pay({ redisUrl, key: 'l', runMs: 60_000, requests: 1 }).catch(() => 'killed');
    await eventually(async () => (await runsOf('l')) === 1);
    const setup = { redisUrl, key: 'l', runMs: 10, requests: 5 };
    const rest = Promise.all(others.map(({ call }) => call.pay(setup)));
    await victim?.stop();
    expect(await killed).toBe('killed');
    const answers = (await rest).flat();
    expect(await runsOf('l')).toBe(2);
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(answers.every(({ text }) => text.startsWith('run 2 '))).toBe(true);
  });
});
