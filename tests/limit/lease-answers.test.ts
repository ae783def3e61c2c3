import { describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import { createLimiter } from '../../lib/limit/limiter.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';

describe('an answer without a request', () => {
  it('names the whole time to wait when it refuses without asking, and none for what never fits', async () => {
    const clock = manualClock();
    const kv = createKv({ store: memoryStore({ clock }), clock });
    const limiter = createLimiter({ kv, policies: [{ name: 'p', limit: 2, windowMs: 7_200_000 }] });
    await limiter.check({ p: 'a' }, { cost: 2 });
    await limiter.check({ p: 'a' });
    clock.advance(100);
    expect(await limiter.check({ p: 'a' })).toMatchObject({ allowed: false, basis: 'lease', retryAfterMs: 3_599_900 });
    expect(await limiter.check({ p: 'a' }, { cost: 3 })).toMatchObject({ allowed: false, retryAfterMs: undefined });
  });

  it('is not given to a cost of 0 while nothing is known of the account', async () => {
    const clock = manualClock();
    const kv = createKv({ store: memoryStore({ clock }), clock });
    const limiter = createLimiter({ kv, policies: [{ name: 'p', limit: 9, windowMs: 1_000, maxOverAdmission: 0.1 }] });
    expect(await limiter.check({ p: 'a' }, { cost: 0 })).toMatchObject({ allowed: true, basis: 'store', remaining: 9 });
  });

  it('is that of the account under the algorithm that is asked for', async () => {
    const clock = manualClock();
    const kv = createKv({ store: memoryStore({ clock }), clock });
    const limiter = createLimiter({ kv, policies: [{ name: 'p', limit: 1, windowMs: 1_000, burst: 5 }] });
    const bucket = { p: { algorithm: 'tokenBucket', limit: 1, windowMs: 1_000, burst: 5 } } as const;
    const [refused, other] = await Promise.all([
      limiter.check({ p: 'a' }, { cost: 5 }).then(() => limiter.check({ p: 'a' })),
      limiter.check({ p: 'a' }, { cost: 5, quotas: bucket }),
    ]);
    expect([refused.allowed, other.allowed]).toEqual([false, true]);
    await limiter.check({ p: 'b' }, { cost: 5 });
    expect((await limiter.check({ p: 'b' })).allowed).toBe(false);
    expect(await limiter.check({ p: 'b' }, { quotas: bucket })).toMatchObject({ allowed: true, remaining: 4 });
  });
});
