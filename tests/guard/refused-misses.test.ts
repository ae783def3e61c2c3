import { expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import { createGuard } from '../../lib/guard/guard.ts';
import { createApiKeys } from '../../lib/keys/api-keys.ts';
import { createLimiter } from '../../lib/limit/limiter.ts';
import { keyWorld, PEPPER } from '../support/key-world.ts';

it('while Redis is away nobody is locked out for requests that a limit has refused', async () => {
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
  world.takeAway('redis');
  for (let second = 0; second < 5; second += 1) {
    expect(await check(neighbour)).toBe('allow');
    for (let turn = 0; turn < 30; turn += 1) expect(await check(key)).toBe('quota-exceeded');
    clock.advance(1_000);
  }
  expect(await check(key)).toBe('allow');
});
