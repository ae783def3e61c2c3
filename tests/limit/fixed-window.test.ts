import { describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import type { Quota } from '../../lib/client/quota.ts';
import { createLimiter } from '../../lib/limit/limiter.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { answersAsTheReference, type LimitReference, smallQuotas } from '../support/limit-reference.ts';
import { limitRig } from '../support/limit-rig.ts';

/** At the beginning of a minute. */
const START = 1_700_000_040_000;

function minute(limit: number, windowMs = 60_000) {
  const clock = manualClock(START);
  const store = memoryStore({ clock });
  const limiter = createLimiter({
    kv: createKv({ store, clock }),
    policies: [{ name: 'p', algorithm: 'fixedWindow', limit, windowMs }],
  });
  return { clock, store, limiter, take: (cost = 1) => limiter.check({ p: 'alice' }, { cost }) };
}

/** A count for each window of the calendar. */
function calendar({ limit, windowMs }: Quota): LimitReference {
  const counts = new Map<number, number>();
  const count = (at: number) => counts.get(Math.floor(at / windowMs)) ?? 0;
  const set = (at: number, number: number) => counts.set(Math.floor(at / windowMs), Math.max(0, number));
  return {
    capacity: limit,
    left: (at) => limit - count(at),
    take: (at, cost) => set(at, count(at) + cost),
    give: (at, cost) => set(at, count(at) - cost),
  };
}

describe('fixedWindow', () => {
  it('answers at every moment what a count for each window says', async () => {
    await answersAsTheReference({ algorithm: 'fixedWindow', quotas: smallQuotas, reference: calendar });
  });

  it('gives nothing back into a window that another has followed', async () => {
    const { clock, take, refund } = limitRig({ algorithm: 'fixedWindow', limit: 3, windowMs: 60_000 });
    await take(3);
    clock.advance(60_000);
    expect(await refund(3)).toMatchObject({ remaining: 3 });
    expect(await take(3)).toMatchObject({ allowed: true, remaining: 0 });
    expect((await take()).allowed).toBe(false);
  });

  it('counts as lost what was written in another window, however the clock of the store was moved', async () => {
    const { clock, take } = limitRig({ algorithm: 'fixedWindow', limit: 2, windowMs: 60_000 });
    for (const jumpMs of [0, -1, -60_000, 86_400_000]) {
      clock.jumpWall(jumpMs);
      expect(await take(2)).toMatchObject({ allowed: true, remaining: 0 });
      expect((await take()).allowed).toBe(false);
    }
  });

  it('admits its limit in each window of the calendar, on both sides of the boundary', async () => {
    const { clock, take } = minute(3);
    clock.advance(59_998);
    for (let left = 2; left >= 0; left -= 1) expect(await take()).toMatchObject({ allowed: true, remaining: left });
    expect(await take()).toMatchObject({ allowed: false, remaining: 0, retryAfterMs: 2, reset: START + 60_000 });
    clock.advance(1);
    expect(await take()).toMatchObject({ allowed: false, retryAfterMs: 1 });
    clock.advance(1);
    for (let left = 2; left >= 0; left -= 1) expect(await take()).toMatchObject({ allowed: true, remaining: left });
    expect(await take()).toMatchObject({ allowed: false, retryAfterMs: 60_000 });
  });

  it('never slides: neither traffic nor refusals put the end of the window off', async () => {
    const { clock, store, take } = minute(5);
    for (let second = 0; second < 60; second += 1) {
      await take();
      expect(await store.execute([['PTTL', 'ratelimit:p.f:alice']])).toEqual([60_000 - 1_000 * second]);
      clock.advance(1_000);
    }
    expect(await take()).toMatchObject({ allowed: true, remaining: 4 });
  });

  it('charges a weighted cost as a whole or not at all', async () => {
    const { take } = minute(10);
    expect(await take(8)).toMatchObject({ allowed: true, remaining: 2 });
    expect(await take(5)).toMatchObject({ allowed: false, remaining: 2, retryAfterMs: 60_000 });
    expect(await take(2)).toMatchObject({ allowed: true, remaining: 0 });
  });

  it('refuses a cost above its limit for good, and charges nothing', async () => {
    const { take } = minute(10);
    expect(await take(11)).toMatchObject({ allowed: false, remaining: 10, retryAfterMs: undefined });
    expect(await take(10)).toMatchObject({ allowed: true, remaining: 0 });
  });

  it('counts under a lowered limit what was taken under the higher one', async () => {
    const { clock, limiter, take } = minute(10);
    await take(8);
    const lowered = { cost: 1, quotas: { p: { limit: 5, windowMs: 60_000 } } };
    expect(await limiter.check({ p: 'alice' }, lowered)).toMatchObject({ allowed: false, remaining: 0, limit: 5 });
    clock.advance(60_000);
    expect(await limiter.check({ p: 'alice' }, lowered)).toMatchObject({ allowed: true, remaining: 4 });
  });

  it('takes no notice of a count that another algorithm has left behind', async () => {
    const { store, take } = minute(3);
    await store.execute([['SET', 'ratelimit:p.f:alice', '1700000099000000:60000000']]);
    expect(await take()).toMatchObject({ allowed: true, remaining: 2 });
  });
});
