import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../lib/errors.ts';
import { chargeScript } from '../../lib/limit/charge.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import type { Store } from '../../lib/store/store.ts';
import { realRedis } from '../support/every-store.ts';
import { limitRig, sharedStore } from '../support/limit-rig.ts';

/** A permit every 100 ms; what is taken in advance is good for 6 s. */
const LEASED = { limit: 600, windowMs: 60_000, maxOverAdmission: 0.1 } as const;
const TAU_MS = 6_000;

type Rig = ReturnType<typeof limitRig>;

const heldBy = async ({ limiter }: Rig, plan?: { limit: number; windowMs: number }) =>
  limiter.leases.held(await limiter.chargeOf('p', 'alice', plan));

/** Spends until some permits are held in advance. */
async function hoard(rig: Rig): Promise<number> {
  for (let turn = 0; turn < 40; turn += 1) await rig.take();
  while ((await heldBy(rig)) < 5) await rig.take();
  return heldBy(rig);
}

describe('permits that are held in advance', () => {
  it('have ended for a process that was suspended, although its own clock stood still', async () => {
    const rig = limitRig(LEASED);
    await hoard(rig);
    rig.clock.suspend(TAU_MS - 1);
    expect(await heldBy(rig)).toBeGreaterThan(0);
    rig.clock.suspend(1);
    expect(await heldBy(rig)).toBe(0);
    expect(await rig.take()).toMatchObject({ allowed: true, basis: 'store' });
  });

  it('are not spent under another plan than that under which they were taken, nor after a return to it', async () => {
    const rig = limitRig(LEASED);
    await hoard(rig);
    const plan = { limit: 1_200, windowMs: 60_000 };
    expect(await heldBy(rig, plan)).toBe(0);
    expect(await rig.take(1, { quotas: { p: plan } })).toMatchObject({ limit: 1_200, basis: 'store' });
    expect(await heldBy(rig)).toBe(0);
    expect(await rig.take()).toMatchObject({ limit: 600, basis: 'store' });
  });

  it('are dropped with a reset by the process that makes it, and elsewhere outlive it by their own end only', async () => {
    const shared = sharedStore();
    const [here, there] = [limitRig(LEASED, {}, shared), limitRig(LEASED, {}, shared)];
    await hoard(here);
    await hoard(there);
    await here.reset();
    expect(await heldBy(here)).toBe(0);
    shared.clock.advance(TAU_MS - 1);
    expect(await heldBy(there)).toBeGreaterThan(0);
    shared.clock.advance(1);
    expect(await heldBy(there)).toBe(0);
  });

  it('cannot be given back: refunds are refused, under every policy of the check, and ask Redis nothing', async () => {
    const rig = limitRig(LEASED, {
      policies: [
        { name: 'p', ...LEASED },
        { name: 'q', limit: 5, windowMs: 60_000 },
      ],
    });
    await rig.take();
    const before = rig.store.requests.length;
    for (const who of [{ p: 'alice' }, { q: 'alice', p: 'alice' }]) {
      await expect(rig.limiter.refund(who)).rejects.toThrow(ConfigError);
    }
    expect(rig.store.requests).toHaveLength(before);
    expect(await rig.limiter.refund({ q: 'alice' })).toMatchObject({ remaining: 5 });
  });
});

describe('a refusal under a leased policy', () => {
  it('is believed for τ, and no longer after a reset elsewhere', async () => {
    const shared = sharedStore();
    const slow = { limit: 6, windowMs: 600_000, maxOverAdmission: 0.01 };
    const [here, there] = [limitRig(slow, {}, shared), limitRig(slow, {}, shared)];
    await here.take(6);
    expect(await there.take(6)).toMatchObject({ allowed: false, basis: 'store' });
    await here.reset();
    expect(await here.take(1)).toMatchObject({ allowed: true });
    shared.clock.advance(TAU_MS - 1);
    expect(await there.take(6)).toMatchObject({ allowed: false, basis: 'lease' });
    await here.reset();
    shared.clock.advance(1);
    expect(await there.take(6)).toMatchObject({ allowed: true, basis: 'store' });
  });
});

describe('what is taken in advance', () => {
  it('is asked for no more often than checks are made, by whoever spends slowly', async () => {
    const { clock, take, scripts } = limitRig(LEASED);
    await take();
    const before = scripts();
    for (let check = 0; check < 30; check += 1) {
      clock.advance(2 * TAU_MS);
      expect((await take()).allowed).toBe(true);
    }
    expect(scripts() - before).toBeLessThanOrEqual(30);
  });

  const redis = realRedis();
  it.each<[string, () => Store]>([
    ['in Lua on a real Redis', () => redis.store],
    ['in the twin', () => memoryStore()],
  ])(
    'is never more than half of what is left, each account by itself, unless a check needs it: %s',
    async (_, open) => {
      const store = open();
      const charge = async (need: number, ...wants: readonly number[]) => {
        const keys = wants.map((_, index) => `ratelimit:${need}:${wants.join()}:${index}`);
        const rules = wants.map((want, index) => `g:3600000000:${[20, 9][index]}:20:${want}:0`);
        const [reply] = await store.execute([
          ['EVAL', chargeScript.lua, keys.length, ...keys, 1_900_000_000_000_000, 'take', 1, need, '', ...rules],
        ]);
        return Array.isArray(reply) ? wants.map((_, index) => reply[4 * index + 1]) : reply;
      };
      expect(await charge(1, 1_000, 1_000)).toEqual([10, 4]);
      expect(await charge(1, 7, 1_000)).toEqual([7, 4]);
      expect(await charge(1, 1_000, 0)).toEqual([10, 1]);
      expect(await charge(8, 1_000, 3)).toEqual([10, 8]);
      expect(await charge(15, 0, 0)).toEqual([9, 9]);
      expect(await charge(0, 1_000, 0)).toEqual([10, 0]);
    },
  );
});
