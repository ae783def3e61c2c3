import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type FaultyPaths, PATHS, type Path, startFaultyPaths } from '../support/faulty-paths.ts';
import { type Plant, SOUND, turnsRed, UNBOUNDED_PROBES } from '../support/planted-defects.ts';

let paths: FaultyPaths;
beforeAll(async () => {
  paths = await startFaultyPaths();
});
afterAll(() => paths?.close());
afterEach(() => paths.mend());

/** How long the circuit stays open here: less than an attempt to connect may take. */
const OPEN_MS = 50;

async function oneProbe(path: Path, plant: Plant): Promise<void> {
  const { kv, set, ask } = paths.over(path, plant, {
    breaker: { failureThreshold: 1, timeout: OPEN_MS },
    requestTimeoutMs: 2_000,
  });
  await set('refuse');
  await ask();
  expect(kv.circuit.state().state).toBe('OPEN');
  await set('pass');
  await delay(2 * OPEN_MS);
  const outcomes = await Promise.all(Array.from({ length: 100 }, () => ask(() => kv.command(['INCR', 'probes']))));
  expect(outcomes.filter((outcome) => outcome === 'ok')).toHaveLength(1);
  expect(outcomes.filter((outcome) => outcome.startsWith('CIRCUIT_OPEN'))).toHaveLength(99);
  expect(await paths.direct(path, 'GET', 'probes')).toBe('1');
}

describe.each(PATHS)('the end of an outage, over %s', (path) => {
  it.each([
    ['begun in it', false],
    ['open before it', true],
  ])(
    'fault 02 black hole: the first probe after it succeeds, whatever hangs in a connection %s',
    async (_, connected) => {
      const { kv, set, warmUp, ask } = paths.over(path, SOUND, { breaker: { failureThreshold: 2, timeout: OPEN_MS } });
      if (connected) await warmUp();
      await set('black-hole');
      for (let failures = 0; failures < 2; failures += 1) expect(await ask()).toBe('DEADLINE true');
      // A probe that meets the black hole as well.
      await delay(2 * OPEN_MS);
      expect(await ask()).toBe('DEADLINE true');
      expect(kv.circuit.state()).toMatchObject({ state: 'OPEN', reopenCount: 1 });
      await set('pass');
      await delay(2 * OPEN_MS);
      expect([await ask(), kv.circuit.state().state]).toEqual(['ok', 'HALF_OPEN']);
      expect([await ask(), kv.circuit.state().state]).toEqual(['ok', 'CLOSED']);
    },
  );

  it('fault 18 100 concurrent calls at the end of OPEN: Redis hears of one', async () => {
    await oneProbe(path, SOUND);
  });

  it('fault 18 turns red when probes are not bounded', async () => {
    await turnsRed(() => oneProbe(path, UNBOUNDED_PROBES));
  });
});
