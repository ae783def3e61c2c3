import { describe, expect, it } from 'vitest';
import { keyWorld, PEPPER, type SourceKind } from '../support/key-world.ts';

const NEW = { kid: 'k2', secret: 'another-secret-of-the-tests' };

describe('what is cached of a key', () => {
  it.each<SourceKind>(['kv', 'function'])(
    'is forgotten under each pepper, here and in Redis, of one in %s',
    async (kind) => {
      const world = keyWorld(kind);
      const key = await world.issue();
      const { keys } = world.start({ pepper: [NEW, PEPPER] });
      expect(await keys.validate(key)).toMatchObject({ status: 'VALID' });
      expect(keys.stats().size).toBe(1);
      await keys.forget(key);
      expect(keys.stats().size).toBe(0);
      expect(await world.redis.execute([['KEYS', 'auth:1:*']])).toEqual([[]]);
    },
  );

  it('is not asked for with what cannot be a key', async () => {
    const world = keyWorld('kv');
    const { keys } = world.start();
    for (const text of ['', 'x', '*']) await keys.forget(text);
    expect(world.redis.requests).toEqual([]);
  });
});

describe('uses of keys', () => {
  it('are counted unless that is turned off', async () => {
    for (const countUsage of [undefined, true, false]) {
      const world = keyWorld('kv');
      const { keys, check } = world.start({ countUsage });
      const { key, record } = await keys.create({ owner: 'a' });
      await check(key);
      expect(keys.counting === undefined).toBe(countUsage === false);
      expect((await keys.usage(record.id, { days: 1 }))?.[0]?.count).toBe(countUsage === false ? 0 : 1);
    }
  });

  it('that Redis was not told of are, with flush', async () => {
    const world = keyWorld('kv');
    const { keys, check } = world.start();
    const { key, record } = await keys.create({ owner: 'a' });
    await check(key);
    world.takeAway('redis');
    await check(key);
    world.giveBack();
    await keys.flush();
    expect((await keys.usage(record.id, { days: 1 }))?.[0]?.count).toBe(2);
  });
});

describe('a tombstone', () => {
  it.each<SourceKind>(['kv', 'other-kv'])(
    'outlives the entries of its time by a minute, of a key in %s',
    async (kind) => {
      const world = keyWorld(kind);
      const { keys } = world.start({ entryTtlMs: 1_000 });
      const { key, record } = await keys.create({ owner: 'a' });
      const { kid, digest } = await keys.digest(key);
      const lifeMs = async () => (await world.redis.execute([['PTTL', `auth:1:${kid}:${digest}`]]))[0];
      expect(await lifeMs()).toBe(1_000);
      await keys.revoke(record.id);
      expect(await lifeMs()).toBe(61_000);
    },
  );
});

it('a source that keys cannot be issued in says so', async () => {
  const { keys } = keyWorld('function').start();
  const message = 'source is one that keys cannot be issued in';
  await expect(keys.create({ owner: 'a' })).rejects.toMatchObject({ code: 'CONFIG', setting: 'source', message });
});

it('the circuit of a source tells of its changes, with the time', async () => {
  const world = keyWorld('function');
  const { keys, events } = world.start({ sourceSettings: { breaker: { failureThreshold: 1 } } });
  world.source?.takeAway();
  await keys.validate(world.unknown());
  expect(events).toEqual([
    expect.objectContaining({ type: 'source', at: world.clock.now(), from: 'CLOSED', to: 'OPEN' }),
  ]);
});
