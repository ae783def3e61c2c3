import { describe, expect, it } from 'vitest';
import { type SqlQuery, sqlKeyStore } from '../../lib/keys/sql.ts';
import { type KeyWorld, keyWorld, type SourceKind } from '../support/key-world.ts';
import { sqlEngine } from '../support/sql-engine.ts';

const UNAVAILABLE = { status: 'UNAVAILABLE', reason: 'away', retryAfterMs: expect.any(Number) };

const engine = sqlEngine();

const worldOf = async (kind: SourceKind): Promise<KeyWorld> => {
  if (kind !== 'sql') return keyWorld(kind);
  const { database } = engine;
  const query: SqlQuery = (text, params) => database.query(text, params);
  return keyWorld(kind, { database: sqlKeyStore({ query, table: await engine.freshTable() }) });
};

describe.each<SourceKind>(['kv', 'other-kv', 'sql', 'function', 'static'])('keys on record in %s', (kind) => {
  const elsewhere = kind === 'kv' ? 0 : 1;

  it('answer with all that is on record of a key', async () => {
    const world = await worldOf(kind);
    const given = {
      scopes: ['read'],
      limits: { key: { limit: 2, windowMs: 1_000 } },
      config: { plan: ['gold', null] },
    };
    const key = await world.issue({ owner: 'é🦀', ...given, expiresAt: world.clock.now() + 60_000 });
    for (const process of [world.start(), world.start()]) {
      for (let turn = 0; turn < 2; turn += 1) {
        const answer = await process.keys.validate(key);
        expect(answer).toMatchObject({ status: 'VALID', degraded: false, key: { owner: 'é🦀', ...given } });
      }
    }
  });

  it('cost nothing from the memory of the process, one request from the cache, and one look where there is neither', async () => {
    const world = await worldOf(kind);
    const key = await world.issue();
    const counts = async (work: () => Promise<unknown>) => {
      const [requests, looks] = [world.redis.requests.length, world.source?.looks.length ?? 0];
      await work();
      return [world.redis.requests.length - requests, (world.source?.looks.length ?? 0) - looks];
    };
    const first = world.start();
    // Redis does not know the script yet.
    await first.keys.validate(world.unknown());
    expect(await counts(() => first.keys.validate(key))).toEqual([1 + elsewhere, elsewhere]);
    expect(await counts(() => first.keys.validate(key))).toEqual([0, 0]);
    expect(await counts(() => world.start().keys.validate(key))).toEqual([1, 0]);
    world.clock.advance(300_001);
    expect(await counts(() => world.start().keys.validate(key))).toEqual([1 + elsewhere, elsewhere]);
  });

  it('share the one request of the front door with the limits', async () => {
    const world = await worldOf(kind);
    const key = await world.issue();
    const { check } = world.start();
    await check(key);
    const [requests, looks] = [world.redis.requests.length, world.source?.looks.length];
    expect(await check(key)).toMatchObject({ outcome: 'allow', identity: { owner: 'acme' } });
    expect(await check(key, '192.0.2.2')).toMatchObject({ outcome: 'allow' });
    expect(world.redis.requests.length - requests).toBe(2);
    expect(world.source?.looks.length).toBe(looks);
    expect(await check(key, '192.0.2.1', '/unlimited')).toMatchObject({ outcome: 'allow' });
    expect(world.redis.requests.length - requests).toBe(2);
  });

  it('are counted by their own plan from the first request on', async () => {
    const world = await worldOf(kind);
    const key = await world.issue({ limits: { key: { limit: 2, windowMs: 60_000 } } });
    const outcomes = [];
    for (let turn = 0; turn < 3; turn += 1) outcomes.push((await world.start().check(key)).outcome);
    expect(outcomes).toEqual(['allow', 'allow', 'deny']);
  });

  it('are unknown only by the word of who has them on record', async () => {
    const world = await worldOf(kind);
    await world.issue();
    const key = world.unknown();
    expect(await world.start().keys.validate(key)).toEqual({ status: 'INVALID', reason: 'unknown' });
    expect(await world.start().check(key)).toMatchObject({ status: 401, code: 'api-key-invalid' });
    world.takeAway(kind === 'kv' ? 'redis' : 'source');
    expect(await world.start().keys.validate(world.unknown())).toEqual(UNAVAILABLE);
    expect(await world.start().check(world.unknown())).toMatchObject({ status: 503, code: 'key-store-unavailable' });
  });

  it('end with their time, whoever has cached them', async () => {
    const world = await worldOf(kind);
    const key = await world.issue({ expiresAt: world.clock.now() + 5_000 });
    const early = world.start();
    await early.keys.validate(key);
    world.clock.advance(5_000);
    for (const process of [early, world.start()]) {
      expect(await process.keys.validate(key)).toEqual({ status: 'INVALID', reason: 'expired' });
      expect(await process.check(key)).toMatchObject({ status: 401 });
    }
  });

  it('pass while nobody can be asked, if they have been seen valid, for as long as is bearable', async () => {
    const world = await worldOf(kind);
    const [known, other] = [await world.issue(), await world.issue()];
    const process = world.start();
    await process.keys.validate(known);
    world.clock.advance(10_000);
    world.takeAway('both');
    expect(await process.keys.validate(known)).toMatchObject({ status: 'VALID', degraded: true });
    expect(await process.check(known)).toMatchObject({ outcome: 'allow', degraded: ['keys', 'limit'] });
    expect(await process.keys.validate(other)).toEqual(UNAVAILABLE);
    world.clock.advance(290_000);
    expect(await process.keys.validate(known)).toMatchObject({ status: 'UNAVAILABLE' });
    expect(await process.check(known)).toMatchObject({ status: 503 });
    world.giveBack();
    world.clock.advance(10_000);
    expect(await process.keys.validate(known)).toMatchObject({ status: 'VALID', degraded: false });
  });
});

describe.each<SourceKind>(['other-kv', 'sql', 'function', 'static'])(
  'keys on record in %s, while Redis is away',
  (kind) => {
    it('are looked up there, counted in the process, and remembered', async () => {
      const world = await worldOf(kind);
      const key = await world.issue({ limits: { key: { limit: 2, windowMs: 60_000 } } });
      world.takeAway('redis');
      const process = world.start();
      expect(await process.check(key)).toMatchObject({
        outcome: 'allow',
        degraded: ['limit'],
        identity: { owner: 'acme' },
      });
      expect(await process.check(key)).toMatchObject({ outcome: 'allow' });
      expect(await process.check(key)).toMatchObject({ outcome: 'deny', status: 429 });
      expect(world.source?.looks).toHaveLength(1);
      expect(await process.check(world.unknown())).toMatchObject({ status: 401 });
    });

    it('are known to Redis with the first look after it is back', async () => {
      const world = await worldOf(kind);
      const key = await world.issue();
      world.takeAway('redis');
      const process = world.start();
      for (let turn = 0; turn < 8; turn += 1) await process.check(key);
      world.giveBack();
      world.clock.advance(10_000);
      await process.check(key);
      const looks = world.source?.looks.length;
      expect(await world.start().check(key)).toMatchObject({ outcome: 'allow' });
      expect(world.source?.looks).toHaveLength(looks ?? 0);
    });
  },
);

describe.each<SourceKind>(['kv', 'other-kv', 'sql'])('keys that are managed in %s', (kind) => {
  const statusIn = async (world: KeyWorld, key: string) => {
    const answer = await world.start().keys.validate(key);
    return answer.status === 'INVALID' ? answer.reason : answer.status;
  };

  it('are issued, shown and listed', async () => {
    const world = await worldOf(kind);
    const { keys } = world.start();
    const issued = [];
    for (const owner of ['a', 'b', 'c']) {
      issued.push(await keys.create({ owner, scopes: ['read'], config: { plan: owner }, dailyQuota: 5 }));
      world.clock.advance(1);
    }
    const [first, second, third] = issued;
    expect(await keys.list()).toEqual(issued.map(({ record }) => record));
    expect(await keys.list({ limit: 1, after: first?.record.id })).toEqual([second?.record]);
    expect(await keys.list({ after: third?.record.id })).toEqual([]);
    expect(await keys.get(first?.record.id ?? '')).toEqual({ ...first?.record, status: 'active' });
    expect(await keys.get('key_0000000000000000')).toBeUndefined();
    for (const { key } of issued) expect(await statusIn(world, key)).toBe('VALID');
  });

  it('are there at once where they are issued, without the source', async () => {
    const world = await worldOf(kind);
    const { key } = await world.start().keys.create({ owner: 'a' });
    world.takeAway('source');
    expect(await statusIn(world, key)).toBe('VALID');
  });

  it('end for everybody who asks, given the key or its id', async () => {
    const world = await worldOf(kind);
    const { keys } = world.start();
    const [one, two] = [await keys.create({ owner: 'a' }), await keys.create({ owner: 'b' })];
    expect(await keys.revoke(one.key)).toEqual({ revoked: true, propagated: true });
    expect(await keys.revoke(two.record.id)).toEqual({ revoked: true, propagated: true });
    for (const { key, record } of [one, two]) {
      expect(await statusIn(world, key)).toBe('revoked');
      expect((await keys.get(record.id))?.status).toBe('revoked');
      expect(await keys.rotate(key)).toBeUndefined();
    }
    expect(await keys.list()).toEqual([]);
    expect(await keys.revoke(world.unknown())).toEqual({ revoked: false, propagated: false });
    world.clock.advance(400_000);
    expect(await statusIn(world, one.key)).toBe('revoked');
  });

  it('are rotated at once, or with a grace that another rotation does not prolong', async () => {
    const world = await worldOf(kind);
    const { keys } = world.start();
    const first = await keys.create({ owner: 'a' });
    const second = (await keys.rotate(first.key, { graceSeconds: 60 }))?.key ?? '';
    expect(await statusIn(world, first.key)).toBe('VALID');
    world.clock.advance(30_000);
    const third = (await keys.rotate(first.record.id, { graceSeconds: 600 }))?.key ?? '';
    world.clock.advance(29_999);
    for (const key of [first.key, second, third]) expect(await statusIn(world, key)).toBe('VALID');
    world.clock.advance(1);
    expect(await statusIn(world, first.key)).toBe('expired');
    expect(await statusIn(world, second)).toBe('VALID');
    const fourth = (await keys.rotate(first.record.id))?.key ?? '';
    for (const key of [second, third]) expect(await statusIn(world, key)).toMatch(/revoked|expired/);
    expect(await keys.validate(third)).toMatchObject({ status: 'INVALID' });
    expect(await statusIn(world, fourth)).toBe('VALID');
  });

  it('are changed by nobody while the store of record is away', async () => {
    const world = await worldOf(kind);
    const { keys } = world.start();
    const { key, record } = await keys.create({ owner: 'a' });
    world.takeAway('both');
    const changes = [
      () => keys.create({ owner: 'b' }),
      () => keys.revoke(record.id),
      () => keys.rotate(record.id),
      () => keys.list(),
    ];
    for (const change of changes) await expect(change()).rejects.toThrow();
    world.giveBack();
    world.clock.advance(10_000);
    expect(await statusIn(world, key)).toBe('VALID');
  });
});

it.each<SourceKind>(['function', 'static'])('keys cannot be issued in %s, which says so', async (kind) => {
  const world = await worldOf(kind);
  const key = await world.issue();
  const { keys } = world.start();
  for (const work of [() => keys.create({ owner: 'a' }), () => keys.revoke(key), () => keys.rotate(key), keys.list]) {
    await expect(work()).rejects.toMatchObject({ code: 'CONFIG', setting: 'source' });
  }
});
