import { describe, expect, it } from 'vitest';
import type { FoundKey } from '../../lib/keys/source/source.ts';
import { eventually } from '../support/eventually.ts';
import { keyWorld, PEPPER } from '../support/key-world.ts';

/** A look that is under way while its key is revoked, and that somebody joins `LOOK_MS` after it has begun. */
const LOOK_MS = 400;
const NEW = { kid: 'k2', secret: 'another-secret-of-the-tests' };
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

describe('what a source says of a key under several peppers', () => {
  const settings = { pepper: [NEW, PEPPER], sourceSettings: { timeoutMs: 60_000 } };

  it('takes no longer than the caller has, all looks together', async () => {
    const world = keyWorld('function');
    const { keys } = world.start(settings);
    const hold = world.source?.hold();
    const answer = keys.validate(await world.issue());
    await eventually(() => hold?.waiting === 1);
    world.clock.advance(1_000);
    hold?.release();
    const next = world.source?.hold();
    await eventually(() => world.source?.looks.length === 2);
    let isAnswered = false;
    void answer.then(() => {
      isAnswered = true;
    });
    await world.clock.run(499);
    expect(isAnswered).toBe(false);
    await world.clock.run(1);
    expect(await answer).toEqual({ status: 'UNAVAILABLE', reason: 'away', retryAfterMs: 1_000 });
    next?.release();
  });

  it('that there is no such key, is as old as the first look', async () => {
    const world = keyWorld('function');
    await world.issue();
    const { keys } = world.start({ ...settings, negativeTtlMs: 1_000 });
    const key = world.unknown();
    const hold = world.source?.hold();
    const answer = keys.validate(key);
    await eventually(() => hold?.waiting === 1);
    world.clock.advance(LOOK_MS);
    hold?.release();
    expect(await answer).toEqual(UNKNOWN);
    world.clock.advance(1_000 - LOOK_MS - 1);
    expect(await keys.validate(key)).toEqual(UNKNOWN);
    expect(world.source?.looks).toHaveLength(2);
    world.clock.advance(1);
    expect(await keys.validate(key)).toEqual(UNKNOWN);
    expect(world.source?.looks).toHaveLength(4);
  });

  it('is cached under the digest that it was found by', async () => {
    const world = keyWorld('function');
    const key = await world.issue();
    expect(await world.start(settings).keys.validate(key)).toMatchObject({ status: 'VALID' });
    expect(world.source?.looks.map(({ kid }) => kid)).toEqual(['k2', 'k1']);
    for (const pepper of [PEPPER, [NEW, PEPPER]]) {
      expect(await world.start({ pepper }).keys.validate(key)).toMatchObject({ status: 'VALID' });
    }
    expect(world.source?.looks).toHaveLength(2);
  });
});

describe('the entry of a key that a source has found', () => {
  it.each([
    ['lives as long as entries do', 400_000, 300_000],
    ['ends with the key', 100_000, 100_000],
    ['lives as long as entries do of a key without an end', undefined, 300_000],
  ])('%s', async (_, endsInMs, ttlMs) => {
    const world = keyWorld('function');
    const key = await world.issue({ expiresAt: endsInMs && world.clock.now() + endsInMs });
    const { keys } = world.start();
    expect(await keys.validate(key)).toMatchObject({ status: 'VALID' });
    const { kid, digest } = await keys.digest(key);
    expect(await world.redis.execute([['PTTL', `auth:1:${kid}:${digest}`]])).toEqual([ttlMs]);
  });
});

describe('an answer of a source that is no key', () => {
  it('says nothing of the key, which is told, and passes on what was said before', async () => {
    const world = keyWorld('function');
    let found: FoundKey | undefined;
    const { keys, events } = world.start({ source: { findByDigest: async () => found } });
    const key = world.unknown();
    found = { id: 'x', owner: 'o', createdAt: Number.NaN };
    expect(await keys.validate(key)).toEqual({ status: 'UNAVAILABLE', reason: 'away', retryAfterMs: 1_000 });
    const problem = 'what the source of API keys answered is no key';
    expect(events).toEqual([expect.objectContaining({ type: 'unreadable', feature: 'keys', problem })]);
    found = { id: 'x', owner: 'o' };
    expect(await keys.validate(key)).toMatchObject({ status: 'VALID', degraded: false });
    await keys.validate(world.unknown());
    found = { id: 'x', owner: 'o', createdAt: Number.NaN };
    world.clock.advance(10_000);
    world.takeAway('redis');
    expect(await keys.validate(key)).toMatchObject({ status: 'VALID', degraded: true, key: { owner: 'o' } });
    expect(events.filter(({ type }) => type === 'unreadable')).toHaveLength(2);
  });
});

describe('places for looks', () => {
  it('that are all taken by keys never seen before are not, for one that was', async () => {
    const world = keyWorld('function');
    const [seen, ...others] = [await world.issue(), await world.issue(), await world.issue(), await world.issue()];
    const { keys } = world.start({ sourceSettings: { maxConcurrent: 2 } });
    await keys.validate(seen);
    await keys.forget(seen);
    const hold = world.source?.hold();
    const answers = others.map((key) => keys.validate(key));
    await eventually(() => hold?.waiting === 1);
    answers.push(keys.validate(seen));
    await eventually(() => hold?.waiting === 2);
    hold?.release();
    const statuses = (await Promise.all(answers)).map(({ status }) => status);
    expect(statuses.slice(0, 3).sort()).toEqual(['UNAVAILABLE', 'UNAVAILABLE', 'VALID']);
    expect(statuses[3]).toBe('VALID');
  });
});
