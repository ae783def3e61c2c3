import { describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import { createGuard, type GuardOptions } from '../../lib/guard/guard.ts';
import { createApiKeys } from '../../lib/keys/api-keys.ts';
import { createLimiter } from '../../lib/limit/limiter.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import { eventually } from '../support/eventually.ts';
import { keyWorld, PEPPER } from '../support/key-world.ts';

const NEW_PEPPER = { kid: 'k2', secret: 'the next secret of the tests' };

/** What is in the Redis of a world under the first digest of a key. */
async function entryOf(world: ReturnType<typeof keyWorld>, key: string, pepper = PEPPER) {
  const { keys } = world.start({ pepper });
  const { kid, digest } = await keys.digest(key);
  const [text] = await world.redis.execute([['GET', `auth:1:${kid}:${digest}`]]);
  return typeof text === 'string' ? JSON.parse(text).status : undefined;
}

describe('what goes on behind a decision, and is to be waited for before a platform ends', () => {
  it('is nothing for most requests', async () => {
    const world = keyWorld('other-kv');
    const key = await world.issue();
    const { check } = world.start();
    for (const sent of [key, key, world.unknown()]) expect((await check(sent)).pending).toBeUndefined();
  });

  it('is to put a key under the new pepper', async () => {
    const world = keyWorld('kv');
    const key = await world.issue();
    const { check } = world.start({ pepper: [NEW_PEPPER, PEPPER] });
    const { pending } = await check(key);
    expect(pending).toBeInstanceOf(Promise);
    await pending;
    expect(await entryOf(world, key, NEW_PEPPER)).toBe('active');
  });

  it('is to tell Redis of a revocation that it has missed', async () => {
    const world = keyWorld('other-kv');
    const [key, other] = [await world.issue(), await world.issue()];
    const { check, keys } = world.start();
    await check(key);
    world.takeAway('redis');
    expect(await keys.revoke(key)).toEqual({ revoked: true, propagated: false });
    world.giveBack();
    const { pending } = await check(other);
    expect(pending).toBeInstanceOf(Promise);
    await pending;
    expect(await entryOf(world, key)).toBe('revoked');
  });

  /** A decision with a budget of 100 ms that waits for the source. */
  const waiting = async () => {
    const world = keyWorld('other-kv');
    const key = await world.issue();
    const hold = world.source?.hold();
    const { clock, redis } = world;
    const kv = createKv({ store: redis, clock });
    const keys = createApiKeys({ kv, pepper: PEPPER, source: world.source?.source });
    const guard = createGuard({ ...surroundings(kv, keys), budgetMs: 100 });
    const asked = guard.check(new Request('https://example.test/', { headers: { 'x-api-key': key } }));
    await eventually(() => hold?.waiting === 1);
    return { world, clock, key, hold, asked };
  };

  it('is to tell Redis of a key that the source has found in the last moment', async () => {
    const { world, clock, key, hold, asked } = await waiting();
    clock.advance(99.5);
    hold?.release();
    const decision = await asked;
    expect(decision).toMatchObject({ outcome: 'allow' });
    expect(decision.pending).toBeInstanceOf(Promise);
    await decision.pending;
    expect(await entryOf(world, key)).toBe('active');
  });

  it('is a look at the source for which this request had no time left', async () => {
    const { clock, hold, asked } = await waiting();
    clock.advance(100);
    const decision = await asked;
    expect(decision).toMatchObject({ outcome: 'deny', status: 503 });
    const order: string[] = [];
    const ended = decision.pending?.then(() => order.push('ended'));
    await new Promise(setImmediate);
    order.push('released');
    hold?.release();
    await ended;
    expect(order).toEqual(['released', 'ended']);
  });

  it('is to take permits in advance, also for a key that is exempt from other limits', async () => {
    const kv = createKv({ store: memoryStore() });
    const keys = createApiKeys({ kv });
    const { key, record } = await keys.create({ owner: 'acme' });
    const policies = ['ip', 'key'].map((name) => ({ name, limit: 3_600, windowMs: 3_600_000, maxOverAdmission: 0.1 }));
    for (const allow of [[], [record.id]]) {
      const guard = createGuard({
        ...surroundings(kv, keys),
        limiter: createLimiter({ kv, policies, prefetch: true }),
        routes: [{ path: '/*', limits: { ip: 'ip', key: 'key' } }],
        lists: { allow },
      });
      let ahead = 0;
      for (let time = 0; time < 100; time += 1) {
        const { pending } = await guard.check(new Request('https://example.test/', { headers: { 'x-api-key': key } }));
        if (pending) ahead += 1;
        await pending;
      }
      expect(ahead).toBeGreaterThan(0);
    }
  });
});

function surroundings(kv: GuardOptions['kv'], keys: GuardOptions['keys']) {
  const limiter = createLimiter({ kv, policies: [] });
  return { kv, keys, limiter, routes: [{ path: '/*' }], clientIp: () => '192.0.2.1' };
}
