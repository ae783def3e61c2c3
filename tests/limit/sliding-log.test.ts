import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Quota } from '../../lib/client/quota.ts';
import { answersAsTheReference, type LimitReference, smallQuotas } from '../support/limit-reference.ts';
import { limitRig } from '../support/limit-rig.ts';

/** Every permit with its time. The newest are given back first. */
function everyPermit({ limit, windowMs }: Quota): LimitReference {
  const taken: number[] = [];
  const within = (at: number) => taken.filter((then) => then > at - windowMs && then <= at);
  return {
    capacity: limit,
    left: (at) => limit - within(at).length,
    take(at, cost) {
      for (let permit = 0; permit < cost; permit += 1) taken.push(at);
    },
    give(at, cost) {
      for (let permit = Math.min(cost, within(at).length); permit > 0; permit -= 1) taken.pop();
    },
  };
}

describe('slidingLog', () => {
  it('answers at every moment what a list of all permits says', async () => {
    await answersAsTheReference({ algorithm: 'slidingLog', quotas: smallQuotas, reference: everyPermit });
  });

  it('admits no more than its limit in any interval as long as the window, and no less than that allows', async () => {
    const arrivals = fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 5, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(smallQuotas, arrivals, async ({ limit, windowMs }, gaps) => {
        const { clock, take } = limitRig({ algorithm: 'slidingLog', limit, windowMs });
        const admitted: number[] = [];
        for (const gap of gaps) {
          clock.advance(gap);
          const now = clock.now();
          const { allowed } = await take();
          if (allowed) admitted.push(now);
          // The limit-th before this one is out of the window exactly when there is room.
          else expect(admitted.at(-limit)).toBeGreaterThan(now - windowMs);
        }
        admitted.slice(limit).forEach((at, index) => {
          expect(at - (admitted[index] ?? 0)).toBeGreaterThanOrEqual(windowMs);
        });
      }),
      { numRuns: 60 },
    );
  });

  it('gives each permit back one window after it was taken, not a millisecond sooner', async () => {
    const { clock, take } = limitRig({ algorithm: 'slidingLog', limit: 3, windowMs: 1_000 });
    for (const gap of [0, 300, 300]) {
      clock.advance(gap);
      expect((await take()).allowed).toBe(true);
    }
    for (const [waitMs, left] of [
      [400, 0],
      [300, 0],
      [300, 0],
    ] as const) {
      expect(await take()).toMatchObject({ allowed: false, retryAfterMs: waitMs });
      clock.advance(waitMs - 1);
      expect(await take()).toMatchObject({ allowed: false, retryAfterMs: 1 });
      clock.advance(1);
      expect(await take()).toMatchObject({ allowed: true, remaining: left });
    }
  });

  it('keeps no more entries than its limit, and none of what it refused', async () => {
    const { clock, store, take } = limitRig({ algorithm: 'slidingLog', limit: 4, windowMs: 1_000 });
    for (let turn = 0; turn < 50; turn += 1) {
      await take(1 + (turn % 3));
      clock.advance(90);
    }
    const [entries] = await store.execute([['ZCARD', 'ratelimit:p.l:alice']]);
    expect(entries).toBeLessThanOrEqual(4);
  });

  it('counts an account as lost when the clock of the store was set back by more than its window', async () => {
    const { clock, take } = limitRig({ algorithm: 'slidingLog', limit: 2, windowMs: 1_000 });
    await take(2);
    clock.jumpWall(-1_000);
    expect(await take()).toMatchObject({ allowed: false, retryAfterMs: 2_000 });
    clock.jumpWall(-1);
    expect(await take(2)).toMatchObject({ allowed: true, remaining: 0 });
    clock.advance(1_000);
    expect(await take(2)).toMatchObject({ allowed: true, remaining: 0 });
  });

  it('forgets everything, and no more than that, when the clock of the store is set forward', async () => {
    const { clock, take } = limitRig({ algorithm: 'slidingLog', limit: 2, windowMs: 1_000 });
    await take(2);
    clock.jumpWall(86_400_000);
    expect(await take(2)).toMatchObject({ allowed: true, remaining: 0 });
    expect(await take()).toMatchObject({ allowed: false, retryAfterMs: 1_000 });
  });

  it('counts what was taken under a higher plan, and gives a raised one room at once', async () => {
    const { clock, take } = limitRig({ algorithm: 'slidingLog', limit: 5, windowMs: 1_000 });
    await take(5);
    const lowered = { quotas: { p: { limit: 2, windowMs: 1_000 } } };
    const raised = { quotas: { p: { limit: 8, windowMs: 1_000 } } };
    expect(await take(1, lowered)).toMatchObject({ allowed: false, remaining: 0, limit: 2, retryAfterMs: 1_000 });
    expect(await take(3, raised)).toMatchObject({ allowed: true, remaining: 0, limit: 8 });
    clock.advance(1_000);
    expect(await take(2, lowered)).toMatchObject({ allowed: true, remaining: 0 });
  });
});
