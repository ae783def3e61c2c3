import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import type { Quota } from '../../lib/client/quota.ts';
import { createLimiter } from '../../lib/limit/limiter.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { answersAsTheReference, type LimitReference } from '../support/limit-reference.ts';

function limiterOf(quota: Quota) {
  const clock = manualClock();
  const store = memoryStore({ clock });
  const kv = createKv({ store, clock });
  const limiter = createLimiter({ kv, policies: [{ name: 'p', ...quota }], refusalTtlMs: 0 });
  return {
    clock,
    store,
    take: (cost = 1, quotas?: Record<string, Quota>) => limiter.check({ p: 'alice' }, { cost, quotas }),
    peek: (cost = 1) => limiter.peek({ p: 'alice' }, { cost }),
  };
}

const quotas: fc.Arbitrary<Quota> = fc.record({
  limit: fc.integer({ min: 1, max: 5_000 }),
  windowMs: fc.integer({ min: 5, max: 10_000_000 }),
  burst: fc.integer({ min: 1, max: 40 }),
});

/** A bucket that leaks a permit every so many microseconds. */
function leakyBucket({ limit, windowMs, burst = limit }: Quota): LimitReference {
  const intervalUs = Math.ceil((windowMs * 1_000) / limit);
  let levelUs = 0;
  let filledAt = 0;
  const level = (at: number) => Math.max(0, levelUs - (at - filledAt) * 1_000);
  const fill = (at: number, permits: number) => {
    levelUs = Math.max(0, level(at) + permits * intervalUs);
    filledAt = at;
  };
  return {
    capacity: burst,
    left(at) {
      for (let permits = burst; ; permits -= 1) {
        if (level(at) + permits * intervalUs <= burst * intervalUs) return permits;
      }
    },
    take: (at, cost) => fill(at, cost),
    give: (at, cost) => fill(at, -cost),
  };
}

describe('gcra', () => {
  it('answers at every moment what a leaking bucket says', async () => {
    const small = fc.record({
      limit: fc.integer({ min: 1, max: 12 }),
      windowMs: fc.integer({ min: 1, max: 90 }),
      burst: fc.integer({ min: 1, max: 12 }),
    });
    await answersAsTheReference({ algorithm: 'gcra', quotas: small, reference: leakyBucket });
  });

  it('never refuses a fresh key its own burst, at any rate', async () => {
    await fc.assert(
      fc.asyncProperty(quotas, async (quota) => {
        const oneByOne = limiterOf(quota);
        for (let left = (quota.burst ?? 0) - 1; left >= 0; left -= 1) {
          expect(await oneByOne.take()).toMatchObject({ allowed: true, remaining: left });
        }
        expect((await oneByOne.take()).allowed).toBe(false);
        expect(await limiterOf(quota).take(quota.burst)).toMatchObject({ allowed: true, remaining: 0 });
      }),
      { numRuns: 40 },
    );
  });

  it('admits a request exactly when no interval then holds more than the burst and what has come back in it', async () => {
    const arrivals = fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 60 });
    const small = fc.record({
      limit: fc.integer({ min: 1, max: 50 }),
      windowMs: fc.integer({ min: 50, max: 5_000 }),
      burst: fc.integer({ min: 1, max: 8 }),
    });
    await fc.assert(
      fc.asyncProperty(small, arrivals, async (quota, gaps) => {
        const { clock, take } = limiterOf(quota);
        const intervalUs = Math.ceil((quota.windowMs * 1000) / quota.limit);
        const admitted: number[] = [];
        for (const gap of gaps) {
          clock.advance(gap);
          const nowUs = clock.now() * 1000;
          const fits = [...admitted, nowUs].every(
            (from, index) => (admitted.length - index + 1 - quota.burst) * intervalUs <= nowUs - from,
          );
          expect((await take()).allowed).toBe(fits);
          if (fits) admitted.push(nowUs);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('says to the millisecond when a refused cost will fit', async () => {
    const costs = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(quotas, costs, async ({ burst = 1, ...quota }, wanted) => {
        const { clock, take, peek } = limiterOf({ ...quota, burst });
        await take(burst);
        for (const want of wanted) {
          const cost = Math.min(want, burst);
          const refused = await take(cost);
          expect(refused).toMatchObject({ allowed: false, retryAfterMs: expect.any(Number) });
          clock.advance((refused.retryAfterMs ?? 0) - 1);
          expect((await peek(cost)).allowed).toBe(false);
          clock.advance(1);
          expect((await take(cost)).allowed).toBe(true);
          // Below a permit per millisecond, more than that one has come back meanwhile.
          const { remaining = 0 } = await peek();
          if (remaining > 0) await take(remaining);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('never admits more over time than the policy says, where the interval is no whole number', async () => {
    const { clock, take } = limiterOf({ limit: 7, windowMs: 1_000 });
    let admitted = 0;
    for (let ms = 0; ms <= 10_000; ms += 5) {
      if ((await take()).allowed) admitted += 1;
      clock.advance(5);
    }
    expect(admitted).toBeLessThanOrEqual(7 + 70);
    expect(admitted).toBeGreaterThanOrEqual(7 + 69);
  });

  it('keeps all sixteen digits of a microsecond time in Redis', async () => {
    const { store, take } = limiterOf({ limit: 7, windowMs: 1_000 });
    await take();
    expect(await store.execute([['GET', 'ratelimit:p:alice']])).toEqual(['1700000000142858:142858:7']);
  });

  it('forgets a key no earlier than everything has come back', async () => {
    const { clock, store, take } = limiterOf({ limit: 7, windowMs: 1_000 });
    const { reset } = await take();
    expect(reset).toBe(clock.now() + 143);
    expect(await store.execute([['PTTL', 'ratelimit:p:alice']])).toEqual([143]);
  });

  it('refuses a cost above the burst for good, and charges nothing', async () => {
    const { take, peek } = limiterOf({ limit: 10, windowMs: 1_000, burst: 3 });
    expect(await take(4)).toMatchObject({ allowed: false, retryAfterMs: undefined, remaining: 3 });
    expect((await peek()).remaining).toBe(3);
  });

  it('lets a raised plan count at once, whatever the old one still had to give back', async () => {
    const { take } = limiterOf({ limit: 10, windowMs: 86_400_000 });
    await take(10);
    expect((await take()).allowed).toBe(false);
    const raised = { p: { limit: 1_000, windowMs: 60_000 } };
    expect(await take(1, raised)).toMatchObject({ allowed: true, remaining: 989, limit: 1_000 });
  });

  it('takes what was used along into a lowered plan, and holds nobody longer than the old one would have', async () => {
    const { clock, take } = limiterOf({ limit: 1_000, windowMs: 60_000 });
    const lowered = { p: { limit: 10, windowMs: 86_400_000 } };
    await take(5);
    expect(await take(5, lowered)).toMatchObject({ allowed: true, remaining: 0 });
    expect((await take(1, lowered)).retryAfterMs).toBe(8_640_000);

    const other = limiterOf({ limit: 1_000, windowMs: 60_000 });
    await other.take(1_000);
    const refused = await other.take(1, lowered);
    expect(refused).toMatchObject({ allowed: false, retryAfterMs: 59_460 });
    other.clock.advance(59_460);
    expect((await other.take(1, lowered)).allowed).toBe(true);
    expect(clock.now()).toBe(1_700_000_000_000);
  });

  it('counts an account as lost when the clock of the store was set back by more than the account can hold', async () => {
    const { clock, take } = limiterOf({ limit: 10, windowMs: 60_000 });
    await take(10);
    expect(await take()).toMatchObject({ allowed: false, retryAfterMs: 6_000 });
    clock.jumpWall(-3_600_000);
    expect(await take(4)).toMatchObject({ allowed: true, remaining: 6 });
    expect(await take(6)).toMatchObject({ allowed: true, remaining: 0 });
    expect(await take()).toMatchObject({ allowed: false, retryAfterMs: 6_000 });
  });

  it('keeps an account when the clock of the store was set back by less', async () => {
    const { clock, take } = limiterOf({ limit: 10, windowMs: 60_000 });
    await take(6);
    clock.jumpWall(-12_000);
    expect(await take(2)).toMatchObject({ allowed: true, remaining: 0 });
  });
});
