import { describe, expect, it } from 'vitest';
import { CommandError, DeadlineError, StoreError } from '../../lib/errors.ts';
import type { ApiKeysOptions } from '../../lib/keys/api-keys.ts';
import { eventually } from '../support/eventually.ts';
import { keyWorld } from '../support/key-world.ts';

const CLIENT = '192.0.2.1';
const UNKNOWN = { status: 'INVALID', reason: 'unknown' };
const AWAY = { status: 'UNAVAILABLE', reason: 'away', retryAfterMs: 1_000 };
const LOCKED = { status: 'UNAVAILABLE', reason: 'locked', retryAfterMs: 1_000 };
/** A circuit that does not open. */
const PATIENT = { sourceSettings: { breaker: { failureThreshold: 1_000 } } };

/** A process that one client asks, with keys on record in a source. */
async function asked(options: Partial<ApiKeysOptions<unknown>> = {}) {
  const world = keyWorld('function');
  const key = await world.issue();
  const process = world.start(options);
  const validate = (one: string) => process.keys.validate(one, { client: CLIENT });
  const guess = () => validate(world.unknown());
  const guesses = async (count: number) => {
    for (let turn = 0; turn < count; turn += 1) expect(await guess()).toEqual(UNKNOWN);
  };
  return { world, key, process, validate, guess, guesses };
}

/** A client that has missed 19 times, and a process that has found `key` before and has to ask the source for it again. */
async function nearlyLocked(redis: 'there' | 'away', options?: Partial<ApiKeysOptions<unknown>>) {
  const rig = await asked(options);
  const { world, key, process, validate, guesses } = rig;
  expect(await validate(key)).toMatchObject({ status: 'VALID' });
  if (redis === 'away') world.takeAway('redis');
  await guesses(19);
  if (redis === 'away') world.clock.advance(10_000);
  else await process.keys.forget(key);
  return rig;
}

describe.each(['there', 'away'] as const)('with Redis %s', (redis) => {
  it('a key that is found is no miss, however many of them one client has', async () => {
    const { world, validate, guess, guesses } = await asked();
    const keys: string[] = [];
    for (let count = 0; count < 30; count += 1) keys.push(await world.issue());
    if (redis === 'away') world.takeAway('redis');
    for (const one of keys) expect(await validate(one)).toMatchObject({ status: 'VALID' });
    await guesses(20);
    expect(await guess()).toEqual(LOCKED);
  });

  it('a key that was found before is no miss, and takes none back', async () => {
    const { key, validate, guess, guesses } = await nearlyLocked(redis);
    expect(await validate(key)).toMatchObject({ status: 'VALID', degraded: false });
    await guesses(1);
    expect(await guess()).toEqual(LOCKED);
  });

  it('nor does it where the source cannot say', async () => {
    const { world, key, validate, guess, guesses } = await nearlyLocked(redis, PATIENT);
    world.source?.takeAway();
    expect(await validate(key)).toMatchObject(redis === 'away' ? { degraded: true } : AWAY);
    world.source?.giveBack();
    await guesses(1);
    expect(await guess()).toEqual(LOCKED);
  });

  it.each<[string, unknown]>([
    ['an error', new Error('gone')],
    ['an error with a kind of its own', Object.assign(new Error('gone'), { kind: 'local' })],
    ['what only looks like our own', { code: 'STORE', kind: 'local' }],
    ['nothing', undefined],
    ['a deadline', new DeadlineError(500, false)],
    ['a store that is away', new StoreError('network', 'gone')],
    ['a record of another kind', new CommandError('WRONGTYPE', 'no')],
  ])('it is no miss when the source throws %s, and one miss of those before is not taken back', async (_, thrown) => {
    const { world, process, guess, guesses } = await asked(PATIENT);
    if (redis === 'away') world.takeAway('redis');
    await guesses(10);
    world.source?.takeAway(thrown);
    for (let turn = 0; turn < 15; turn += 1) expect(await guess()).toEqual(AWAY);
    const told = process.events.filter(({ type }) => type === 'unreadable');
    const unreadable = { type: 'unreadable', feature: 'keys', problem: 'WRONGTYPE' };
    if (thrown instanceof CommandError) expect(told).toEqual(Array(15).fill(expect.objectContaining(unreadable)));
    else expect(told).toEqual([]);
    world.source?.giveBack();
    await guesses(10);
    expect(await guess()).toEqual(LOCKED);
  });

  it('a look that came to nothing is taken off the budget of all clients', async () => {
    const { world, guess, guesses } = await asked({ ...PATIENT, misses: { budget: { limit: 3, windowMs: 60_000 } } });
    if (redis === 'away') world.takeAway('redis');
    await guesses(1);
    world.source?.takeAway();
    for (let turn = 0; turn < 5; turn += 1) expect(await guess()).toEqual(AWAY);
    world.source?.giveBack();
    await guesses(2);
    expect(await guess()).toMatchObject({ status: 'UNAVAILABLE', reason: 'busy' });
  });

  it('it is a miss all the same where too many are looked up at once', async () => {
    const { world, key, guess, validate } = await asked({ sourceSettings: { maxConcurrent: 2 }, budgetMs: 10_000 });
    if (redis === 'away') world.takeAway('redis');
    const hold = world.source?.hold();
    const first = validate(key);
    await eventually(() => hold?.waiting === 1);
    for (let miss = 1; miss < 20; miss += 1) expect(await guess()).toEqual(AWAY);
    expect(await guess()).toEqual(LOCKED);
    hold?.release();
    expect(await first).toMatchObject({ status: 'VALID' });
  });
});

describe('while the circuit of the source is open', () => {
  it('nothing is counted and nothing taken back, and Redis is asked once', async () => {
    const { world, process, guess, guesses } = await asked();
    await guesses(19);
    world.source?.takeAway();
    for (let turn = 0; turn < 5; turn += 1) expect(await guess()).toEqual(AWAY);
    const requests = world.redis.requests.length;
    world.clock.advance(4_000);
    for (let turn = 0; turn < 30; turn += 1) expect(await guess()).toEqual({ ...AWAY, retryAfterMs: 6_000 });
    expect(world.redis.requests).toHaveLength(requests + 30);
    world.source?.giveBack();
    world.clock.advance(6_000);
    // Two probes, which nobody counts.
    await guesses(2);
    expect(process.events).toMatchObject(['OPEN', 'HALF_OPEN', 'CLOSED'].map((to) => ({ type: 'source', to })));
    await guesses(1);
    expect(await guess()).toEqual(LOCKED);
  });
});

describe('a look that takes longer than the caller has', () => {
  it('is no miss: Redis hears of that although nobody waits for it', async () => {
    const { world, guess, guesses } = await asked({ ...PATIENT, budgetMs: 400 });
    const hold = world.source?.hold();
    for (let turn = 1; turn <= 30; turn += 1) {
      const answer = guess();
      await eventually(() => world.source?.looks.length === turn);
      await world.clock.run(399);
      const requests = world.redis.requests.length;
      await world.clock.run(1);
      expect(await answer).toEqual(AWAY);
      expect(world.redis.requests).toHaveLength(requests + 1);
    }
    hold?.release();
    await guesses(20);
    expect(await guess()).toEqual(LOCKED);
  });
});
