import { expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import { createGuard } from '../../lib/guard/guard.ts';
import { createApiKeys } from '../../lib/keys/api-keys.ts';
import { createLimiter } from '../../lib/limit/limiter.ts';
import { eventually } from '../support/eventually.ts';
import { keyWorld, PEPPER } from '../support/key-world.ts';

it.each(['there', 'away'])('with Redis %s nobody is locked out for what a limit refuses', async (redis) => {
  const world = keyWorld('function');
  const { clock } = world;
  const kv = createKv({ store: world.redis, clock });
  const guard = createGuard({
    kv,
    keys: createApiKeys({ kv, source: world.source?.source, pepper: PEPPER }),
    limiter: createLimiter({ kv, policies: [{ name: 'ip', limit: 1, windowMs: 1_000 }], refusalTtlMs: 0 }),
    routes: [{ path: '/*', limits: { ip: 'ip' } }],
    clientIp: () => '192.0.2.1',
  });
  const check = async (key: string) => {
    const decision = await guard.check(new Request('https://app.test/', { headers: { 'x-api-key': key } }));
    return decision.outcome === 'deny' ? decision.code : 'allow';
  };
  const [neighbour, key] = [await world.issue(), await world.issue()];
  if (redis === 'away') world.takeAway('redis');
  for (let second = 0; second < 5; second += 1) {
    expect(await check(neighbour)).toBe('allow');
    for (let turn = 0; turn < 30; turn += 1) expect(await check(key)).toBe('quota-exceeded');
    clock.advance(1_000);
  }
  expect(await check(key)).toBe('allow');
});

it('an outage of the source locks nobody out, also where a look may take longer than the whole answer', async () => {
  const world = keyWorld('function');
  const key = await world.issue();
  const { check } = world.start({ sourceSettings: { timeoutMs: 2_000, breaker: { failureThreshold: 100 } } });
  const hold = world.source?.hold();
  for (let turn = 0; turn < 30; turn += 1) {
    const decision = check(world.unknown());
    await eventually(() => world.source?.looks.length === turn + 1);
    await world.clock.run(1_500);
    expect(await decision).toMatchObject({ status: 503 });
  }
  hold?.release();
  expect(await check(key)).toMatchObject({ outcome: 'allow' });
});
