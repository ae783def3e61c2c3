import { describe, expect, it } from 'vitest';
import type { Store } from '../../lib/store/store.ts';
import { eventually } from '../support/eventually.ts';
import { keyWorld, type SourceKind } from '../support/key-world.ts';
import { LOSING_TOMBSTONES, type Plant, SOUND, turnsRed } from '../support/planted-defects.ts';
import { watchedStore } from '../support/watched-store.ts';

const REVOKED = { status: 'INVALID', reason: 'revoked' };
const UNKNOWN = { status: 'INVALID', reason: 'unknown' };

describe('a revocation', () => {
  /** The source has answered that the key is valid, and nobody has heard of it when the key is revoked. */
  async function overtaken(plant: Plant, revokedBy: 'same' | 'other'): Promise<void> {
    const world = keyWorld('other-kv', { plant });
    const key = await world.issue();
    const [filling, other, third] = [world.start(), world.start(), world.start()];
    const [record] = await other.keys.list();
    const gate = world.source?.hold();
    const answers = [filling.keys.validate(key), filling.check(key)];
    await eventually(() => gate?.waiting === 1);
    const revoker = revokedBy === 'same' ? filling : other;
    expect(await revoker.keys.revoke(record?.id ?? '')).toEqual({ revoked: true, propagated: true });
    gate?.release();
    expect(await answers[0]).toEqual(REVOKED);
    expect(await answers[1]).toMatchObject({ outcome: 'deny', status: 401 });
    for (const afterMs of [0, 9_999, 1, 290_000, 60_000]) {
      world.clock.advance(afterMs);
      for (const process of [filling, other, third, world.start()]) {
        expect(await process.keys.validate(key)).toEqual(REVOKED);
        expect(await process.check(key)).toMatchObject({ outcome: 'deny', status: 401 });
      }
    }
  }

  it.each(['same', 'other'] as const)(
    'fault 33 revoke during an in-flight fill, by the %s process: never again',
    async (by) => {
      await overtaken(SOUND, by);
    },
  );

  it('fault 33 a fill that reaches Redis when even the tombstone has gone fills nothing', async () => {
    const world = keyWorld('other-kv');
    const key = await world.issue();
    const other = world.start();
    const held: (() => void)[] = [];
    // The fill is on its way for as long as the process, or the network, stands still.
    const slow = world.startOn({
      ...world.redis,
      async execute(commands, options) {
        const isFill = commands.some((command) => command.some((part) => String(part).includes('"owner":"acme"')));
        if (isFill) await new Promise<void>((resolve) => held.push(resolve));
        return world.redis.execute(commands, options);
      },
    });
    const answer = slow.keys.validate(key);
    await eventually(() => held.length === 1);
    expect(await other.keys.revoke(key)).toEqual({ revoked: true, propagated: true });
    world.clock.suspend(400_000);
    held[0]?.();
    await answer;
    world.clock.advance(10_000);
    for (const process of [other, world.start(), slow]) expect(await process.keys.validate(key)).toEqual(REVOKED);
  });

  it('fault 33 turns red when tombstones are lost', async () => {
    await turnsRed(() => overtaken(LOSING_TOMBSTONES, 'other'));
  });

  it.each<SourceKind>(['kv', 'other-kv'])(
    'fault 33 reaches processes that ask, and others when they next ask, in %s',
    async (kind) => {
      const world = keyWorld(kind);
      const key = await world.issue();
      const [here, there] = [world.start(), world.start()];
      for (const process of [here, there]) await process.keys.validate(key);
      world.clock.advance(5_000);
      await here.keys.revoke(key);
      expect(await here.keys.validate(key)).toEqual(REVOKED);
      expect(await there.check(key)).toMatchObject({ status: 401 });
      const quiet = world.start();
      expect(await quiet.keys.validate(key)).toEqual(REVOKED);
    },
  );

  it.each<SourceKind>(['kv', 'other-kv'])(
    'fault 33 is unseen by nobody for longer than an answer is fresh, in %s',
    async (kind) => {
      const world = keyWorld(kind);
      const key = await world.issue();
      const there = world.start();
      await there.keys.validate(key);
      await world.start().keys.revoke(key);
      world.clock.advance(9_999);
      expect(await there.keys.validate(key)).toMatchObject({ status: 'VALID' });
      world.clock.advance(1);
      expect(await there.keys.validate(key)).toEqual(REVOKED);
    },
  );

  it('fault 34 revoke while Redis is away: it holds here at once, and elsewhere within its bound', async () => {
    const world = keyWorld('other-kv');
    const key = await world.issue();
    const [here, there] = [world.start(), world.start()];
    for (const process of [here, there]) await process.keys.validate(key);
    world.clock.advance(10_000);
    await there.keys.validate(key);
    world.redis.takeAway();
    expect(await here.keys.revoke(key)).toEqual({ revoked: true, propagated: false });
    expect(await here.keys.validate(key)).toEqual(REVOKED);
    // Whoever meets the outage asks the source, once its own answer is no longer fresh.
    world.clock.advance(9_999);
    expect(await there.keys.validate(key)).toMatchObject({ status: 'VALID' });
    world.clock.advance(1);
    expect(await there.keys.validate(key)).toEqual(REVOKED);
    world.redis.giveBack();
    // The entry in Redis is from before the revocation: 20 s of its 300 s are over.
    const late = world.start();
    expect(await late.keys.validate(key)).toMatchObject({ status: 'VALID' });
    world.clock.advance(280_001);
    expect(await world.start().keys.validate(key)).toEqual(REVOKED);
    world.clock.advance(10_000);
    expect(await late.keys.validate(key)).toEqual(REVOKED);
  });

  it('fault 34 revoke while Redis is away that has the keys on record: it is not made, and says so', async () => {
    const world = keyWorld('kv');
    const key = await world.issue();
    const { keys } = world.start();
    await keys.validate(key);
    world.redis.takeAway();
    await expect(keys.revoke(key)).rejects.toMatchObject({ code: 'STORE' });
    world.redis.giveBack();
    expect(await keys.validate(key)).toMatchObject({ status: 'VALID' });
    expect(await keys.revoke(key)).toEqual({ revoked: true, propagated: true });
  });

  it('fault 34 what could not be propagated is, with the first request after Redis is back', async () => {
    const world = keyWorld('other-kv');
    const [revoked, rotated, other] = [await world.issue(), await world.issue(), await world.issue()];
    const there = world.start();
    for (const key of [revoked, rotated, other]) await there.keys.validate(key);
    const { keys, check } = world.start();
    world.redis.takeAway();
    expect((await keys.revoke(revoked)).propagated).toBe(false);
    for (let turn = 0; turn < 2; turn += 1) await keys.rotate(rotated);
    world.redis.giveBack();
    world.clock.advance(10_000);
    for (const probe of ['first', 'second']) expect([probe, (await check(other)).outcome]).toEqual([probe, 'allow']);
    for (const key of [revoked, rotated]) {
      await eventually(async () => (await world.start().keys.validate(key)).status === 'INVALID');
    }
    expect(await world.start().keys.validate(other)).toMatchObject({ status: 'VALID' });
  });

  it('fault 34 a second revocation propagates what the first could not', async () => {
    const world = keyWorld('other-kv');
    const key = await world.issue();
    const there = world.start();
    await there.keys.validate(key);
    const { keys } = world.start();
    world.redis.takeAway();
    await keys.revoke(key);
    world.redis.giveBack();
    expect(await keys.revoke(key)).toEqual({ revoked: true, propagated: true });
    expect(await world.start().keys.validate(key)).toEqual(REVOKED);
  });
});

describe.each<SourceKind>(['other-kv', 'function'])('while Redis is away, with keys on record in %s', (kind) => {
  it('fault 35 a valid cached key: memory until its time, then the source, then its old answer, then nobody', async () => {
    const world = keyWorld(kind);
    const key = await world.issue();
    const { keys, check } = world.start();
    await keys.validate(key);
    const looks = () => world.source?.looks.length ?? 0;
    const before = looks();
    world.takeAway('redis');
    world.clock.advance(9_999);
    expect(await keys.validate(key)).toMatchObject({ status: 'VALID', degraded: false });
    expect(await check(key)).toMatchObject({ outcome: 'allow', degraded: ['limit'] });
    expect(looks()).toBe(before);
    world.clock.advance(1);
    expect(await keys.validate(key)).toMatchObject({ status: 'VALID', degraded: false });
    expect(looks()).toBe(before + 1);
    world.takeAway('both');
    world.clock.advance(10_000);
    expect(await check(key)).toMatchObject({ outcome: 'allow', degraded: ['keys', 'limit'] });
    world.clock.advance(290_000);
    expect(await check(key)).toMatchObject({ outcome: 'deny', status: 503, code: 'key-store-unavailable' });
    world.giveBack();
    world.clock.advance(10_000);
    expect(await check(key)).toMatchObject({ outcome: 'allow', degraded: [] });
  });

  it('fault 36 an unknown key: 401 only if the source says so, else 503', async () => {
    const world = keyWorld(kind);
    await world.issue();
    const { keys, check } = world.start();
    world.takeAway('redis');
    expect(await check(world.unknown())).toMatchObject({ status: 401 });
    expect(await keys.validate(world.unknown())).toEqual(UNKNOWN);
    world.takeAway('both');
    for (let turn = 0; turn < 8; turn += 1) {
      expect(await check(world.unknown())).toMatchObject({ status: 503, code: 'key-store-unavailable' });
    }
    world.giveBack();
    world.takeAway('source');
    world.clock.advance(10_000);
    expect(await check(world.unknown())).toMatchObject({ status: 503 });
  });
});

describe('an unknown key', () => {
  it('fault 36 is unknown to nobody while Redis, which has keys on record, is away or empty', async () => {
    const world = keyWorld('kv');
    const known = await world.issue();
    const { keys, check, events } = world.start();
    await keys.validate(known);
    for (const empty of [false, true]) {
      if (empty) {
        world.giveBack();
        await world.redis.execute([['FLUSHALL']]);
      } else world.takeAway('redis');
      world.clock.advance(10_000);
      expect(await keys.validate(world.unknown())).toMatchObject({ status: 'UNAVAILABLE' });
      expect(await check(world.unknown())).toMatchObject({ status: 503 });
      expect(await check(known)).toMatchObject({ outcome: 'allow', degraded: ['keys', 'limit'] });
      await expect(keys.create({ owner: 'a' })).rejects.toMatchObject({ code: 'STORE' });
    }
    expect(events.map(({ type }) => type)).toContain('keys-lost');
  });

  it.each<SourceKind>(['kv', 'other-kv'])(
    'fault 38 that is then created works at once where it is, and elsewhere in 30 s, in %s',
    async (kind) => {
      const world = keyWorld(kind);
      await world.issue();
      const { keys } = world.start();
      const elsewhere = world.start();
      const key = world.unknown();
      for (const process of [keys, elsewhere.keys]) expect(await process.validate(key)).toEqual(UNKNOWN);
      const issuing = world.start({ format: { ...keys.format, generate: () => key } });
      expect(await issuing.keys.validate(key)).toEqual(UNKNOWN);
      expect((await issuing.keys.create({ owner: 'a' })).key).toBe(key);
      expect(await issuing.keys.validate(key)).toMatchObject({ status: 'VALID' });
      world.clock.advance(29_999);
      expect(await elsewhere.keys.validate(key)).toEqual(UNKNOWN);
      world.clock.advance(1);
      expect(await elsewhere.keys.validate(key)).toMatchObject({ status: 'VALID' });
    },
  );
});

describe('a rotation', () => {
  it.each<SourceKind>(['kv', 'other-kv'])(
    'is unseen for as long as a revocation would be, by a process that can ask nobody, in %s',
    async (kind) => {
      const world = keyWorld(kind);
      const key = await world.issue();
      const link = watchedStore(world.redis);
      const apart = world.startOn(link);
      await apart.keys.validate(key);
      const [record] = await world.start().keys.list();
      expect(await world.start().keys.rotate(record?.id ?? '')).toBeDefined();
      link.takeAway();
      if (kind === 'other-kv') world.takeAway('source');
      world.clock.advance(299_999);
      expect(await apart.keys.validate(key)).toMatchObject({ status: 'VALID', degraded: true });
      world.clock.advance(1);
      expect(await apart.keys.validate(key)).toMatchObject({ status: 'UNAVAILABLE' });
      link.giveBack();
      world.giveBack();
      world.clock.advance(10_000);
      expect(await apart.keys.validate(key)).toEqual(REVOKED);
    },
  );
});

describe('one budget', () => {
  /** The source would take longer by itself. */
  const sourceSettings = { timeoutMs: 10_000 };

  it('fault 02 black hole: Redis and the source, both silent, take no longer than it says', async () => {
    const world = keyWorld('other-kv');
    const key = await world.issue();
    const silent = { ...world.redis, execute: () => new Promise<never>(() => {}) };
    const { keys } = world.startOn(silent, { sourceSettings });
    world.source?.hold();
    const begunAt = world.clock.monotonic();
    const answer = keys.validate(key).then((validation) => ({ validation, tookMs: world.clock.monotonic() - begunAt }));
    await eventually(() => world.clock.pending() > 0);
    await world.clock.run(1_000);
    await eventually(() => world.source?.looks.length === 1);
    await world.clock.run(499);
    await world.clock.run(1);
    expect(await answer).toEqual({
      validation: { status: 'UNAVAILABLE', reason: 'away', retryAfterMs: expect.any(Number) },
      tookMs: 1_500,
    });
  });

  it('fault 02 black hole: the guard takes no longer either, limits included', async () => {
    const world = keyWorld('other-kv');
    const key = await world.issue();
    const silent = { ...world.redis, execute: () => new Promise<never>(() => {}) };
    const { check } = world.startOn(silent, { sourceSettings });
    world.source?.hold();
    const begunAt = world.clock.monotonic();
    const answer = check(key).then((decision) => ({ decision, tookMs: world.clock.monotonic() - begunAt }));
    await eventually(() => world.clock.pending() > 0);
    await world.clock.run(1_000);
    await eventually(() => world.source?.looks.length === 1);
    await world.clock.run(5_000);
    expect(await answer).toMatchObject({
      decision: { status: 503, code: 'key-store-unavailable', limits: { basis: 'local' } },
      tookMs: 1_500,
    });
  });

  it('fault 02 black hole: a Redis that falls silent once the source has answered keeps nobody out', async () => {
    const world = keyWorld('other-kv');
    const key = await world.issue();
    const silent = { is: false };
    const redis: Store = {
      ...world.redis,
      execute: (commands, options) =>
        silent.is ? new Promise<never>(() => {}) : world.redis.execute(commands, options),
    };
    const { keys } = world.startOn(redis, { sourceSettings });
    const hold = world.source?.hold();
    const begunAt = world.clock.monotonic();
    const answer = keys.validate(key).then(({ status }) => ({ status, tookMs: world.clock.monotonic() - begunAt }));
    await eventually(() => hold?.waiting === 1);
    silent.is = true;
    await world.clock.run(1_000);
    hold?.release();
    await eventually(() => world.clock.pending() > 0);
    await world.clock.run(5_000);
    expect(await answer).toEqual({ status: 'VALID', tookMs: 1_500 });
  });

  it('fault 02 black hole: what is asked of a silent store of record ends, and says what is not known', async () => {
    const world = keyWorld('other-kv');
    const key = await world.issue();
    const { keys } = world.start();
    world.source?.hold();
    const answers = [keys.revoke(key), keys.rotate(key)].map((one) => one.catch((error: unknown) => error));
    await eventually(() => world.source?.looks.length === 2);
    await world.clock.run(5_000);
    for (const answer of answers) expect(await answer).toMatchObject({ code: 'DEADLINE', mayHaveRun: false });
  });
});
