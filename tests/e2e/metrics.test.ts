import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NextServer } from '../../cli/next-server.ts';
import { eventually } from '../support/eventually.ts';
import { readExposition } from '../support/exposition.ts';
import { ask, type Stack, startStack } from '../support/next-app.ts';

const METRICS_TOKEN = 'metrics-token-of-the-end-to-end-tests';
const CREDENTIALS = { authorization: `Bearer ${METRICS_TOKEN}` };

let stack: Stack;
let server: NextServer;

beforeAll(async () => {
  stack = await startStack();
  server = await stack.start({ BREAKWATER_METRICS_TOKEN: METRICS_TOKEN });
}, 120_000);

afterAll(() => stack.stop());

const scrape = (headers: Readonly<Record<string, string>> = CREDENTIALS) =>
  ask(server, { path: '/api/metrics', ip: '198.51.100.9', headers });

/** The values of all series, by name and labels. */
async function values(headers?: Readonly<Record<string, string>>): Promise<Readonly<Record<string, number>>> {
  const response = await scrape(headers);
  expect(response.status).toBe(200);
  return Object.fromEntries(
    readExposition(await response.text()).flatMap(({ samples }) =>
      samples.map(({ name, labels, value }) => [[name, ...Object.values(labels)].join(' '), value]),
    ),
  );
}

describe('GET /api/metrics of a built application', () => {
  it('is refused to who shows no token, or another', async () => {
    const { key } = await stack.keys.create({ owner: 'acme', scopes: ['admin'] });
    for (const headers of [{}, { authorization: `Bearer ${METRICS_TOKEN}x` }, { authorization: `Bearer ${key}` }]) {
      const response = await scrape(headers);
      expect(response.status).toBe(401);
      expect(await response.json()).toMatchObject({ code: 'metrics-token-invalid' });
    }
  });

  it('tells what the middleware has counted and what the handlers have, each by itself', async () => {
    const { key } = await stack.keys.create({ owner: 'acme' });
    const before = await values();
    for (let time = 0; time < 3; time += 1) await ask(server, { key });
    await ask(server, { path: '/api/echo', method: 'POST', key, body: 'hello' });
    await ask(server);
    const after = await values();
    const more = (series: string) => (after[series] ?? 0) - (before[series] ?? 0);
    expect(more('breakwater_decisions_total middleware allowed')).toBe(4);
    expect(more('breakwater_refusals_total middleware api-key-missing')).toBe(1);
    expect(more('breakwater_limit_checks_total middleware key allowed')).toBe(4);
    expect(more('breakwater_decision_duration_seconds_count middleware')).toBe(5);
    expect(more('breakwater_limit_checks_total handler handler-key allowed')).toBe(1);
    expect(after['breakwater_decisions_total handler allowed']).toBe(0);
    expect(after['breakwater_circuit_state middleware closed']).toBe(1);
    expect(after.breakwater_redis_up).toBe(1);
    expect(after.breakwater_redis_memory_used_bytes).toBeGreaterThan(0);
  });

  it('shows nothing of a key or of a whole address', async () => {
    const { key } = await stack.keys.create({ owner: 'acme' });
    await ask(server, { key, ip: '203.0.113.77' });
    const response = await scrape();
    expect([...response.headers.keys()].filter((name) => /middleware|metrics/.test(name))).toEqual([]);
    const text = await response.text();
    for (const secret of [key, '203.0.113.77', METRICS_TOKEN]) expect(text).not.toContain(secret);
  });

  it('takes no counts from a client', async () => {
    await ask(server);
    const header = `${'x'.repeat(43)}.{"id":"forged","decisions":{"allowed":1000000}}`;
    const told = await values({ ...CREDENTIALS, 'x-breakwater-metrics': header });
    expect(told['breakwater_decisions_total middleware refused']).toBeGreaterThan(0);
    expect(told['breakwater_decisions_total middleware allowed']).toBeLessThan(1_000);
  });

  it('answers while Redis is away, and says what that does', async () => {
    const { key } = await stack.keys.create({ owner: 'acme' });
    expect((await ask(server, { key })).status).toBe(200);
    await stack.redis.kill('SIGKILL');
    await eventually(async () => {
      await ask(server, { key });
      return (await values())['breakwater_circuit_state middleware open'] === 1;
    });
    const told = await values();
    expect(told['breakwater_degraded_decisions_total middleware keys']).toBeGreaterThan(0);
    expect(told['breakwater_circuit_opened_total middleware']).toBeGreaterThan(0);
    expect(told['breakwater_circuit_open_seconds_total middleware']).toBeGreaterThan(0);
  });
});
