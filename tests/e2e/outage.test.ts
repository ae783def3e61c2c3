import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NextServer } from '../../cli/next-server.ts';
import { eventually } from '../support/eventually.ts';
import { ask, newAddress, OPEN_MS, type Stack, startStack } from '../support/next-app.ts';

let stack: Stack;
let server: NextServer;

beforeAll(async () => {
  stack = await startStack();
  server = await stack.start();
}, 120_000);

afterAll(() => stack.stop());

interface Answer {
  readonly status: number;
  readonly code: string | undefined;
  readonly degraded: string | null;
}

const addresses = { next: 0 };

/** A request of a client never seen before, so that only the key's limit matters. */
async function knock(key: string): Promise<Answer> {
  addresses.next += 1;
  const response = await ask(server, { key, ip: newAddress(addresses.next) });
  const body = (await response.json()) as { code?: string };
  return { status: response.status, code: body.code, degraded: response.headers.get('x-breakwater-degraded') };
}

/** Callers who knock one after another until told to stop. */
function load(callers: number, key: () => string) {
  const answers: Answer[] = [];
  let stopped = false;
  const caller = async () => {
    while (!stopped) answers.push(await knock(key()));
  };
  const running = Promise.all(Array.from({ length: callers }, caller));
  return {
    answers,
    async stop() {
      stopped = true;
      await running;
      return answers;
    },
  };
}

async function circuit(): Promise<string> {
  const response = await ask(server, { path: '/api/health' });
  return ((await response.json()) as { middleware: { state: string } }).middleware.state;
}

const newKey = async (limit: number) =>
  (await stack.keys.create({ owner: 'acme', limits: { key: { limit, windowMs: 3_600_000 } } })).key;

describe('Redis killed under load', () => {
  it('keeps known keys coming in, counts locally, answers 503 only where nobody can say, and heals by itself', async () => {
    const known = await newKey(10_000_000);
    const limited = await newKey(5);
    const revoked = await newKey(5);
    for (const key of [known, limited, revoked]) expect((await knock(key)).status).toBe(200);
    await stack.keys.revoke(revoked);
    expect((await knock(revoked)).status).toBe(401);

    const guests = load(4, () => known);
    const strangers = load(2, stack.keys.format.generate);
    await eventually(() => guests.answers.length > 50 && strangers.answers.length > 25);

    await stack.redis.kill('SIGKILL');
    await eventually(async () => (await circuit()) === 'OPEN');

    // Known and revoked are told apart from memory; the limit of 5 is counted in this process, from a full account.
    expect(await knock(known)).toMatchObject({ status: 200, degraded: 'keys, limit' });
    expect(await knock(revoked)).toMatchObject({ status: 401, code: 'api-key-invalid' });
    expect(await knock(stack.keys.format.generate())).toMatchObject({ status: 503, code: 'key-store-unavailable' });
    const counted: number[] = [];
    for (let index = 0; index < 7; index += 1) counted.push((await knock(limited)).status);
    expect(counted).toEqual([200, 200, 200, 200, 200, 429, 429]);

    const duringOutage = { guests: guests.answers.length, strangers: strangers.answers.length };
    await eventually(() => guests.answers.length > duringOutage.guests + 100);

    await stack.redis.restart();
    const backAt = performance.now();
    await eventually(async () => (await circuit()) === 'CLOSED');
    const healedAfterMs = performance.now() - backAt;
    console.log(`CLOSED ${Math.round(healedAfterMs)} ms after Redis was back (open for ${OPEN_MS} ms)`);
    expect(healedAfterMs).toBeLessThanOrEqual(OPEN_MS + 1_000);

    await eventually(async () => (await knock(stack.keys.format.generate())).status === 401);
    expect(await knock(known)).toMatchObject({ status: 200, degraded: null });

    const statuses = (answers: readonly Answer[]) => new Set(answers.map(({ status }) => status));
    expect(statuses(await guests.stop())).toEqual(new Set([200]));
    const toStrangers = await strangers.stop();
    expect(statuses(toStrangers)).toEqual(new Set([401, 503]));
    const unavailable = toStrangers.filter(({ status }) => status === 503);
    expect(unavailable.every(({ code }) => code === 'key-store-unavailable')).toBe(true);
  }, 60_000);

  it('leaves one line for each change of state, and no key in any of them', () => {
    const lines = server.output().split('\n');
    const about = (text: string) => lines.filter((line) => line.includes(text));
    const opened = about('[KV Circuit Breaker] Circuit is OPEN').length;
    expect(opened).toBeGreaterThanOrEqual(1);
    expect(about('[KV Circuit Breaker] Circuit is CLOSED (recovered)')).toHaveLength(1);
    expect(about('[Rate Limit] KV unavailable for key')).toHaveLength(1);
    expect(server.output()).not.toMatch(/bw_live_/);
  });
});
