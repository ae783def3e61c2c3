import { describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import { createApiKeys } from '../../lib/keys/api-keys.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { eventually } from '../support/eventually.ts';
import { heldStore } from '../support/held-store.ts';
import { keyWorld, PEPPER } from '../support/key-world.ts';

describe('what an attack has found of keys in a source', () => {
  it('an outage of it locks nobody out, and is no miss of anybody', async () => {
    for (const away of ['source', 'both'] as const) {
      const world = keyWorld('other-kv');
      const key = await world.issue();
      const { keys, check } = world.start();
      world.takeAway(away);
      for (let turn = 0; turn < 30; turn += 1) {
        expect(await keys.validate(key, { client: '192.0.2.1' })).toMatchObject({ reason: 'away' });
        expect(await check(key)).toMatchObject({ status: 503 });
        world.clock.advance(500);
      }
      world.giveBack();
      world.clock.advance(10_000);
      expect(await check(key)).toMatchObject({ outcome: 'allow' });
      expect(await check(world.unknown())).toMatchObject({ status: 401 });
    }
  });

  it.each(['expiresAt', 'dailyQuota', 'createdAt', 'generation'])(
    'a key whose %s is no number is none',
    async (field) => {
      const clock = manualClock();
      const kv = createKv({ store: memoryStore({ clock }), clock });
      const found = { id: 'x', owner: 'o', [field]: Number.NaN };
      const keys = createApiKeys({ kv, source: { findByDigest: async () => found }, pepper: PEPPER });
      expect(await keys.validate(keys.format.generate())).toMatchObject({ status: 'UNAVAILABLE' });
    },
  );

  it('a key that was found by another digest is none, whatever a database takes for equal', async () => {
    const world = keyWorld('other-kv');
    await world.issue();
    const found = (digest: string) => ({ id: 'x', owner: 'o', digest });
    for (const [change, status] of [
      [(digest: string) => digest, 'VALID'],
      [(digest: string) => digest.toLowerCase(), 'INVALID'],
      [(digest: string) => `${digest} `, 'INVALID'],
      [() => '', 'INVALID'],
    ] as const) {
      const { keys } = world.start({ source: { findByDigest: async ({ digest }) => found(change(digest)) } });
      expect(await keys.validate(world.unknown())).toMatchObject({ status });
    }
  });

  it('that there is no such key is as old as the question', async () => {
    const world = keyWorld('other-kv');
    await world.issue();
    const { keys } = world.start({ negativeTtlMs: 1_000, budgetMs: 100_000, sourceSettings: { timeoutMs: 60_000 } });
    const key = world.unknown();
    const gate = world.source?.hold();
    const answer = keys.validate(key);
    await eventually(() => gate?.waiting === 1);
    world.clock.advance(900);
    gate?.release();
    await answer;
    world.clock.advance(100);
    const looks = world.source?.looks.length ?? 0;
    await keys.validate(key);
    expect(world.source?.looks.length).toBe(looks + 1);
  });

  it('clearing the cache of a key removes no tombstone that is written meanwhile', async () => {
    const world = keyWorld('other-kv');
    const key = await world.issue();
    const held = heldStore(world.redis);
    const { keys } = world.startOn(held);
    await keys.validate(key);
    held.hold();
    const forgotten = keys.forget(key);
    await eventually(() => held.held === 1);
    await world.start().keys.revoke(key);
    held.deliver();
    await forgotten;
    expect((await world.redis.execute([['KEYS', 'auth:1:*']])).flat()).toHaveLength(1);
    expect(await world.start().keys.validate(key)).toEqual({ status: 'INVALID', reason: 'revoked' });
  });

  it('an id is an id also where a format takes it for a key', async () => {
    const world = keyWorld('kv');
    const { keys } = world.start({ format: { generate: world.unknown, accepts: (text) => text.length > 8 } });
    const { key, record } = await keys.create({ owner: 'a' });
    expect(await keys.revoke(record.id)).toMatchObject({ revoked: true });
    expect(await keys.validate(key)).toEqual({ status: 'INVALID', reason: 'revoked' });
  });

  it('a key that could not be put under the new pepper is tried again', async () => {
    const world = keyWorld('other-kv');
    const key = await world.issue();
    const pepper = { kid: 'k2', secret: 'another-secret-of-the-tests' };
    const { keys } = world.start({ pepper: [pepper, PEPPER] });
    await world.start().keys.validate(key);
    world.source?.takeAway();
    await keys.validate(key);
    world.source?.giveBack();
    world.clock.advance(60_000);
    await keys.validate(key);
    await eventually(async () => (await world.start({ pepper }).keys.validate(key)).status === 'VALID');
  });

  it('a key that has expired is no miss, nor is an answer that is no key', async () => {
    const world = keyWorld('function');
    const key = await world.issue({ expiresAt: world.clock.now() + 1 });
    world.clock.advance(1);
    const nonsense = { findByDigest: async () => ({ id: 'x', owner: 'o', createdAt: Number.NaN }) };
    const [client, other] = ['192.0.2.1', '192.0.2.2'];
    for (let turn = 0; turn < 30; turn += 1) {
      expect(await world.start().keys.validate(key, { client })).toMatchObject({ reason: 'expired' });
      const { keys } = world.start({ source: nonsense });
      expect(await keys.validate(world.unknown(), { client: other })).toMatchObject({ reason: 'away' });
    }
  });

  it('a flood that is more than it can bear is counted, and locks its address out', async () => {
    const world = keyWorld('other-kv');
    await world.issue();
    const { keys } = world.start({ sourceSettings: { maxConcurrent: 2 } });
    const gate = world.source?.hold();
    const reasons: unknown[] = [];
    const flood = Array.from({ length: 40 }, async () => {
      const answer = await keys.validate(world.unknown(), { client: '192.0.2.1' });
      reasons.push('reason' in answer && answer.reason);
    });
    // One of them has the only place for keys that were never seen.
    await eventually(() => gate?.waiting === 1 && reasons.length === 39);
    expect(reasons).toContain('locked');
    gate?.release();
    await Promise.all(flood);
    expect(world.source?.looks).toHaveLength(1);
  });

  it('a key that Redis has forgotten is charged with what was granted to it while Redis was away', async () => {
    const world = keyWorld('other-kv');
    const key = await world.issue({ limits: { key: { limit: 6, windowMs: 3_600_000 } } });
    const { check } = world.start();
    expect(await check(key)).toMatchObject({ outcome: 'allow' });
    await world.start().keys.forget(key);
    world.takeAway('redis');
    for (let turn = 0; turn < 4; turn += 1) expect(await check(key)).toMatchObject({ outcome: 'allow' });
    world.giveBack();
    world.clock.advance(11_000);
    expect(await check(key)).toMatchObject({ outcome: 'allow' });
    expect(world.source?.looks).toHaveLength(2);
    expect(await check(key)).toMatchObject({ outcome: 'deny', status: 429 });
    expect(await world.start().check(key)).toMatchObject({ outcome: 'deny', status: 429 });
  });
});
