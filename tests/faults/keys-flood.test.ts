import { describe, expect, it } from 'vitest';
import { createKeyFormat } from '../../lib/keys/key-format.ts';
import type { MissSettings } from '../../lib/keys/miss-guard.ts';
import { type KeyWorld, keyWorld, type Process } from '../support/key-world.ts';
import { turnsRed } from '../support/planted-defects.ts';

const COUNT = 10_000;
/** As many as a source is asked for at once: more would be refused for that. */
const AT_ONCE = 16;
const VALID = 50;
const MAX_KNOWN = 100;
/** What is borne without a setting: of one client, and of all together in ten seconds. */
const PER_CLIENT = 20;
const IN_ALL = 300;
const UNBOUNDED: MissSettings = { perClient: false, budget: false };

const { generate } = createKeyFormat('bw', 'live');
const unknown = Array.from({ length: COUNT }, generate);

type From = 'one address' | 'many addresses' | 'nowhere';

const addressOf: Readonly<Record<From, (index: number) => string | undefined>> = {
  'one address': () => '192.0.2.66',
  'many addresses': (index) => `198.51.${index >> 8}.${index & 255}`,
  nowhere: () => undefined,
};

interface Siege {
  readonly world: KeyWorld;
  readonly process: Process;
  readonly valid: readonly string[];
  /** Looks in the source that the flood cost. */
  readonly looks: number;
}

interface SiegeOptions {
  readonly misses?: MissSettings;
  readonly away?: boolean;
}

/** Valid keys that a process knows, and then the flood. Time stands still, so that nothing is forgotten. */
async function siege(from: From, { misses, away = false }: SiegeOptions = {}): Promise<Siege> {
  const world = keyWorld('function');
  const process = world.start({ misses, maxKnownKeys: MAX_KNOWN });
  const valid: string[] = [];
  for (let index = 0; index < VALID; index += 1) valid.push(await world.issue());
  for (const key of valid) expect(await process.check(key, '192.0.2.1', '/')).toMatchObject({ outcome: 'allow' });
  if (away) world.takeAway('redis');
  const before = world.source?.looks.length ?? 0;
  for (let index = 0; index < COUNT; index += AT_ONCE) {
    const keys = unknown.slice(index, index + AT_ONCE);
    const ask = (key: string, place: number) => {
      const client = addressOf[from](index + place);
      return client === undefined ? process.keys.validate(key) : process.check(key, client, '/');
    };
    const answers = await Promise.all(keys.map(ask));
    expect(answers.filter((answer) => 'outcome' in answer && answer.outcome === 'allow')).toEqual([]);
    expect(answers.filter((answer) => 'status' in answer && answer.status === 'VALID')).toEqual([]);
  }
  return { world, process, valid, looks: (world.source?.looks.length ?? 0) - before };
}

/** Valid keys are answered from memory, as if there had been nothing. */
async function expectUndisturbed({ world, process, valid }: Siege): Promise<void> {
  const [requests, looks] = [world.redis.requests.length, world.source?.looks.length];
  for (const key of valid) expect(await process.check(key, '192.0.2.1', '/')).toMatchObject({ outcome: 'allow' });
  // From the address of the flood too.
  for (const key of valid) expect(await process.check(key, '192.0.2.66', '/')).toMatchObject({ outcome: 'allow' });
  expect([world.redis.requests.length, world.source?.looks.length]).toEqual([requests, looks]);
  expect(process.keys.stats().size).toBe(VALID);
}

async function expectBounded(besieged: Siege, most: number): Promise<void> {
  expect(besieged.looks).toBe(most);
  await expectUndisturbed(besieged);
}

describe('fault 37 flood of 10,000 random well-formed keys:', () => {
  it.each([
    ['one address', PER_CLIENT],
    ['many addresses', IN_ALL],
    ['nowhere', IN_ALL],
  ] as const)('from %s it costs the source %i looks, and valid keys nothing', async (from, most) => {
    const besieged = await siege(from);
    await expectBounded(besieged, most);
    // Of a valid key its entry, its mark and its uses; accounts of clients whose keys were looked for, and the budget.
    const [size] = await besieged.world.redis.execute([['DBSIZE']]);
    expect(size).toBeLessThanOrEqual(3 * VALID + most + 1);
  });

  it('while Redis is away it costs no more', async () => {
    await expectBounded(await siege('nowhere', { away: true }), IN_ALL);
  });

  it('without bounds every key is looked for, which is seen, and only unknown keys are pushed out', async () => {
    const besieged = await siege('nowhere', { misses: UNBOUNDED });
    expect(besieged.looks).toBe(COUNT);
    await turnsRed(() => expectBounded(besieged, PER_CLIENT));
    await expectUndisturbed(besieged);
    const { world, process } = besieged;
    const isLookedFor = async (index: number) => {
      const before = world.source?.looks.length;
      await process.keys.validate(unknown.at(index) ?? '');
      return world.source?.looks.length !== before;
    };
    // Those of one time are noted in any order.
    expect(await isLookedFor(-MAX_KNOWN + AT_ONCE)).toBe(false);
    expect(await isLookedFor(-MAX_KNOWN - AT_ONCE)).toBe(true);
    for (let index = 0; index < 2 * MAX_KNOWN; index += 1) await process.keys.validate(await world.issue());
    expect(process.keys.stats().size).toBe(MAX_KNOWN);
  });
});
