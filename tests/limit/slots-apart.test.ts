import { describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import { createLimiter } from '../../lib/limit/limiter.ts';
import type { Policy } from '../../lib/limit/policy.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import type { Store } from '../../lib/store/store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { watchedStore } from '../support/watched-store.ts';

const HOUR = { limit: 5, windowMs: 3_600_000 } as const;
const who = { a: 'x', b: 'x', c: 'x' };

/** A limiter on a store that keeps every key in a slot of its own, and in which requests to give back may be lost. */
function apart(policies: readonly Policy[]) {
  const clock = manualClock();
  const redis = memoryStore({ clock });
  let losesGifts = false;
  const lossy: Store = {
    ...redis,
    execute: (commands, options) =>
      losesGifts && commands.some((command) => command.includes('give'))
        ? Promise.reject(new Error('lost'))
        : redis.execute(commands, options),
  };
  const watched = watchedStore(lossy);
  const slots: string[] = [];
  const slotOf = (key: string) => (slots.includes(key) ? slots.indexOf(key) : slots.push(key) - 1);
  const kv = createKv({ store: { ...watched, slotOf }, clock });
  const limiter = createLimiter({ kv, policies, refusalTtlMs: 0 });
  return {
    limiter,
    left: async () => (await limiter.peek(who)).policies.map(({ remaining }) => remaining),
    /** How many requests `work` has cost. */
    async cost(work: () => Promise<unknown>) {
      const before = watched.requests.length;
      await work();
      return watched.requests.length - before;
    },
    loseGifts() {
      losesGifts = true;
    },
  };
}

const EXACT = ['a', 'b', 'c'].map((name) => ({ name, ...HOUR }));

describe('a check whose keys lie in several slots', () => {
  it('is one request where all of them grant, and one more where what some took is given back', async () => {
    const { limiter, left, cost } = apart(EXACT);
    await limiter.peek(who);
    expect(await cost(() => limiter.check(who, { cost: 2 }))).toBe(1);
    await limiter.check({ b: 'x' }, { cost: 3 });
    expect(await cost(() => limiter.check(who, { cost: 2 }))).toBe(2);
    expect(await left()).toEqual([3, 0, 3]);
    await limiter.check({ a: 'x', c: 'x' }, { cost: 3 });
    // Nobody has taken anything.
    expect(await cost(() => limiter.check(who))).toBe(1);
  });

  it('leaves taken what cannot be given back: too much is refused then, never granted', async () => {
    const { limiter, left, loseGifts } = apart(EXACT);
    await limiter.check({ b: 'x' }, { cost: 5 });
    loseGifts();
    expect(await limiter.check(who, { cost: 2 })).toMatchObject({ allowed: false, policy: 'b', basis: 'store' });
    expect(await left()).toEqual([3, 0, 3]);
  });

  it('keeps as permits in advance what a leased account gave while another refused', async () => {
    const leased = { ...HOUR, limit: 50, maxOverAdmission: 0.5 };
    const { limiter, cost } = apart([
      { name: 'a', ...leased },
      { name: 'b', ...HOUR },
    ]);
    const both = { a: 'x', b: 'x' };
    await limiter.check({ b: 'x' }, { cost: 5 });
    expect(await cost(() => limiter.check(both, { cost: 2 }))).toBe(1);
    const charge = await limiter.chargeOf('a', 'x');
    const held = limiter.leases.held(charge);
    expect(held).toBeGreaterThanOrEqual(2);
    expect((await limiter.peek({ a: 'x' })).remaining).toBe(50 - held);
    expect(await limiter.check({ a: 'x' }, { cost: held })).toMatchObject({ allowed: true, basis: 'lease' });
  });
});
