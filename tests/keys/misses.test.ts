import { describe, expect, it } from 'vitest';
import { type KeyWorld, keyWorld, PEPPER, type Process } from '../support/key-world.ts';

const CLIENT = '192.0.2.1';
const MINUTE_MS = 60_000;
const NEW = { kid: 'k2', secret: 'another-secret-of-the-tests' };

const UNKNOWN = { status: 'INVALID', reason: 'unknown' };
const locked = (retryAfterMs: number) => ({ status: 'UNAVAILABLE', reason: 'locked', retryAfterMs });

/** Keys are on record in a source; Redis, where misses are counted else, is there or away. */
async function besieged(redis: 'there' | 'away', options: Parameters<KeyWorld['start']>[0] = {}) {
  const world = keyWorld('function');
  await world.issue();
  if (redis === 'away') world.takeAway('redis');
  const process = world.start(options);
  const guess = (client: string | undefined = CLIENT) => process.keys.validate(world.unknown(), { client });
  return { world, process, guess };
}

async function passes({ keys, check }: Process, key: string): Promise<boolean> {
  const validation = await keys.validate(key, { client: CLIENT });
  return validation.status === 'VALID' && (await check(key, CLIENT)).outcome === 'allow';
}

describe.each(['there', 'away'] as const)('unknown keys of one address, with Redis %s', (redis) => {
  it('lock it out from the twentieth on, each less than a minute after the one before, for twice as long each time', async () => {
    const { world, guess } = await besieged(redis);
    for (let turn = 0; turn < 19; turn += 1) {
      expect(await guess()).toEqual(UNKNOWN);
      world.clock.advance(MINUTE_MS - 1);
    }
    for (let lockoutMs = 1_000; lockoutMs < 900_000; lockoutMs *= 2) {
      expect(await guess()).toEqual(UNKNOWN);
      expect(await guess()).toEqual(locked(lockoutMs));
      world.clock.advance(lockoutMs - 1);
      expect(await guess()).toEqual(locked(1));
      world.clock.advance(1);
    }
    for (let turn = 0; turn < 2; turn += 1) {
      expect(await guess()).toEqual(UNKNOWN);
      expect(await guess()).toEqual(locked(900_000));
      world.clock.advance(900_000);
    }
    expect(await guess('192.0.2.2')).toEqual(UNKNOWN);
  });

  it('are forgotten a minute after the last of them', async () => {
    const { world, guess } = await besieged(redis);
    for (let turn = 0; turn < 3; turn += 1) {
      for (let miss = 0; miss < 19; miss += 1) expect(await guess()).toEqual(UNKNOWN);
      // Redis ends a key in the millisecond after its time.
      world.clock.advance(MINUTE_MS + 1);
    }
  });

  it('keep no key out that this process has seen', async () => {
    const { world, process, guess } = await besieged(redis);
    const key = await world.issue();
    expect(await passes(process, key)).toBe(true);
    for (let turn = 0; turn < 30; turn += 1) await guess();
    expect(await guess()).toMatchObject({ reason: 'locked' });
    world.clock.advance(500);
    expect(await passes(process, key)).toBe(true);
    // Its answer is no longer fresh, and the address is locked out again.
    world.clock.advance(10_000);
    await guess();
    expect(await guess()).toMatchObject({ reason: 'locked' });
    expect(await passes(process, key)).toBe(true);
  });

  it('spare a key that another process has seen valid, and this one has not, where Redis can say so', async () => {
    const world = keyWorld('function');
    const key = await world.issue();
    expect(await passes(world.start(), key)).toBe(true);
    // Its entry ends; its mark stays.
    world.clock.advance(300_001);
    if (redis === 'away') world.takeAway('redis');
    const process = world.start();
    for (let turn = 0; turn < 30; turn += 1) await process.keys.validate(world.unknown(), { client: CLIENT });
    if (redis === 'there') expect(await passes(process, key)).toBe(true);
    else expect(await process.check(key, CLIENT)).toMatchObject({ status: 429, code: 'too-many-unknown-keys' });
  });
});

describe.each(['there', 'away'] as const)('unknown keys of all clients together, with Redis %s', (redis) => {
  it('are looked for 300 times in 10 s, under each pepper, and beyond are a 503', async () => {
    const { world, process, guess } = await besieged(redis, { pepper: [NEW, PEPPER] });
    const before = world.source?.looks.length ?? 0;
    const address = (index: number) => `198.51.100.${index % 100}`;
    for (let index = 0; index < 300; index += 1) expect(await guess(address(index))).toEqual(UNKNOWN);
    const busy = { status: 'UNAVAILABLE', reason: 'busy', retryAfterMs: 10_000 };
    expect(await guess(address(300))).toEqual(busy);
    expect(await guess(undefined)).toMatchObject({ reason: 'busy' });
    expect(await process.check(world.unknown(), '192.0.2.9')).toMatchObject({
      ...{ status: 503, code: 'key-store-unavailable' },
    });
    expect((world.source?.looks.length ?? 0) - before).toBe(600);
    world.clock.advance(10_001);
    expect(await guess(address(1))).toEqual(UNKNOWN);
  });

  it('are looked for again when the time of the first has passed, however many were refused meanwhile', async () => {
    const { world, guess } = await besieged(redis, { misses: { budget: { limit: 2, windowMs: 10_000 } } });
    expect(await guess()).toEqual(UNKNOWN);
    world.clock.advance(9_000);
    expect(await guess()).toEqual(UNKNOWN);
    for (let turn = 0; turn < 2; turn += 1) {
      expect(await guess()).toEqual({ status: 'UNAVAILABLE', reason: 'busy', retryAfterMs: 1_000 - turn * 999 });
      world.clock.advance(999);
    }
    // Redis ends a key in the millisecond after its time.
    world.clock.advance(3);
    expect(await guess()).toEqual(UNKNOWN);
  });

  it('are looked for without an end where nobody counts them', async () => {
    const { guess } = await besieged(redis, { misses: { perClient: false, budget: false } });
    for (let turn = 0; turn < 400; turn += 1) expect(await guess()).toEqual(UNKNOWN);
  });
});

describe('what is no count of misses', () => {
  it.each(['x', '', ':', 'x25:9000000000000000', '25:9000000000000000x'])('counts as none: %j', async (text) => {
    const { world, guess } = await besieged('there');
    await world.redis.execute([['SET', `auth:misses:${CLIENT}`, text]]);
    for (let turn = 0; turn < 20; turn += 1) expect(await guess()).toEqual(UNKNOWN);
    expect(await guess()).toEqual(locked(1_000));
  });

  it('and a budget that has no end is given one', async () => {
    const { world, guess } = await besieged('there');
    await world.redis.execute([['SET', 'auth:budget', '5000']]);
    expect(await guess()).toMatchObject({ reason: 'busy' });
    world.clock.advance(10_000);
    expect(await guess()).toMatchObject({ reason: 'busy' });
    world.clock.advance(2);
    expect(await guess()).toEqual(UNKNOWN);
  });
});
