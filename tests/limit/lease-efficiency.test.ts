import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { worstExcess } from '../support/admissions.ts';
import { dice } from '../support/dice.ts';
import { exactGcra } from '../support/exact-gcra.ts';
import { type Journey, type LeaseWorld, type LeaseWorldOptions, leaseWorld } from '../support/lease-world.ts';

const AT_ONCE: Journey = { beforeMs: 0, afterMs: 0, fate: 'well' };

const worldOf = (options: Pick<LeaseWorldOptions, 'policies'> & Partial<LeaseWorldOptions>) =>
  leaseWorld({
    prefetch: false,
    timeoutMs: 1_000,
    journey: () => AT_ONCE,
    isGreedy: () => false,
    maxChecks: 100_000,
    ...options,
  });

const quotas = fc.record({
  limit: fc.integer({ min: 1, max: 500 }),
  windowMs: fc.integer({ min: 10, max: 10_000 }),
  burst: fc.integer({ min: 1, max: 40 }),
});
const overAdmission = fc.constantFrom(0.01, 0.1, 0.5, 1);
const ACCOUNT = 'ratelimit:p:a';

const admittedIn = (world: LeaseWorld) =>
  (world.admissions.get(ACCOUNT) ?? []).reduce((sum, { cost }) => sum + cost, 0);

/** Granted by the store, and not spent: held, or ended unspent. */
const unspentIn = ({ lives }: LeaseWorld) =>
  [...lives.values()].reduce((sum, { grants, spent }) => {
    const left = grants.reduce((total, { permits }) => total + permits, 0);
    return sum + left - spent.reduce((total, { permits }) => total + permits, 0);
  }, 0);

describe('leased permits', () => {
  it('are not refused to a fresh account within its burst, one by one or all at once, at any rate', async () => {
    await fc.assert(
      fc.asyncProperty(
        quotas,
        overAdmission,
        fc.boolean(),
        fc.nat(1),
        async (quota, maxOverAdmission, together, number) => {
          const world = await worldOf({ policies: [{ name: 'p', ...quota, maxOverAdmission }] });
          const process = world.start(number);
          for (let permit = 0; permit < quota.burst; permit += 1) {
            void process.spend({ p: 'a' }, { cost: 1 });
            if (!together) await world.clock.play(world.clock.monotonic());
          }
          await world.clock.play(world.clock.monotonic());
          expect(admittedIn(world)).toBe(quota.burst);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('of one process, with those it did not spend, are as many at every moment as an exact GCRA admits', async () => {
    const gaps = fc.array(fc.oneof(fc.nat(3), fc.nat(200)), { minLength: 1, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(quotas, overAdmission, gaps, async (quota, maxOverAdmission, gapsMs) => {
        const world = await worldOf({ policies: [{ name: 'p', ...quota, maxOverAdmission }] });
        const process = world.start(0);
        const exact = exactGcra(quota);
        let admittedExactly = 0;
        for (const gapMs of gapsMs) {
          await world.clock.play(world.clock.monotonic() + gapMs);
          void process.spend({ p: 'a' }, { cost: 1 });
          await world.clock.play(world.clock.monotonic());
          if (exact(world.clock.now(), 1).allowed) admittedExactly += 1;
          expect(admittedIn(world) + unspentIn(world)).toBeGreaterThanOrEqual(admittedExactly);
        }
      }),
      { numRuns: 100 },
    );
  });

  it.each([1, 5, 20])('use 0.97 of the limit at least under twice the load, by %i processes', async (processes) => {
    const quota = { limit: 200, windowMs: 1_000, burst: 50 };
    const luck = dice(processes);
    const world = await worldOf({
      policies: [{ name: 'p', ...quota, maxOverAdmission: 0.1 }],
      journey: () => ({ beforeMs: luck.whole(0, 3), afterMs: luck.whole(0, 3), fate: 'well' }),
    });
    const running = Array.from({ length: processes }, () => world.start(luck.whole(-1_000, 1_000)));
    const seconds = 5;
    for (let check = 0; check < 2 * quota.limit * seconds; check += 1) {
      const process = running[luck.whole(0, processes - 1)];
      world.clock.after(luck.whole(0, seconds * 1_000), () => void process?.spend({ p: 'a' }, { cost: 1 }));
    }
    await world.clock.play(world.clock.monotonic() + (seconds + 1) * 1_000);
    const most = quota.burst + seconds * quota.limit;
    expect(admittedIn(world)).toBeGreaterThanOrEqual(0.97 * most);
    expect(worstExcess(world.admissions.get(ACCOUNT) ?? [], { ...quota, leaseMs: 100 })).toBeLessThanOrEqual(0);
  });
});
