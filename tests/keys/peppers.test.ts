import { describe, expect, it } from 'vitest';
import { createDigester, type Peppers } from '../../lib/keys/digest.ts';
import { eventually } from '../support/eventually.ts';
import { keyWorld, PEPPER, type SourceKind } from '../support/key-world.ts';

const NEW = { kid: 'k2', secret: 'another-secret-of-the-tests' };

describe('a digest', () => {
  it('is made under each pepper, the one of new keys first', async () => {
    const digest = createDigester([NEW, PEPPER, 'plain']);
    const all = await digest.all('x');
    expect(all.map(({ kid }) => kid)).toEqual(['k2', 'k1', 'plain']);
    expect(all[0]).toEqual(await digest('x'));
    expect(all[1]).toEqual(await createDigester(PEPPER)('x'));
    expect(all[2]).toEqual(await createDigester(undefined)('x'));
    expect(new Set(all.map((one) => one.digest)).size).toBe(3);
  });

  const peppers = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ kid: `k${index}`, secret: PEPPER.secret }));
  const TWICE = 'pepper.kid must name one pepper only';

  it.each<[string, Peppers, string]>([
    ['twice the same kid', [PEPPER, { ...NEW, kid: PEPPER.kid }], TWICE],
    ['plain twice', ['plain', 'plain'], TWICE],
    ['more than four', peppers(5), 'pepper must be at most 4'],
    ['a short secret', [PEPPER, { kid: 'k3', secret: 'short' }], 'pepper.secret must have at least 16 characters'],
  ])('is made under no list with %s', (_, list, message) => {
    const [setting] = message.split(' ');
    expect(() => createDigester(list)).toThrow(expect.objectContaining({ code: 'CONFIG', setting, message }));
  });

  it('is made under a list of one and of four', async () => {
    for (const count of [1, 4]) expect(await createDigester(peppers(count)).all('x')).toHaveLength(count);
  });
});

describe.each<SourceKind>(['kv', 'other-kv', 'function'])('a key on record in %s under an old pepper', (kind) => {
  it('works as long as that pepper is there, behind the new one', async () => {
    const world = keyWorld(kind);
    const key = await world.issue({ limits: { key: { limit: 2, windowMs: 60_000 } } });
    const { keys, check } = world.start({ pepper: [NEW, PEPPER] });
    for (let turn = 0; turn < 2; turn += 1) {
      expect(await keys.validate(key)).toMatchObject({ status: 'VALID', degraded: false });
    }
    const outcomes = [];
    for (let turn = 0; turn < 3; turn += 1) outcomes.push((await check(key)).outcome);
    expect(outcomes).toEqual(['allow', 'allow', 'deny']);
    const unknown = await world.start({ pepper: [NEW, PEPPER] }).keys.validate(world.unknown());
    expect(unknown).toEqual({ status: 'INVALID', reason: 'unknown' });
    if (kind === 'function')
      expect(await world.start({ pepper: NEW }).keys.validate(key)).toMatchObject({ status: 'INVALID' });
  });

  it('ends at once in the process that revokes it', async () => {
    if (kind === 'function') return;
    const world = keyWorld(kind);
    const key = await world.issue();
    const { keys, check } = world.start({ pepper: [NEW, PEPPER] });
    await keys.validate(key);
    expect(await keys.revoke(key)).toEqual({ revoked: true, propagated: true });
    expect(await keys.validate(key)).toEqual({ status: 'INVALID', reason: 'revoked' });
    expect(await check(key)).toMatchObject({ status: 401 });
    expect(await world.start({ pepper: [NEW, PEPPER] }).keys.validate(key)).toMatchObject({ reason: 'revoked' });
    expect(await world.start().keys.validate(key)).toMatchObject({ reason: 'revoked' });
  });
});

describe.each<SourceKind>(['kv', 'other-kv'])('a key in use, on record in %s', (kind) => {
  it('takes what was used of its day along', async () => {
    const world = keyWorld(kind);
    const key = await world.issue({ owner: 'acme', dailyQuota: 5 });
    const { check } = world.start();
    for (let turn = 0; turn < 2; turn += 1) await check(key);
    await world.start({ pepper: [NEW, PEPPER] }).keys.validate(key);
    const moved = world.start({ pepper: NEW });
    await eventually(async () => (await world.start({ pepper: NEW }).keys.validate(key)).status === 'VALID');
    expect(await moved.check(key)).toMatchObject({ limits: { policy: 'daily-quota', limit: 5, remaining: 2 } });
  });

  it('is put on record under the new pepper, so that the old one can go', async () => {
    const world = keyWorld(kind);
    const key = await world.issue({ owner: 'acme', dailyQuota: 5 });
    const rolling = world.start({ pepper: [NEW, PEPPER] });
    await rolling.check(key);
    // Redis is told, before anybody asks for it there.
    const [next] = await rolling.keys.digest.all(key);
    const told = async () => (await world.redis.execute([['EXISTS', `auth:1:${next.kid}:${next.digest}`]]))[0];
    await eventually(async () => (await told()) === 1);
    const validated = () => world.start({ pepper: NEW }).keys.validate(key);
    expect(await validated()).toMatchObject({ key: { owner: 'acme', dailyQuota: 5 } });
    // A process that has not been told of the new pepper yet goes on as before.
    expect(await world.start().keys.validate(key)).toMatchObject({ status: 'VALID' });
    await rolling.check(key);
    await world.start({ pepper: NEW }).keys.revoke(key);
    for (const pepper of [NEW, PEPPER, [NEW, PEPPER]]) {
      expect(await world.start({ pepper }).keys.validate(key)).toEqual({ status: 'INVALID', reason: 'revoked' });
    }
  });
});
