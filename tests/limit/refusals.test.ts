import { describe, expect, it } from 'vitest';
import { ALGORITHMS, heldRig, limitRig, sharedStore } from '../support/limit-rig.ts';

const MINUTE = { limit: 60, windowMs: 60_000 };
const REMEMBERED = ALGORITHMS.filter((algorithm) => algorithm !== 'concurrency');

describe('a refusal that this process remembers', () => {
  it.each(REMEMBERED)('says when the cost will really fit, not for how long it is believed: %s', async (algorithm) => {
    const { clock, take, scripts } = limitRig({ algorithm, ...MINUTE, burst: 10 }, { refusalTtlMs: 1_000 });
    await take(algorithm === 'gcra' || algorithm === 'tokenBucket' ? 10 : 60);
    const refused = await take(5);
    expect(refused).toMatchObject({ allowed: false, remaining: 0, basis: 'store' });
    const retryAfterMs = refused.retryAfterMs ?? 0;
    expect(retryAfterMs).toBeGreaterThan(1_000);
    const asked = scripts();
    clock.advance(400);
    expect(await take(5)).toMatchObject({
      allowed: false,
      retryAfterMs: retryAfterMs - 400,
      reset: refused.reset,
      basis: 'lease',
    });
    expect(scripts()).toBe(asked);
    clock.advance(600);
    expect(await take(5)).toMatchObject({ allowed: false, retryAfterMs: retryAfterMs - 1_000, basis: 'store' });
  });

  it.each(REMEMBERED)('is never believed beyond the moment at which the cost fits: %s', async (algorithm) => {
    const { clock, take } = limitRig({ algorithm, limit: 10, windowMs: 1_000 }, { refusalTtlMs: 3_600_000 });
    await take(10);
    for (let round = 0; round < 5; round += 1) {
      const { retryAfterMs = 0 } = await take();
      expect(retryAfterMs).toBeGreaterThan(0);
      clock.advance(retryAfterMs - 1);
      expect((await take()).allowed).toBe(false);
      clock.advance(1);
      expect(await take()).toMatchObject({ allowed: true, basis: 'store' });
      while ((await take()).allowed);
    }
  });

  it.each(REMEMBERED)('is not asked for where it is to be believed for no time at all: %s', async (algorithm) => {
    const { take, scripts } = limitRig({ algorithm, ...MINUTE }, { refusalTtlMs: 0 });
    await take(60);
    const before = scripts();
    for (let turn = 0; turn < 4; turn += 1) expect(await take()).toMatchObject({ allowed: false, basis: 'store' });
    expect(scripts() - before).toBe(4);
  });

  it.each(REMEMBERED)('refuses no smaller cost than the one it was about: %s', async (algorithm) => {
    const { take, scripts } = limitRig({ algorithm, ...MINUTE }, { refusalTtlMs: 1_000 });
    await take(57);
    expect(await take(5)).toMatchObject({ allowed: false, remaining: 3, basis: 'store' });
    const before = scripts();
    expect(await take(5)).toMatchObject({ allowed: false, basis: 'lease' });
    expect((await take(6)).allowed).toBe(false);
    expect(scripts()).toBe(before);
    expect(await take(1)).toMatchObject({ allowed: true, remaining: 2, basis: 'store' });
    expect(await take(0)).toMatchObject({ allowed: true, remaining: 2 });
    expect(await take(2)).toMatchObject({ allowed: true, remaining: 0 });
  });

  it('says of a larger cost when that will fit, and of one above the limit that it never will', async () => {
    const { take } = limitRig(MINUTE, { refusalTtlMs: 1_000 });
    await take(60);
    expect(await take(1)).toMatchObject({ retryAfterMs: 1_000 });
    expect(await take(30)).toMatchObject({ retryAfterMs: 30_000, basis: 'lease' });
    expect(await take(61)).toMatchObject({ allowed: false, retryAfterMs: undefined });
  });

  it.each(REMEMBERED)('is forgotten with a reset, a refund and a clear on the same process: %s', async (algorithm) => {
    const rig = limitRig({ algorithm, ...MINUTE }, { refusalTtlMs: 10_000 });
    const { limiter, take, refund, reset } = rig;
    for (const giveBack of [reset, () => refund(60), limiter.clear]) {
      await take(60);
      expect((await take()).allowed).toBe(false);
      await giveBack();
      expect(await take(60)).toMatchObject({ allowed: true, remaining: 0, basis: 'store' });
      await reset();
    }
  });

  it.each([
    ['reset', 'reset'],
    ['refund', 'refund'],
  ] as const)('is not learnt from an answer to an earlier question than a %s', async (_, how) => {
    const { clock, held, take, peek, reset, refund } = heldRig(MINUTE, { refusalTtlMs: 10_000 });
    await take(60);
    await peek();
    clock.advance(1);
    held.hold();
    const refused = take();
    await clock.run(1);
    expect(held.held).toBe(1);
    const giving = how === 'reset' ? reset() : refund(60);
    await clock.run(1);
    held.deliver();
    await giving;
    expect((await refused).allowed).toBe(false);
    expect(await take()).toMatchObject({ allowed: true });
  });

  it('is believed elsewhere for no longer than refusalTtlMs after a reset or a refund', async () => {
    const shared = sharedStore();
    const [here, there] = [1, 2].map(() => limitRig(MINUTE, { refusalTtlMs: 700 }, shared));
    for (const giveBack of [here?.reset, () => here?.refund(60)]) {
      await here?.take(60);
      expect((await there?.take())?.allowed).toBe(false);
      await giveBack?.();
      shared.clock.advance(699);
      expect((await there?.take())?.allowed).toBe(false);
      shared.clock.advance(1);
      expect((await there?.take())?.allowed).toBe(true);
      await here?.reset();
    }
  });

  it('does not outlive a plan: under other numbers it is another account', async () => {
    const { take } = limitRig(MINUTE, { refusalTtlMs: 10_000 });
    await take(60);
    expect((await take()).allowed).toBe(false);
    const raised = { quotas: { p: { limit: 120, windowMs: 60_000 } } };
    expect(await take(1, raised)).toMatchObject({ allowed: true, limit: 120 });
  });

  it('is not learnt of slots, which may come back at any moment', async () => {
    const { take } = limitRig({ algorithm: 'concurrency', limit: 1, windowMs: 60_000 }, { refusalTtlMs: 10_000 });
    const held = await take();
    expect((await take()).allowed).toBe(false);
    await held.release?.();
    expect((await take()).allowed).toBe(true);
  });

  it('of one policy says nothing of the others', async () => {
    const { limiter } = limitRig(MINUTE, {
      policies: [
        { name: 'p', ...MINUTE },
        { name: 'q', ...MINUTE },
      ],
      refusalTtlMs: 1_000,
    });
    await limiter.check({ p: 'a' }, { cost: 60 });
    await limiter.check({ p: 'a', q: 'a' });
    expect(await limiter.check({ p: 'a', q: 'a' })).toMatchObject({
      allowed: false,
      policy: 'p',
      basis: 'lease',
      policies: [{ allowed: false }, { allowed: true, remaining: undefined, resetAfterMs: undefined }],
    });
    expect(await limiter.check({ q: 'a' })).toMatchObject({ allowed: true, remaining: 59 });
  });
});

describe('a check of cost 0', () => {
  it.each([0, 0.1])('says what is left, not that nothing is known to be left (maxOverAdmission %s)', async (share) => {
    const { take } = limitRig({ ...MINUTE, maxOverAdmission: share });
    expect(await take(0)).toMatchObject({ allowed: true, remaining: 60, basis: 'store' });
  });
});
