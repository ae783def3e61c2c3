import { describe, expect, it } from 'vitest';
import { instant } from '../../lib/clock.ts';
import { createLeases } from '../../lib/limit/leases.ts';
import { type Algorithm, type Charge, compilePolicy } from '../../lib/limit/policy.ts';
import type { AccountAnswer } from '../../lib/limit/result.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';

const LEASED = { limit: 60, windowMs: 60_000, maxOverAdmission: 0.1 } as const;

interface Given {
  readonly algorithm?: Algorithm;
  readonly maxOverAdmission?: number;
}

const chargeOf = (policy: Given = {}, subject = 'x'): Charge => ({
  rule: compilePolicy({ name: 'p', ...LEASED, ...policy }).rule,
  subject,
});
const EXACT: Given = { maxOverAdmission: 0 };

/** What one process knows of leases; the test says what Redis answers. */
function known() {
  const clock = manualClock();
  const leases = createLeases({ clock, maxKeys: 100, refusalTtlMs: 1_000 });
  const learn = (charge: Charge, cost: number, account: Partial<AccountAnswer>, spent = 0, sentAt = instant(clock)) => {
    const full = { taken: 0, left: 0, resetUs: 60_000_000, retryUs: 0, ...account };
    leases.learn([charge], cost, { granted: full.taken > 0, accounts: [full] }, sentAt, spent);
  };
  return {
    clock,
    leases,
    learn,
    hold: (charge: Charge, permits: number) => learn(charge, 1, { taken: permits }),
    refuse: (charge: Charge, cost: number, seconds: number) => learn(charge, cost, { retryUs: seconds * 1_000_000 }),
    retryOf: (charge: Charge, cost: number) => leases.answer([charge], cost)?.retryAfterMs,
  };
}

describe('permits that are held', () => {
  it('belong to the numbers under which they were taken: another rate or capacity is another account', () => {
    const { leases, hold } = known();
    const charge = chargeOf();
    hold(charge, 5);
    expect(leases.held(charge)).toBe(5);
    const { rule } = charge;
    expect(leases.held({ ...charge, rule: { ...rule, periodUs: rule.periodUs * 2 } })).toBe(0);
    expect(leases.held({ ...charge, rule: { ...rule, capacity: rule.capacity * 2 } })).toBe(0);
  });

  it('are set aside for whole checks, and what those have not spent comes back', () => {
    const { leases, hold } = known();
    const [enough, none] = [chargeOf(), chargeOf({}, 'y')];
    hold(enough, 5);
    const { asked, count, settle } = leases.reserve([enough, none], 2, 3);
    expect([asked, count, leases.held(enough)]).toEqual([[none], 2, 1]);
    // The second time it has been done.
    for (const spent of [1, 0]) settle(spent);
    expect(leases.held(enough)).toBe(3);
    const few = leases.reserve([enough], 1, 2);
    expect([few.asked, few.count, leases.held(enough)]).toEqual([[], 2, 1]);
    few.settle(2);
    expect(leases.held(enough)).toBe(1);
  });

  it('are low when less than a quarter of the last grant is left, of one account at least', () => {
    const { leases, hold } = known();
    const [spent, full] = [chargeOf(), chargeOf({}, 'y')];
    hold(spent, 8);
    hold(full, 8);
    expect(leases.isLow([spent])).toBe(false);
    leases.answer([spent], 6);
    expect(leases.isLow([spent])).toBe(false);
    leases.answer([spent], 1);
    expect([leases.isLow([spent]), leases.isLow([full]), leases.isLow([full, spent])]).toEqual([true, false, true]);
  });

  it('are not low where none were ever granted in advance', () => {
    const { leases, learn } = known();
    learn(chargeOf(), 1, { taken: 1, left: 59 }, 1);
    expect([leases.isLow([chargeOf()]), leases.isLow([chargeOf(EXACT, 'y')])]).toEqual([false, false]);
    expect(leases.size).toBe(1);
  });

  it('are forgotten for one account, or for all', () => {
    const { leases, hold } = known();
    const [one, other] = [chargeOf(), chargeOf({}, 'y')];
    for (const charge of [one, other]) hold(charge, 5);
    leases.forget([one]);
    expect([one, other].map(leases.held)).toEqual([0, 5]);
    leases.forget();
    expect([leases.held(other), leases.size]).toEqual([0, 0]);
  });
});

describe('what is wanted in advance', () => {
  it('is half of what was asked for of late, by an average that decays with twice a lease', () => {
    const { clock, leases } = known();
    const charge = chargeOf();
    const { leaseMs } = charge.rule;
    leases.note([charge], 10);
    expect(leases.wants([charge])).toEqual([5]);
    clock.advance(2 * leaseMs);
    // 10 / e is 3.7.
    expect(leases.wants([charge])).toEqual([2]);
    leases.note([charge], 1);
    expect(leases.wants([charge])).toEqual([3]);
  });

  it('is never more than the account can hold, and nothing of one that is not leased', () => {
    const { leases } = known();
    const charges = [chargeOf(), chargeOf(EXACT, 'y')];
    leases.note(charges, 1_000);
    expect(leases.wants(charges)).toEqual([60, 0]);
    expect(leases.size).toBe(1);
  });
});

describe('a refusal that is remembered', () => {
  it('is longer for more by what that takes to come back, where permits come back one by one', () => {
    const { refuse, retryOf } = known();
    const [gcra, fixed] = [chargeOf(EXACT), chargeOf({ ...EXACT, algorithm: 'fixedWindow' }, 'y')];
    for (const charge of [gcra, fixed]) refuse(charge, 2, 10);
    expect([retryOf(gcra, 2), retryOf(gcra, 5)]).toEqual([10_000, 13_000]);
    expect([retryOf(fixed, 2), retryOf(fixed, 5)]).toEqual([10_000, 10_000]);
  });

  it('says when all that an account can hold will fit, and only of more than that that it never will', () => {
    const { refuse, leases } = known();
    const charge = chargeOf(EXACT);
    refuse(charge, 60, 10);
    expect(leases.refusal([charge], 60)).toMatchObject({ allowed: false, retryAfterMs: 10_000 });
    expect(leases.refusal([charge], 61)).toMatchObject({ allowed: false, retryAfterMs: undefined });
  });

  it('does not stand where just enough has come in since', () => {
    const { clock, refuse, hold, leases } = known();
    const charge = chargeOf();
    refuse(charge, 3, 3);
    expect(leases.refusal([charge], 3)).toMatchObject({ allowed: false, basis: 'lease' });
    clock.advance(10);
    hold(charge, 3);
    expect(leases.refusal([charge], 3)).toBeUndefined();
    expect(leases.refusal([charge], 4)?.allowed).toBe(false);
  });

  it('gives way to a newer one of the same cost or less, and leaves one of a smaller cost alone', () => {
    const { clock, refuse, retryOf } = known();
    const charge = chargeOf({ ...EXACT, algorithm: 'fixedWindow' });
    refuse(charge, 2, 50);
    refuse(charge, 5, 60);
    expect([retryOf(charge, 2), retryOf(charge, 5)]).toEqual([50_000, 60_000]);
    clock.advance(500);
    // Elsewhere something was given back.
    refuse(charge, 5, 10);
    expect(retryOf(charge, 2)).toBe(49_500);
    refuse(charge, 2, 5);
    expect([retryOf(charge, 2), retryOf(charge, 5)]).toEqual([5_000, 5_000]);
  });

  it('is one of four costs at most, the largest', () => {
    const { refuse, leases } = known();
    const charge = chargeOf(EXACT);
    for (let cost = 1; cost <= 5; cost += 1) refuse(charge, cost, 10);
    expect([1, 2, 5].map((cost) => leases.answer([charge], cost)?.allowed)).toEqual([undefined, false, false]);
  });

  it('is none that was asked for before, or when, its account was forgotten', () => {
    for (const all of [true, false]) {
      const { clock, learn, leases } = known();
      const charge = chargeOf(EXACT);
      const sentAt = instant(clock);
      leases.forget(all ? undefined : [charge]);
      learn(charge, 1, { retryUs: 10_000_000 }, 0, sentAt);
      expect(leases.answer([charge], 1)).toBeUndefined();
      clock.advance(1);
      learn(charge, 1, { retryUs: 10_000_000 });
      expect(leases.answer([charge], 1)?.allowed).toBe(false);
    }
  });

  it('is none of slots, which may be given back at any time', () => {
    const { refuse, leases } = known();
    const charge = chargeOf({ ...EXACT, algorithm: 'concurrency' });
    refuse(charge, 1, 10);
    expect([leases.answer([charge], 1), leases.size]).toEqual([undefined, 0]);
  });

  it('needs a refusal: of an account that grants, and is not leased, nothing is kept', () => {
    const { learn, leases } = known();
    learn(chargeOf(EXACT), 1, { taken: 1, left: 59 }, 1);
    expect(leases.size).toBe(0);
  });
});
