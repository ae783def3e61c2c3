import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { keyWorld } from '../support/key-world.ts';

/** A look that is under way while its key is revoked, and that somebody joins `LOOK_MS` after it has begun. */
const LOOK_MS = 400;
const UNKNOWN = { status: 'INVALID', reason: 'unknown' };

async function joinedLook(isRedisAway: boolean) {
  const world = keyWorld('other-kv');
  const key = await world.issue();
  const [office, process] = [world.start(), world.start()];
  const [record] = await office.keys.list();
  const { source, redis } = world;
  if (!source || !record) throw new Error('Nothing is on record');
  if (isRedisAway) world.takeAway('redis');
  const hold = source.hold();
  const leader = new AbortController();
  const first = process.keys.validate(key, { signal: leader.signal }).catch(() => 'left');
  await eventually(() => hold.waiting === 1);
  world.takeAway('redis');
  expect(await office.keys.revoke(record.id)).toEqual({ revoked: true, propagated: false });
  if (!isRedisAway) world.giveBack();
  world.clock.advance(LOOK_MS);
  const asked = redis.requests.length;
  const second = process.keys.validate(key);
  await eventually(() => redis.requests.length > asked);
  await world.clock.run(0);
  leader.abort();
  expect(await first).toBe('left');
  hold.release();
  expect(await second).toMatchObject({ status: 'VALID' });
  expect(source.looks).toHaveLength(1);
  return {
    clock: world.clock,
    validate: () => process.keys.validate(key),
    start: () => world.start().keys.validate(key),
  };
}

describe('what a source says of a key', () => {
  it('is used here for freshMs from when the look began, by those too who joined it', async () => {
    const { clock, validate } = await joinedLook(true);
    clock.advance(10_000 - LOOK_MS - 1);
    expect(await validate()).toMatchObject({ status: 'VALID' });
    clock.advance(1);
    expect(await validate()).toEqual({ status: 'INVALID', reason: 'revoked' });
  });

  it('stays in Redis for entryTtlMs from when the look began, whoever brings it there', async () => {
    const { clock, start } = await joinedLook(false);
    clock.advance(300_000 - LOOK_MS - 1);
    expect(await start()).toMatchObject({ status: 'VALID' });
    // Redis ends an entry in the millisecond after its time.
    clock.advance(2);
    expect(await start()).toEqual({ status: 'INVALID', reason: 'revoked' });
  });

  it('stays there no longer for all the time that the look took', async () => {
    const world = keyWorld('other-kv');
    const key = await world.issue();
    const [office, process] = [world.start(), world.start()];
    const [record] = await office.keys.list();
    const hold = world.source?.hold();
    const answer = process.keys.validate(key);
    await eventually(() => hold?.waiting === 1);
    world.takeAway('redis');
    expect(await office.keys.revoke(record?.id ?? '')).toEqual({ revoked: true, propagated: false });
    world.giveBack();
    world.clock.advance(LOOK_MS);
    hold?.release();
    expect(await answer).toMatchObject({ status: 'VALID' });
    world.clock.advance(300_000 - LOOK_MS - 1);
    expect(await world.start().keys.validate(key)).toMatchObject({ status: 'VALID' });
    world.clock.advance(2);
    expect(await world.start().keys.validate(key)).toEqual({ status: 'INVALID', reason: 'revoked' });
  });

  it('that there is no such key is used for negativeTtlMs from when the look began, by those too who joined it', async () => {
    const world = keyWorld('other-kv');
    await world.issue();
    const settings = { negativeTtlMs: 1_000, budgetMs: 100_000, sourceSettings: { timeoutMs: 60_000 } };
    const { keys } = world.start(settings);
    const key = world.unknown();
    const hold = world.source?.hold();
    const first = keys.validate(key);
    await eventually(() => hold?.waiting === 1);
    world.clock.advance(LOOK_MS);
    const asked = world.redis.requests.length;
    const second = keys.validate(key);
    await eventually(() => world.redis.requests.length > asked);
    await world.clock.run(0);
    hold?.release();
    expect(await Promise.all([first, second])).toEqual([UNKNOWN, UNKNOWN]);
    const looks = () => world.source?.looks.length;
    expect(looks()).toBe(1);
    world.clock.advance(1_000 - LOOK_MS - 1);
    await keys.validate(key);
    expect(looks()).toBe(1);
    world.clock.advance(1);
    await keys.validate(key);
    expect(looks()).toBe(2);
  });
});
