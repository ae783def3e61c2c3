import { describe, expect, it } from 'vitest';
import type { Quota } from '../../lib/client/quota.ts';
import { answersAsTheReference, type LimitReference, smallQuotas } from '../support/limit-reference.ts';
import { limitRig } from '../support/limit-rig.ts';

/** The approximation as it is published: this window's count, and of the last one's the share that still counts. */
function twoCounters({ limit, windowMs }: Quota): LimitReference {
  const counts = new Map<number, number>();
  const windowOf = (at: number) => Math.floor(at / windowMs);
  const count = (window: number) => counts.get(window) ?? 0;
  const weighted = (at: number) => {
    const share = (windowMs - (at % windowMs)) * count(windowOf(at) - 1);
    return Math.floor(share / windowMs);
  };
  return {
    capacity: limit,
    left: (at) => limit - count(windowOf(at)) - weighted(at),
    take: (at, cost) => counts.set(windowOf(at), count(windowOf(at)) + cost),
    give: (at, cost) => counts.set(windowOf(at), Math.max(0, count(windowOf(at)) - cost)),
  };
}

describe('slidingWindow', () => {
  it('answers at every moment what the weighted count of two windows says, and when a denial ends', async () => {
    await answersAsTheReference({ algorithm: 'slidingWindow', quotas: smallQuotas, reference: twoCounters });
  });

  it('ends a denial when capacity returns, not with the window', async () => {
    const { clock, take } = limitRig({ algorithm: 'slidingWindow', limit: 10, windowMs: 1_000 });
    await take(10);
    clock.advance(1_000);
    // Nine of ten count from the first microsecond on that less than a whole window of the one before is left.
    expect(await take()).toMatchObject({ allowed: false, retryAfterMs: 1 });
    clock.advance(1);
    expect(await take()).toMatchObject({ allowed: true, remaining: 0 });
    for (const gap of [100, 100, 100]) {
      expect(await take()).toMatchObject({ allowed: false, retryAfterMs: gap });
      clock.advance(gap - 1);
      expect(await take()).toMatchObject({ allowed: false, retryAfterMs: 1 });
      clock.advance(1);
      expect(await take()).toMatchObject({ allowed: true, remaining: 0 });
    }
  });

  it('never charges a cost that it refuses', async () => {
    const { take, peek } = limitRig({ algorithm: 'slidingWindow', limit: 10, windowMs: 60_000 });
    await take(8);
    for (let turn = 0; turn < 20; turn += 1) expect((await take(5)).allowed).toBe(false);
    expect(await peek()).toMatchObject({ allowed: true, remaining: 2 });
    expect(await take(2)).toMatchObject({ allowed: true, remaining: 0 });
  });

  it('gives back nothing of a window that has ended', async () => {
    const { clock, take, refund } = limitRig({ algorithm: 'slidingWindow', limit: 10, windowMs: 1_000 });
    await take(10);
    clock.advance(1_500);
    expect(await refund(10)).toMatchObject({ remaining: 5 });
    expect(await take(5)).toMatchObject({ allowed: true, remaining: 0 });
    expect(await take()).toMatchObject({ allowed: false });
  });

  it('counts as lost what was written in a window that is yet to come', async () => {
    const { clock, take } = limitRig({ algorithm: 'slidingWindow', limit: 2, windowMs: 1_000 });
    await take(2);
    clock.jumpWall(-1);
    expect(await take(2)).toMatchObject({ allowed: true, remaining: 0 });
    clock.jumpWall(86_400_000);
    expect(await take(2)).toMatchObject({ allowed: true, remaining: 0 });
    expect(await take()).toMatchObject({ allowed: false });
  });

  it('counts what was taken under a higher plan, and gives a raised one room at once', async () => {
    const { take } = limitRig({ algorithm: 'slidingWindow', limit: 5, windowMs: 1_000 });
    await take(5);
    const plan = (limit: number) => ({ quotas: { p: { limit, windowMs: 1_000 } } });
    expect(await take(1, plan(2))).toMatchObject({ allowed: false, remaining: 0, limit: 2 });
    expect(await take(3, plan(8))).toMatchObject({ allowed: true, remaining: 0, limit: 8 });
  });
});
