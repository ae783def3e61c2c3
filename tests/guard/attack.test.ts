import { describe, expect, it } from 'vitest';
import { onEveryStore } from '../support/every-store.ts';
import { keyWorld } from '../support/key-world.ts';

describe('a process that has not heard that all limits were cleared', () => {
  it('counts a use once, although it asks twice', async () => {
    const world = keyWorld('kv');
    const { keys, check } = world.start();
    const { key, record } = await keys.create({ owner: 'a' });
    await world.redis.execute([['SET', 'ratelimit:epoch', '7']]);
    expect(await check(key)).toMatchObject({ outcome: 'allow' });
    await keys.flush();
    expect(await keys.usage(record.id, { days: 1 })).toMatchObject([{ count: 1 }]);
  });

  it('does not refuse the last use of a quota for having counted it', async () => {
    const world = keyWorld('kv');
    const key = await world.issue({ dailyQuota: 2 });
    await world.redis.execute([['SET', 'ratelimit:epoch', '7']]);
    for (const remaining of [1, 0]) {
      const limits = { policy: 'daily-quota', limit: 2, remaining };
      expect(await world.start().check(key)).toMatchObject({ outcome: 'allow', limits });
    }
    expect(await world.start().check(key)).toMatchObject({ outcome: 'deny', status: 429 });
  });

  it('brings nothing along again where the second request fails', async () => {
    const world = keyWorld('kv');
    const { keys, check, kv } = world.startOn({
      ...world.redis,
      async execute(commands, options) {
        const replies = await world.redis.execute(commands, options);
        // The circuit opens between the two requests.
        if (commands.some(([name, key]) => name === 'GET' && key === 'ratelimit:epoch') && isCleared) {
          kv.circuit.force('FORCED_OPEN');
        }
        return replies;
      },
    });
    let isCleared = false;
    const { key, record } = await keys.create({ owner: 'a' });
    await check(key);
    for (let turn = 0; turn < 4; turn += 1) await check(key, '192.0.2.1', '/unlimited');
    await world.redis.execute([['SET', 'ratelimit:epoch', '7']]);
    isCleared = true;
    world.clock.advance(1_000);
    await check(key);
    kv.circuit.release();
    isCleared = false;
    await keys.flush();
    const [today] = (await keys.usage(record.id, { days: 1 })) ?? [];
    // The sixth was counted by the request that was answered; nobody knew that when the next one failed.
    expect([6, 7]).toContain(today?.count);
  });

  it('counts a use that only the second time was granted', async () => {
    const world = keyWorld('kv');
    const { keys, check } = world.start();
    const { key, record } = await keys.create({ owner: 'a', limits: { key: { limit: 1, windowMs: 60_000 } } });
    await check(key);
    await world.redis.execute([['SET', 'ratelimit:epoch', '7']]);
    world.clock.advance(1_000);
    expect(await check(key)).toMatchObject({ outcome: 'allow' });
    expect(await keys.usage(record.id, { days: 1 })).toMatchObject([{ count: 2 }]);
  });
});

onEveryStore('a counter of uses that is none', (current) => {
  it.each([
    ['LPUSH', 'x'],
    ['SET', 'many'],
    ['SET', '9223372036854775807'],
  ])('keeps no valid key out (%s %s)', async (command, value) => {
    const world = keyWorld('kv');
    for (const dailyQuota of [undefined, 5]) {
      const { keys } = world.startOn(current());
      const { key } = await keys.create({ owner: 'a', dailyQuota });
      const { kid, digest } = await keys.digest(key);
      await current().execute([[command, `usage:key:${kid}:${digest}:20231114`, value]]);
      for (const path of ['/limited', '/unlimited']) {
        const outcome = (await world.startOn(current()).check(key, '192.0.2.1', path)).outcome;
        expect([dailyQuota, path, outcome]).toEqual([dailyQuota, path, 'allow']);
      }
    }
  });
});

describe('a key that only the source can read', () => {
  const nested = (depth: number): unknown => (depth === 0 ? 'x' : [nested(depth - 1)]);

  it.each([
    ['something else stands in its place', '{"v":2}', null],
    ['its config is nested too deep', undefined, nested(1_500)],
  ])('is limited and counted all the same, in the process, where %s', async (_, text, config) => {
    const world = keyWorld('function');
    const id = 'key_0123456789abcdef';
    const found = { id, owner: 'o', config, limits: { key: { limit: 2, windowMs: 60_000 } } };
    const { keys, check } = world.start({ source: { findByDigest: async () => found } });
    const key = world.unknown();
    const { kid, digest } = await keys.digest(key);
    if (text !== undefined) await world.redis.execute([['SET', `auth:1:${kid}:${digest}`, text]]);
    const outcomes = [];
    for (let turn = 0; turn < 4; turn += 1) outcomes.push((await check(key)).outcome);
    expect(outcomes).toEqual(['allow', 'allow', 'deny', 'deny']);
    await keys.flush();
    const [names] = await world.redis.execute([['KEYS', 'usage:*']]);
    const [counter = ''] = Array.isArray(names) ? names.map(String) : [];
    expect(await world.redis.execute([['GET', counter]])).toEqual(['2']);
  });
});

describe('the name of a client, which a function of the application may find anywhere', () => {
  const missesIn = async (world: ReturnType<typeof keyWorld>) =>
    [...(await world.redis.execute([['KEYS', 'auth:misses:*']]))].flat().map(String);

  it('makes no key of more than bounded length, by the guard and by validation alike', async () => {
    const world = keyWorld('function');
    await world.issue();
    const { keys, check } = world.start();
    const name = 'x'.repeat(10_000);
    expect(await check(world.unknown(), name)).toMatchObject({ status: 401 });
    await keys.validate(world.unknown(), { client: name });
    const misses = await missesIn(world);
    expect(misses.map(({ length }) => length < 200)).toEqual([true]);
    expect(await world.redis.execute([['GET', misses[0] ?? '']])).toEqual(['2:0']);
  });

  it('is nobody where it is empty: such clients lock each other out from nothing', async () => {
    const world = keyWorld('kv');
    await world.issue();
    const { keys, check } = world.start();
    for (let turn = 0; turn < 30; turn += 1) {
      expect(await check(world.unknown(), '')).toMatchObject({ status: 401 });
      expect(await keys.validate(world.unknown(), { client: '' })).toMatchObject({ reason: 'unknown' });
    }
    expect(await missesIn(world)).toEqual([]);
  });
});
