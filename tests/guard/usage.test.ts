import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { heldStore } from '../support/held-store.ts';
import { keyWorld, PEPPER, type SourceKind } from '../support/key-world.ts';

const DAY_MS = 86_400_000;
const dayOf = (at: number) => new Date(at).toISOString().slice(0, 10);

describe.each<SourceKind>(['kv', 'other-kv'])('uses of keys on record in %s', (kind) => {
  it('are counted by key and day, those that pass and no others', async () => {
    const world = keyWorld(kind);
    const { keys, check } = world.start();
    const { key, record } = await keys.create({ owner: 'a', limits: { key: { limit: 3, windowMs: 60_000 } } });
    const outcomes = [];
    for (let turn = 0; turn < 5; turn += 1) outcomes.push((await check(key)).outcome);
    expect(outcomes).toEqual(['allow', 'allow', 'allow', 'deny', 'deny']);
    await check(world.unknown());
    await keys.validate(key);
    const today = dayOf(world.clock.now());
    expect(await keys.usage(record.id, { days: 1 })).toEqual([{ day: today, count: 3 }]);
    world.clock.advance(DAY_MS);
    await check(key);
    const days = await keys.usage(record.id);
    expect(days).toHaveLength(30);
    expect(days?.slice(0, 3).map(({ count }) => count)).toEqual([1, 3, 0]);
    expect(days?.[1]?.day).toBe(today);
  });

  it('are kept for thirty days, the whole of each of them', async () => {
    const world = keyWorld(kind);
    const { keys, check } = world.start();
    const { key, record } = await keys.create({ owner: 'a' });
    world.clock.advance(DAY_MS - (world.clock.now() % DAY_MS));
    await check(key);
    world.clock.advance(30 * DAY_MS - 1);
    expect((await keys.usage(record.id))?.at(-1)).toMatchObject({ count: 1 });
    world.clock.advance(2 * DAY_MS + 2);
    expect([...(await world.redis.execute([['KEYS', 'usage:*']]))].flat()).toEqual([]);
  });

  it('are counted through a rotation, under the same id', async () => {
    const world = keyWorld(kind);
    const { keys, check } = world.start();
    const first = await keys.create({ owner: 'a' });
    await check(first.key);
    const second = await keys.rotate(first.record.id, { graceSeconds: 60 });
    await check(first.key);
    await check(second?.key ?? '');
    const third = await keys.rotate(first.record.id);
    await check(third?.key ?? '');
    expect((await keys.usage(first.record.id, { days: 1 }))?.[0]?.count).toBe(4);
  });

  it('are refused beyond the quota of the day, in all processes together, until the next', async () => {
    const world = keyWorld(kind);
    const key = await world.issue({ dailyQuota: 3 });
    const [one, other] = [world.start(), world.start()];
    const at = world.clock.now();
    const leftMs = DAY_MS - (at % DAY_MS);
    expect(await one.check(key)).toMatchObject({ outcome: 'allow' });
    expect(await other.check(key)).toMatchObject({ outcome: 'allow', limits: { policy: 'daily-quota', remaining: 1 } });
    expect(await one.check(key, '192.0.2.9', '/unlimited')).toMatchObject({
      outcome: 'allow',
      limits: { remaining: 0 },
    });
    for (const path of ['/limited', '/unlimited']) {
      expect(await other.check(key, '192.0.2.1', path)).toMatchObject({
        ...{ outcome: 'deny', status: 429, code: 'quota-exceeded', retryAfterMs: leftMs },
        limits: { policy: 'daily-quota', limit: 3, remaining: 0, basis: 'store' },
      });
    }
    world.clock.advance(leftMs);
    expect(await one.check(key)).toMatchObject({ outcome: 'allow' });
  });

  it('are not taken off the quota when a limit refuses, nor off a limit when the quota does', async () => {
    const world = keyWorld(kind);
    const key = await world.issue({ dailyQuota: 2, limits: { key: { limit: 1, windowMs: 60_000 } } });
    const { check } = world.start();
    const codes = [];
    for (let turn = 0; turn < 3; turn += 1) codes.push((await check(key)).limits?.policy);
    world.clock.advance(60_000);
    codes.push((await check(key)).limits?.policy, (await check(key)).limits?.policy);
    expect(codes).toEqual(['key', 'key', 'key', 'key', 'daily-quota']);
  });

  it('are carried over to the key in whose place another is put', async () => {
    const world = keyWorld(kind);
    const { keys, check } = world.start();
    const first = await keys.create({ owner: 'a', dailyQuota: 3 });
    await check(first.key);
    await check(first.key);
    const second = (await keys.rotate(first.record.id))?.key ?? '';
    expect(await check(second)).toMatchObject({ outcome: 'allow', limits: { remaining: 0 } });
    expect(await check(second)).toMatchObject({ outcome: 'deny', status: 429 });
    const third = (await keys.rotate(first.record.id))?.key ?? '';
    expect(await world.start().check(third)).toMatchObject({ outcome: 'deny', status: 429 });
    world.clock.advance(DAY_MS);
    expect(await check(third)).toMatchObject({ outcome: 'allow', limits: { policy: 'daily-quota', remaining: 2 } });
  });

  it('are counted here while Redis is away, up to the quota, and brought along when it is back', async () => {
    const world = keyWorld(kind);
    const { keys, check } = world.start();
    const quota = await keys.create({ owner: 'a', dailyQuota: 2 });
    const plain = await keys.create({ owner: 'b' });
    for (const { key } of [quota, plain]) await check(key);
    world.takeAway('redis');
    expect((await check(plain.key)).outcome).toBe('allow');
    const outcomes = [];
    for (let turn = 0; turn < 3; turn += 1) outcomes.push(await check(quota.key));
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(['allow', 'allow', 'deny']);
    expect(outcomes[2]).toMatchObject({ status: 429, limits: { policy: 'daily-quota', basis: 'local' } });
    world.giveBack();
    world.clock.advance(10_000);
    await check(plain.key);
    await check(plain.key);
    expect((await keys.usage(plain.record.id, { days: 1 }))?.[0]?.count).toBe(4);
    expect((await keys.usage(quota.record.id, { days: 1 }))?.[0]?.count).toBe(3);
  });

  it('are told once: what went along with a request whose answer was lost is not sent again', async () => {
    const world = keyWorld(kind);
    const held = heldStore(world.redis);
    const { keys, check } = world.startOn(held);
    const { key, record } = await keys.create({ owner: 'a' });
    await check(key);
    for (let turn = 0; turn < 4; turn += 1) await check(key, '192.0.2.1', '/unlimited');
    held.hold();
    const flushed = keys.flush();
    await eventually(() => held.held === 1);
    held.lose();
    await flushed;
    await keys.flush();
    expect((await keys.usage(record.id, { days: 1 }))?.[0]?.count).toBe(5);
  });

  it('are told with the rest when a process ends', async () => {
    const world = keyWorld(kind);
    const { keys, check } = world.start();
    const { key, record } = await keys.create({ owner: 'a' });
    await check(key);
    for (let turn = 0; turn < 4; turn += 1) await check(key, '192.0.2.1', '/unlimited');
    expect((await keys.usage(record.id, { days: 1 }))?.[0]?.count).toBe(1);
    await keys.flush();
    expect((await keys.usage(record.id, { days: 1 }))?.[0]?.count).toBe(5);
    await keys.flush();
    expect((await keys.usage(record.id, { days: 1 }))?.[0]?.count).toBe(5);
  });

  it('are not counted where that is turned off, and no quota then', async () => {
    const world = keyWorld(kind);
    const key = await world.issue({ dailyQuota: 1 });
    const { check } = world.start({ countUsage: false });
    for (let turn = 0; turn < 3; turn += 1) expect(await check(key)).toMatchObject({ outcome: 'allow' });
    expect([...(await world.redis.execute([['KEYS', 'usage:*']]))].flat()).toEqual([]);
  });

  it('keep no key out where something else stands in the place of their counter', async () => {
    const world = keyWorld(kind);
    const { check, events } = world.start();
    for (const dailyQuota of [undefined, 1]) {
      const key = await world.issue({ dailyQuota });
      await check(key);
      const [names] = await world.redis.execute([['KEYS', 'usage:*']]);
      const counter = Array.isArray(names) ? String(names[0]) : '';
      await world.redis.execute([['DEL', counter]]);
      for (const write of [
        ['SET', counter, 'x'],
        ['SET', counter, '9'.repeat(16)],
        ['RPUSH', counter, '1'],
      ] as const) {
        await world.redis.execute([['DEL', counter], write]);
        expect(await check(key)).toMatchObject({ outcome: 'allow', degraded: [], limits: { basis: 'store' } });
      }
      await world.redis.execute([['DEL', counter]]);
    }
    expect(new Set(events.map((event) => 'problem' in event && event.problem))).toEqual(
      new Set(['counter of uses of another kind']),
    );
  });

  it('are counted once by a process that has not heard of the clearing of all limits', async () => {
    const world = keyWorld(kind);
    const { keys, check } = world.start();
    const [plain, last] = [await keys.create({ owner: 'a' }), await keys.create({ owner: 'b', dailyQuota: 1 })];
    await world.redis.execute([['SET', 'ratelimit:epoch', '7']]);
    expect(await check(last.key)).toMatchObject({ outcome: 'allow' });
    await world.redis.execute([['SET', 'ratelimit:epoch', '8']]);
    await check(plain.key);
    await keys.flush();
    for (const { record } of [plain, last]) {
      expect((await keys.usage(record.id, { days: 1 }))?.[0]?.count).toBe(1);
    }
  });

  it('do not begin anew when the pepper is replaced', async () => {
    const world = keyWorld(kind);
    const key = await world.issue({ dailyQuota: 3 });
    const [old, fresh] = [PEPPER, { kid: 'k2', secret: 'another-secret-of-the-tests' }];
    const { check } = world.start({ pepper: [fresh, old] });
    await check(key);
    await eventually(async () => (await world.start({ pepper: fresh }).keys.validate(key)).status === 'VALID');
    const outcomes = [];
    for (let turn = 0; turn < 4; turn += 1) outcomes.push((await check(key)).outcome);
    expect(outcomes).toEqual(['allow', 'allow', 'deny', 'deny']);
  });

  it('of an allowed key have no quota, and are counted beside the limits of its address', async () => {
    const world = keyWorld(kind);
    const { keys } = world.start();
    const { key, record } = await keys.create({ owner: 'a', dailyQuota: 1 });
    const { check } = world.start({}, { allow: [record.id] });
    for (let turn = 0; turn < 4; turn += 1) {
      expect(await check(key)).toMatchObject({ outcome: 'allow', limits: { policy: 'ip' } });
    }
    expect((await keys.usage(record.id, { days: 1 }))?.[0]?.count).toBe(4);
  });

  it('are known of a key only', async () => {
    const { keys } = keyWorld(kind).start();
    expect(await keys.usage('key_0000000000000000')).toBeUndefined();
    expect(await keys.usage('x')).toBeUndefined();
    for (const days of [0, 31, 1.5]) await expect(keys.usage('x', { days })).rejects.toMatchObject({ setting: 'days' });
  });
});
