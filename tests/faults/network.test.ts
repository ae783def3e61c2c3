import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { createServer as createTlsServer } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type FaultyClient, type FaultyPaths, PATHS, type Path, startFaultyPaths, T } from '../support/faulty-paths.ts';
import { LOCALHOST_CERTIFICATE, LOCALHOST_KEY } from '../support/localhost-certificate.ts';
import { DEAF_CLOCK, type Plant, RETRYING_STORE, SOUND, turnsRed } from '../support/planted-defects.ts';

let paths: FaultyPaths;
beforeAll(async () => {
  paths = await startFaultyPaths();
});
afterAll(() => paths?.close());
afterEach(() => paths.mend());

/** Five failures open it, each an answer by the deadline; then there is no I/O and no waiting. */
async function opensAtTheFifth({ kv, ask, attempts }: FaultyClient, expected: RegExp, perCall?: number): Promise<void> {
  for (let failures = 0; failures < 5; failures += 1) {
    expect(kv.circuit.state()).toMatchObject({ state: 'CLOSED', consecutiveFailures: failures });
    expect(await ask()).toMatch(expected);
    if (perCall !== undefined) expect(attempts()).toBe((failures + 1) * perCall);
  }
  expect(kv.circuit.state()).toMatchObject({ state: 'OPEN', totals: { failures: 5 } });
  const before = [attempts(), paths.connections()];
  const times: number[] = [];
  for (let call = 0; call < 21; call += 1) {
    const startedAt = performance.now();
    expect(await ask()).toMatch(/^CIRCUIT_OPEN/);
    times.push(performance.now() - startedAt);
  }
  // The middle one: single calls may meet a busy machine.
  expect(times.sort((a, b) => a - b)[10]).toBeLessThan(5);
  expect([attempts(), paths.connections()]).toEqual(before);
}

/** By REST one request is made for one call, by TCP three attempts at most to connect, within 300 ms. */
async function refused(path: Path, plant: Plant): Promise<void> {
  const client = paths.over(path, plant, { requestTimeoutMs: 5_000 });
  await client.set('refuse');
  await opensAtTheFifth(client, /^network false$/, path === 'REST' ? 1 : 3);
}

async function swallowed(path: Path, plant: Plant): Promise<void> {
  const client = paths.over(path, plant);
  await client.set('black-hole');
  await opensAtTheFifth(client, /^DEADLINE true$/, path === 'REST' ? 1 : undefined);
}

async function stalled(path: Path, plant: Plant): Promise<void> {
  const client = paths.over(path, plant, { breaker: { failureThreshold: 1 } });
  await client.kv.command(['SET', 'a', 'x'.repeat(100)]);
  await client.set(path === 'REST' ? 'stall-body' : { stallAfter: 20 });
  expect(await client.ask(() => client.kv.command(['GET', 'a']))).toBe('DEADLINE false');
  expect(client.kv.circuit.state()).toMatchObject({ state: 'OPEN', lastFailure: { kind: 'deadline' } });
}

describe.each(PATHS)('what the network does to %s', (path) => {
  it('fault 01 connection refused', async () => {
    await refused(path, SOUND);
  });

  it('fault 02 black hole', async () => {
    await swallowed(path, SOUND);
  });

  it('fault 03 headers sent, body stalls', async () => {
    await stalled(path, SOUND);
  });

  it('fault 04 slow answer beyond T', async () => {
    const { kv, set, ask } = paths.over(path, SOUND);
    await kv.set('a', 'old');
    await set({ slowMs: 3 * T });
    expect(await ask(() => kv.get('a'))).toBe('DEADLINE false');
    expect(kv.circuit.state()).toMatchObject({ totals: { failures: 1 }, lastFailure: { kind: 'deadline' } });
    await set('pass');
    await paths.direct(path, 'SET', 'a', '"new"');
    await delay(3 * T);
    expect(await kv.get('a')).toBe('new');
    expect(kv.circuit.state().totals).toMatchObject({ failures: 1, successes: 2 });
  });

  it('fault 05 slow answer within T', async () => {
    const patient = paths.over(path, SOUND, { requestTimeoutMs: 2_000 });
    const strict = paths.over(path, SOUND, { requestTimeoutMs: 2_000, breaker: { slowCall: { ms: 50 } } });
    for (const { kv } of [patient, strict]) await kv.command(['PING']);
    const before = strict.kv.circuit.state().totals;
    await patient.set({ slowMs: 100 });
    for (const { ask, kv } of [patient, strict]) expect(await ask(() => kv.command(['PING']))).toBe('ok');
    expect(patient.kv.circuit.state().totals).toMatchObject({ successes: 2, failures: 0 });
    expect(strict.kv.circuit.state()).toMatchObject({
      lastFailure: { kind: 'slow' },
      totals: { failures: before.failures + 1 },
    });
  });

  it('fault 01 turns red with a client that sends again', async () => {
    await turnsRed(() => refused(path, RETRYING_STORE));
  });
});

describe.each(['REST', 'TCP'] as const)('without deadlines, over %s', (path) => {
  it('fault 02 turns red', async () => {
    await turnsRed(() => swallowed(path, DEAF_CLOCK));
  });

  it('fault 03 turns red', async () => {
    await turnsRed(() => stalled(path, DEAF_CLOCK));
  });
});

describe('what the network does to names', () => {
  it('fault 01 DNS failure', async () => {
    // Nothing answers to this name. Some resolvers take longer over that than the deadline is.
    const nameless = paths.over('REST', SOUND, { url: 'http://breakwater.invalid' });
    await opensAtTheFifth(nameless, /^(network false|DEADLINE true)$/, 1);
  });
});

describe('what the network does to certificates', () => {
  it('fault 01 TLS failure', async () => {
    // One that nobody vouches for.
    const front = createTlsServer({ key: LOCALHOST_KEY, cert: LOCALHOST_CERTIFICATE }).listen(0, '127.0.0.1');
    await once(front, 'listening');
    try {
      const url = `https://127.0.0.1:${(front.address() as AddressInfo).port}`;
      const distrustful = paths.over('REST', SOUND, { url, requestTimeoutMs: 5_000 });
      await opensAtTheFifth(distrustful, /^network true$/, 1);
    } finally {
      front.close();
    }
  });
});
