import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import { createLimiter } from '../../lib/limit/limiter.ts';
import type { LimitResult } from '../../lib/limit/result.ts';
import { heldRig, limitRig, sharedStore } from '../support/limit-rig.ts';
import { allowNoUnhandledRejection } from '../support/unhandled-rejections.ts';

allowNoUnhandledRejection();

const SLOTS = { algorithm: 'concurrency', limit: 3, windowMs: 1_000 } as const;

async function release({ release: giveBack }: LimitResult): Promise<boolean> {
  if (!giveBack) throw new Error('nothing to release');
  return giveBack();
}

describe('concurrency', () => {
  it('never lets more than its limit be held at once, whoever takes, releases or vanishes', async () => {
    const step = fc.record({
      gap: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 60 })),
      act: fc.constantFrom('take', 'take', 'release', 'release-again', 'vanish'),
      cost: fc.integer({ min: 0, max: 4 }),
      which: fc.nat(20),
    });
    const policy = fc.record({ limit: fc.integer({ min: 1, max: 6 }), windowMs: fc.integer({ min: 1, max: 120 }) });
    await fc.assert(
      fc.asyncProperty(policy, fc.array(step, { minLength: 5, maxLength: 40 }), async ({ limit, windowMs }, steps) => {
        const { clock, take } = limitRig({ algorithm: 'concurrency', limit, windowMs });
        let held: { readonly result: LimitResult; readonly endsAt: number; readonly cost: number }[] = [];
        const released: LimitResult[] = [];
        const takenAt = (at: number) =>
          held.filter(({ endsAt }) => endsAt > at).reduce((sum, { cost }) => sum + cost, 0);
        for (const { gap, act, cost, which } of steps) {
          clock.advance(gap);
          const now = clock.now();
          const one = held[which % Math.max(1, held.length)];
          if (act === 'take') {
            const result = await take(cost);
            const fits = takenAt(now) + cost <= limit;
            expect(result).toMatchObject({
              allowed: fits || cost === 0,
              remaining: Math.max(0, limit - takenAt(now) - (fits ? cost : 0)),
            });
            if (result.allowed && cost > 0) held.push({ result, endsAt: now + windowMs, cost });
            else expect(result.release).toBeUndefined();
            if (!result.allowed && cost <= limit) {
              const waitMs = result.retryAfterMs ?? 0;
              expect(takenAt(now + waitMs) + cost).toBeLessThanOrEqual(limit);
              expect(takenAt(now + waitMs - 1) + cost).toBeGreaterThan(limit);
            }
          } else if (act === 'release-again' && released.length > 0) {
            expect(await released[which % released.length]?.release?.()).toBe(true);
          } else if (act === 'release' && one) {
            expect(await release(one.result)).toBe(true);
            released.push(one.result);
            held = held.filter((other) => other !== one);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it('frees the slots of a holder that died one window after they were taken, on both sides of that moment', async () => {
    const { clock, take } = limitRig(SLOTS);
    await take(3);
    expect(await take()).toMatchObject({ allowed: false, retryAfterMs: 1_000, remaining: 0 });
    clock.advance(999);
    expect(await take()).toMatchObject({ allowed: false, retryAfterMs: 1 });
    clock.advance(1);
    expect(await take(3)).toMatchObject({ allowed: true, remaining: 0 });
  });

  it('gives slots back once, however often it is asked to, in one request', async () => {
    const { take, scripts } = limitRig(SLOTS);
    const [one] = [await take(), await take(), await take()];
    const before = scripts();
    expect(await Promise.all([release(one), release(one), release(one)])).toEqual([true, true, true]);
    expect(await release(one)).toBe(true);
    expect(scripts() - before).toBe(1);
    expect(await take()).toMatchObject({ allowed: true, remaining: 0 });
    expect((await take()).allowed).toBe(false);
  });

  it('takes nothing from those who hold slots now when a slot is released after its end', async () => {
    const { clock, take, peek } = limitRig(SLOTS);
    const late = await take(3);
    clock.advance(1_000);
    await take(2);
    expect(await release(late)).toBe(true);
    expect(await peek()).toMatchObject({ remaining: 1 });
  });

  it('gives all slots of a weighted check back together', async () => {
    const { take, peek } = limitRig(SLOTS);
    const two = await take(2);
    await take();
    expect((await peek()).remaining).toBe(0);
    await release(two);
    expect((await peek()).remaining).toBe(2);
  });

  it('is charged together with a rate, or not at all, and releases the slot but not the permit', async () => {
    const { clock, store } = sharedStore();
    const limiter = createLimiter({
      kv: createKv({ store, clock }),
      policies: [
        { name: 'rate', limit: 2, windowMs: 60_000 },
        { name: 'slots', algorithm: 'concurrency', limit: 1, windowMs: 60_000 },
      ],
      refusalTtlMs: 0,
    });
    const who = { rate: 'a', slots: 'a' };
    const left = async () => (await limiter.peek(who)).policies.map(({ remaining }) => remaining);
    const first = await limiter.check(who);
    expect(await limiter.check(who)).toMatchObject({ allowed: false, policy: 'slots' });
    expect(await left()).toEqual([1, 0]);
    await release(first);
    expect(await left()).toEqual([1, 1]);
    await release(await limiter.check(who));
    expect(await limiter.check(who)).toMatchObject({ allowed: false, policy: 'rate' });
    expect(await left()).toEqual([0, 1]);
  });

  it('has nothing to release after a refusal, after a look and after a cost of 0', async () => {
    const { take, peek } = limitRig(SLOTS);
    expect((await take(0)).release).toBeUndefined();
    expect((await peek()).release).toBeUndefined();
    await take(3);
    expect((await take()).release).toBeUndefined();
  });

  it('answers false and never rejects when Redis is away at the release, and the slot ends by itself', async () => {
    const { clock, store, take } = limitRig(SLOTS);
    const held = await take(3);
    store.takeAway();
    expect(await release(held)).toBe(false);
    store.giveBack();
    expect(await release(held)).toBe(false);
    expect((await take()).allowed).toBe(false);
    clock.advance(1_000);
    expect((await take(3)).allowed).toBe(true);
  });

  it('takes a reset for a release of all, and a later release for none', async () => {
    const { take, peek, reset } = limitRig(SLOTS);
    const held = await take(3);
    await reset();
    await take(2);
    expect(await release(held)).toBe(true);
    expect((await peek()).remaining).toBe(1);
  });

  it('forgets slots with all limits, and a release from before takes nothing from those after', async () => {
    const { limiter, take, peek } = limitRig(SLOTS);
    const held = await take(3);
    await limiter.clear();
    await take(2);
    expect(await release(held)).toBe(true);
    expect((await peek()).remaining).toBe(1);
  });

  it('counts slots of its own while Redis is away, and releases those', async () => {
    const { clock, store, take, peek } = limitRig(SLOTS);
    store.takeAway();
    const [one] = [await take(), await take(2)];
    expect(one).toMatchObject({ allowed: true, remaining: 2, basis: 'local' });
    expect(await take()).toMatchObject({ allowed: false, basis: 'local', retryAfterMs: 1_000 });
    expect(await release(one)).toBe(true);
    expect(await peek()).toMatchObject({ remaining: 1, basis: 'local' });
    clock.advance(1_000);
    expect(await take(3)).toMatchObject({ allowed: true, remaining: 0, basis: 'local' });
  });

  it('remembers through a second outage which slots of the first are still held', async () => {
    const { clock, store, take, kv } = limitRig({ ...SLOTS, windowMs: 600_000 });
    store.takeAway();
    const held = await take(3);
    store.giveBack();
    clock.advance(60_000);
    kv.circuit.reset();
    expect(await take()).toMatchObject({ allowed: true, basis: 'store' });
    store.takeAway();
    expect(await take()).toMatchObject({ allowed: false, basis: 'local' });
    expect(await release(held)).toBe(true);
    expect(await take(3)).toMatchObject({ allowed: true, basis: 'local' });
  });

  it.each([true, false])('forgets no slot when a plan shortens their life, Redis away %s', async (isAway) => {
    const { clock, store, take } = limitRig(SLOTS);
    if (isAway) store.takeAway();
    await take(1, { quotas: { p: { limit: 3, windowMs: 60_000 } } });
    clock.advance(400);
    await take(2);
    expect(await take()).toMatchObject({ allowed: false, retryAfterMs: 600 });
    clock.advance(600);
    expect(await take()).toMatchObject({ allowed: true, remaining: 0 });
    expect(await take()).toMatchObject({ allowed: false, retryAfterMs: 400 });
  });

  it('counts as lost what ends later than any slot can, after the clock of the store was set back', async () => {
    const { clock, take } = limitRig(SLOTS);
    await take(3);
    clock.jumpWall(-1_000);
    expect((await take()).allowed).toBe(false);
    clock.jumpWall(-1);
    expect(await take(3)).toMatchObject({ allowed: true, remaining: 0 });
  });

  it('counts what is held under a higher plan, and gives a raised one room at once', async () => {
    const { take } = limitRig(SLOTS);
    await take(3);
    const plan = (limit: number) => ({ quotas: { p: { limit, windowMs: 1_000 } } });
    expect(await take(1, plan(2))).toMatchObject({ allowed: false, remaining: 0, retryAfterMs: 1_000 });
    expect(await take(2, plan(5))).toMatchObject({ allowed: true, remaining: 0 });
  });

  it('gives a slot back that was granted to a caller who had left before the answer', async () => {
    const { clock, held, take, peek } = heldRig(SLOTS);
    const controller = new AbortController();
    const reason = new Error('the client left');
    // The script is known from here on.
    await peek();
    held.hold();
    const asked = take(3, { signal: controller.signal });
    await clock.run(0);
    expect(held.held).toBe(1);
    controller.abort(reason);
    await expect(asked).rejects.toBe(reason);
    held.deliver();
    await clock.run(0);
    expect((await peek()).remaining).toBe(3);
  });
});
