import { describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import type { Quota } from '../../lib/client/quota.ts';
import { createGuard } from '../../lib/guard/guard.ts';
import { createApiKeys } from '../../lib/keys/api-keys.ts';
import { createLimiter } from '../../lib/limit/limiter.ts';
import type { Algorithm } from '../../lib/limit/policy.ts';
import { keyWorld, PEPPER } from '../support/key-world.ts';
import { ALGORITHMS } from '../support/limit-rig.ts';

const HOUR_MS = 3_600_000;
const COUNTING = ALGORITHMS.filter((algorithm) => algorithm !== 'concurrency');

/** A guard that counts by key under `algorithm`, 5 a minute where a key has no plan of its own. */
async function guarded(algorithm: Algorithm, plan: Quota) {
  const world = keyWorld('kv');
  // Far from where windows of both lengths begin.
  world.clock.advance(1_000 * HOUR_MS + 90_000);
  const key = await world.issue({ limits: { key: plan } });
  const kv = createKv({ store: world.redis, clock: world.clock });
  const guard = createGuard({
    kv,
    keys: createApiKeys({ kv, pepper: PEPPER }),
    limiter: createLimiter({ kv, policies: [{ name: 'key', algorithm, limit: 5, windowMs: 60_000 }], refusalTtlMs: 0 }),
    routes: [{ path: '/*', limits: { key: 'key' } }],
    clientIp: () => '192.0.2.1',
  });
  /** How many of `times` requests pass. */
  const pass = async (times: number): Promise<number> => {
    let passed = 0;
    for (let turn = 0; turn < times; turn += 1) {
      const decision = await guard.check(new Request('https://app.test/', { headers: { 'x-api-key': key } }));
      if (decision.outcome === 'allow') passed += 1;
    }
    return passed;
  };
  return { world, kv, pass };
}

describe.each(COUNTING)('a key with a plan of its own, %s', (algorithm) => {
  it.each<[string, Quota]>([
    ['more', { limit: 60, windowMs: 1_000 * HOUR_MS }],
    ['less', { limit: 2, windowMs: 1_000 * HOUR_MS }],
  ])('has no second burst when Redis is back, where its plan is %s than the policy', async (_, plan) => {
    const { world, kv, pass } = await guarded(algorithm, plan);
    expect(await pass(1)).toBe(1);
    world.takeAway('redis');
    expect(await pass(plan.limit + 5)).toBe(plan.limit);
    world.giveBack();
    kv.circuit.reset();
    expect(await pass(plan.limit)).toBe(0);
  });
});
