import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { keyWorld, PEPPER, type SourceKind } from '../support/key-world.ts';
import { watchedStore } from '../support/watched-store.ts';

const NEW = { kid: 'k2', secret: 'another-secret-of-the-tests' };
const REVOKED = { status: 'INVALID', reason: 'revoked' };

describe('a change that Redis is told of late', () => {
  it('brings no key back that another process has revoked since', async () => {
    const world = keyWorld('other-kv');
    const link = watchedStore(world.redis);
    const cutOff = world.startOn(link);
    const ended = await world.issue();
    link.takeAway();
    const { key, record } = await cutOff.keys.create({ owner: 'a' });
    await cutOff.keys.revoke(ended);
    expect(await world.start().keys.revoke(record.id)).toEqual({ revoked: true, propagated: true });
    world.clock.advance(400_000);
    link.giveBack();
    await cutOff.keys.validate(world.unknown());
    const { kid, digest } = await cutOff.keys.digest(ended);
    // Both changes are told in one request.
    await eventually(async () => (await world.redis.execute([['EXISTS', `auth:1:${kid}:${digest}`]]))[0] === 1);
    expect(await world.start().keys.validate(key)).toEqual(REVOKED);
  });

  it('is told all the same while what it says may be cached', async () => {
    const world = keyWorld('other-kv');
    const link = watchedStore(world.redis);
    const cutOff = world.startOn(link);
    link.takeAway();
    const { key } = await cutOff.keys.create({ owner: 'a' });
    world.clock.advance(299_000);
    link.giveBack();
    await cutOff.keys.validate(await world.issue());
    const entries = async () => (await world.redis.execute([['KEYS', 'auth:1:*']])).flat().map(String);
    await eventually(async () => (await entries()).length === 2);
    const digest = await cutOff.keys.digest(key);
    const [life] = await world.redis.execute([['PTTL', `auth:1:${digest.kid}:${digest.digest}`]]);
    expect(life).toBeLessThanOrEqual(1_000);
  });
});

describe.each<SourceKind>(['kv', 'other-kv'])('a key on record in %s that is put under a new pepper', (kind) => {
  it('works under it although an older key of its id ended days ago', async () => {
    const world = keyWorld(kind);
    const { keys } = world.start();
    const { record } = await keys.create({ owner: 'a' });
    const key = (await keys.rotate(record.id, { graceSeconds: 60 }))?.key ?? '';
    world.clock.advance(2 * 86_400_000);
    await world.start({ pepper: [NEW, PEPPER] }).keys.validate(key);
    await eventually(async () => ((await keys.get(record.id))?.generation ?? 0) > 2);
    expect(await world.start({ pepper: NEW }).keys.validate(key)).toMatchObject({ status: 'VALID' });
  });
});

describe('a revocation that this process has made', () => {
  it.each([{ staleIfErrorMs: 3_600_000 }, { entryTtlMs: 1_000 }])(
    'wins over its old answer for as long as that may be used, with %o',
    async (options) => {
      const world = keyWorld('other-kv');
      const { keys } = world.start(options);
      const { key } = await keys.create({ owner: 'a' });
      expect(await keys.validate(key)).toMatchObject({ status: 'VALID' });
      await keys.revoke(key);
      world.takeAway('both');
      world.clock.advance((options.entryTtlMs ?? 300_000) + 61_000);
      expect(await keys.validate(key)).toEqual(REVOKED);
    },
  );

  it('lets nobody in again after more of them than it remembers', async () => {
    const world = keyWorld('other-kv');
    const { keys } = world.start({ maxKnownKeys: 3 });
    const { key } = await keys.create({ owner: 'a' });
    expect(await keys.validate(key)).toMatchObject({ status: 'VALID' });
    const others = await Promise.all(Array.from({ length: 4 }, () => keys.create({ owner: 'b' })));
    for (const one of [key, ...others.map((other) => other.record.id)]) await keys.revoke(one);
    expect(await keys.validate(key)).toEqual(REVOKED);
    world.takeAway('both');
    expect(await keys.validate(key)).toEqual(REVOKED);
  });

  it('passes nobody on an old answer after more of them than it remembers', async () => {
    const world = keyWorld('other-kv');
    const { keys } = world.start({ maxKnownKeys: 3 });
    const { key } = await keys.create({ owner: 'a' });
    await keys.validate(key);
    const others = await Promise.all(Array.from({ length: 4 }, () => keys.create({ owner: 'b' })));
    for (const one of [key, ...others.map((other) => other.record.id)]) await keys.revoke(one);
    world.takeAway('both');
    expect(await keys.validate(key)).toMatchObject({ status: 'UNAVAILABLE' });
  });
});

describe('a key that is created', () => {
  const deep = (levels: number) => {
    let value: unknown = null;
    for (let depth = 0; depth < levels; depth += 1) value = [value];
    return value;
  };
  const cycle: Record<string, unknown> = {};
  cycle.self = cycle;

  it.each<[string, unknown]>([
    ['a config of 100,000 levels', { owner: 'a', config: deep(100_000) }],
    ['a config with a cycle', { owner: 'a', config: cycle }],
    ['a config of a bigint', { owner: 'a', config: 1n }],
    ['a number for an owner', { owner: 5 }],
    ['a list for an owner', { owner: ['a'] }],
    ['no owner', {}],
    ['a text for scopes', { owner: 'a', scopes: 'read' }],
    ['a number for a scope', { owner: 'a', scopes: [5] }],
    ['a list for limits', { owner: 'a', limits: [] }],
    ['null for limits', { owner: 'a', limits: null }],
    ['null for a quota', { owner: 'a', limits: { key: null } }],
  ])('is refused with %s, which could not be read again', async (_, asked) => {
    const { keys } = keyWorld('kv').start();
    await expect(keys.create(asked as { owner: string })).rejects.toMatchObject({ code: 'CONFIG' });
  });

  it('is what validation says it is, also where its config is no JSON', async () => {
    const { keys } = keyWorld('kv').start();
    for (const config of [{ at: new Date(0), none: undefined, not: Number.NaN }, () => 1, undefined]) {
      const { key, record } = await keys.create({ owner: 'a', config });
      expect(await keys.validate(key)).toMatchObject({ status: 'VALID', key: record });
    }
  });

  it('is not changed by what its creator does to the arguments later', async () => {
    const world = keyWorld('other-kv');
    const { keys } = world.start();
    const given = { scopes: ['read'], limits: { key: { limit: 1, windowMs: 1_000 } }, config: { plan: 'free' } };
    world.redis.takeAway();
    const creation = keys.create({ owner: 'a', ...given });
    const before = structuredClone(given);
    const change = () => {
      given.scopes.push('admin');
      given.limits.key.limit = 1_000;
      given.config.plan = 'gold';
    };
    change();
    const { key } = await creation;
    change();
    world.redis.giveBack();
    await keys.validate(world.unknown());
    const { kid, digest } = await keys.digest(key);
    await eventually(async () => (await world.redis.execute([['EXISTS', `auth:1:${kid}:${digest}`]]))[0] === 1);
    expect(await world.start().keys.validate(key)).toMatchObject({ status: 'VALID', key: before });
  });
});

describe('the key that validation hands out', () => {
  it.each<SourceKind>(['kv', 'function'])('cannot be changed by one caller for others, from %s', async (kind) => {
    const world = keyWorld(kind);
    const given = {
      scopes: ['read'],
      limits: { key: { limit: 1, windowMs: 1_000 } },
      config: { plan: { name: 'free' } },
    };
    const key = await world.issue(given);
    const { keys } = world.start();
    const answer = await keys.validate(key);
    if (answer.status !== 'VALID') throw new Error(answer.status);
    const { scopes, limits, config } = answer.key;
    const attempts = [
      () => Object.assign(answer.key, { owner: 'somebody else' }),
      () => Object.assign(scopes, ['admin']),
      () => Object.assign(limits.key ?? {}, { limit: 1_000 }),
      () => Object.assign((config as typeof given.config).plan, { name: 'gold' }),
    ];
    for (const attempt of attempts) expect(attempt).toThrow(TypeError);
    expect(await keys.validate(key)).toMatchObject({ status: 'VALID', key: { owner: 'acme', ...given } });
  });
});
