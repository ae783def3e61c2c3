import { expect, it } from 'vitest';
import { onEveryStore } from '../support/every-store.ts';
import { keyWorld } from '../support/key-world.ts';

const HOUR_MS = 3_600_000;

onEveryStore('a lockout that was written before the clock of Redis was set back', (current) => {
  it('locks nobody out for longer than the longest', async () => {
    const world = keyWorld('kv');
    const { keys, check } = world.startOn(current());
    await keys.create({ owner: 'acme' });
    const [now] = await current().execute([['TIME']]);
    const nowMs = Number(Array.isArray(now) ? now[0] : 0) * 1_000;
    const locked = async (forMs: number) => {
      await current().execute([['SET', 'auth:misses:192.0.2.1', `25:${nowMs + forMs}`, 'PX', HOUR_MS]]);
      const decision = await check(world.unknown());
      return decision.outcome === 'deny' && decision.code;
    };
    expect(await locked(600_000)).toBe('too-many-unknown-keys');
    expect(await locked(24 * HOUR_MS)).toBe('api-key-invalid');
  });
});

it('an entry lives no longer than entryTtlMs, although the clock of Redis was set back while the source was asked', async () => {
  const world = keyWorld('function');
  const key = await world.issue();
  const { keys } = world.start({
    source: {
      async findByDigest(...asked) {
        world.clock.jumpWall(-HOUR_MS);
        return world.source?.source.findByDigest(...asked);
      },
    },
  });
  expect((await keys.validate(key)).status).toBe('VALID');
  const [names] = await world.redis.execute([['KEYS', 'auth:1:*']]);
  const [name = ''] = Array.isArray(names) ? names.map(String) : [];
  const [leftMs] = await world.redis.execute([['PTTL', name]]);
  expect(leftMs).toBeGreaterThan(0);
  expect(leftMs).toBeLessThanOrEqual(300_000);
});
