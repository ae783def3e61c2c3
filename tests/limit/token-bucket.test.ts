import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Quota } from '../../lib/client/quota.ts';
import { answersAsTheReference, type LimitReference } from '../support/limit-reference.ts';
import { limitRig } from '../support/limit-rig.ts';

const quotas: fc.Arbitrary<Quota> = fc.record({
  limit: fc.integer({ min: 1, max: 5 }),
  windowMs: fc.integer({ min: 1, max: 60 }),
  burst: fc.integer({ min: 1, max: 12 }),
});

/** A bucket and the instants at which it is refilled, from the first permit that leaves it full. */
function bucket({ limit, windowMs, burst = limit }: Quota): LimitReference {
  let used = 0;
  let startedAt = 0;
  let lastAt = 0;
  const usedAt = (at: number) => {
    let now = used;
    for (let refill = startedAt + windowMs; now > 0 && refill <= at; refill += windowMs) {
      if (refill > lastAt) now = Math.max(0, now - limit);
    }
    return now;
  };
  const setUsed = (at: number, next: (before: number) => number) => {
    const before = usedAt(at);
    if (before === 0) startedAt = at;
    used = Math.max(0, next(before));
    lastAt = at;
  };
  return {
    capacity: burst,
    left: (at) => burst - usedAt(at),
    take: (at, cost) => setUsed(at, (before) => before + cost),
    give: (at, cost) => setUsed(at, (before) => before - cost),
  };
}

describe('tokenBucket', () => {
  it('answers at every moment what a bucket with a schedule of refills says', async () => {
    await answersAsTheReference({ algorithm: 'tokenBucket', quotas, reference: bucket });
  });

  it('admits in any interval at most the burst and one refill for each window begun in it', async () => {
    const arrivals = fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 5, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(quotas, arrivals, async ({ limit, windowMs, burst = limit }, gaps) => {
        const { clock, take } = limitRig({ algorithm: 'tokenBucket', limit, windowMs, burst });
        const admitted: number[] = [];
        for (const gap of gaps) {
          clock.advance(gap);
          while ((await take()).allowed) admitted.push(clock.now());
        }
        admitted.forEach((from, first) => {
          admitted.slice(first).forEach((to, index) => {
            const bound = burst + limit * (Math.floor((to - from) / windowMs) + 1);
            expect(index + 1).toBeLessThanOrEqual(bound);
          });
        });
      }),
      { numRuns: 25 },
    );
  });

  it('is refilled at the instants of its schedule, which nothing puts off', async () => {
    const { clock, take } = limitRig({ algorithm: 'tokenBucket', limit: 2, windowMs: 1_000, burst: 5 });
    clock.advance(123);
    expect(await take(5)).toMatchObject({ allowed: true, remaining: 0 });
    for (let second = 0; second < 4; second += 1) {
      clock.advance(400);
      expect(await take()).toMatchObject({ allowed: false, retryAfterMs: 600 });
      clock.advance(599);
      expect(await take()).toMatchObject({ allowed: false, retryAfterMs: 1 });
      clock.advance(1);
      expect(await take()).toMatchObject({ allowed: true, remaining: 1 });
      expect(await take()).toMatchObject({ allowed: true, remaining: 0 });
    }
  });

  it('never gives more back than was taken, and nothing twice when a refill has come in between', async () => {
    const { clock, take, refund } = limitRig({ algorithm: 'tokenBucket', limit: 2, windowMs: 1_000, burst: 10 });
    await take(3);
    expect(await refund(50)).toMatchObject({ remaining: 10 });
    expect(await take(10)).toMatchObject({ allowed: true, remaining: 0 });
    expect((await take()).allowed).toBe(false);
    clock.advance(5_000);
    expect(await refund(10)).toMatchObject({ remaining: 10 });
    expect(await take(10)).toMatchObject({ allowed: true, remaining: 0 });
    expect((await take()).allowed).toBe(false);
  });

  it('says what the refills since the last check have brought, to a look as well', async () => {
    const { clock, take, peek } = limitRig({ algorithm: 'tokenBucket', limit: 4, windowMs: 1_000, burst: 10 });
    await take(10);
    clock.advance(2_000);
    const now = clock.now();
    expect(await peek()).toMatchObject({ allowed: true, remaining: 8, reset: now + 1_000 });
    expect(await take()).toMatchObject({ allowed: true, remaining: 7 });
  });

  it('counts an account as lost when the clock of the store was set back by more than a refill', async () => {
    const { clock, take } = limitRig({ algorithm: 'tokenBucket', limit: 1, windowMs: 1_000, burst: 3 });
    await take(3);
    clock.jumpWall(-1_000);
    expect(await take()).toMatchObject({ allowed: false, retryAfterMs: 2_000 });
    clock.jumpWall(-1);
    expect(await take(3)).toMatchObject({ allowed: true, remaining: 0 });
    clock.jumpWall(86_400_000);
    expect(await take(3)).toMatchObject({ allowed: true, remaining: 0 });
    expect((await take()).allowed).toBe(false);
  });

  it('keeps what was used under another plan, in permits', async () => {
    const { take } = limitRig({ algorithm: 'tokenBucket', limit: 5, windowMs: 1_000 });
    await take(5);
    const plan = (limit: number, burst: number) => ({ quotas: { p: { limit, windowMs: 1_000, burst } } });
    expect(await take(1, plan(1, 2))).toMatchObject({ allowed: false, remaining: 0, retryAfterMs: 4_000 });
    expect(await take(3, plan(1, 8))).toMatchObject({ allowed: true, remaining: 0 });
  });
});
