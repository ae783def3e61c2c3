import { describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import { instant } from '../../lib/clock.ts';
import { createLeases } from '../../lib/limit/leases.ts';
import { createLimiter } from '../../lib/limit/limiter.ts';
import { createLocalAccounts } from '../../lib/limit/local-accounts.ts';
import { type Charge, compilePolicy } from '../../lib/limit/policy.ts';
import type { Answer } from '../../lib/limit/result.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { watchedStore } from '../support/watched-store.ts';

const MILLION = 1_000_000;
const CAP = 10_000;

const { rule } = compilePolicy({ name: 'p', limit: 10, windowMs: 60_000, maxOverAdmission: 0.1 });
const GRANT: Answer = { granted: true, accounts: [{ taken: 5, left: 5, resetUs: 1_000, retryUs: 0 }] };
const REFUSAL: Answer = { granted: false, accounts: [{ taken: 0, left: 0, resetUs: 1_000, retryUs: 5_000_000 }] };

describe('a million identifiers', () => {
  it('leave no more permits in advance and refusals behind than the cap', () => {
    const clock = manualClock();
    const leases = createLeases({ clock, maxKeys: CAP, refusalTtlMs: 1_000 });
    const chargesOf = (index: number): readonly Charge[] => [{ rule, subject: `${index}` }];
    let largest = 0;
    let known = 0;
    for (let index = 0; index < MILLION; index += 1) {
      const charges = chargesOf(index);
      leases.note(charges, 1);
      if (leases.answer(charges, 1)) known += 1;
      leases.learn(charges, 1, index % 2 === 0 ? GRANT : REFUSAL, instant(clock), index % 2 === 0 ? 1 : 0);
      largest = Math.max(largest, leases.size);
    }
    expect([largest, leases.size, known]).toEqual([CAP, CAP, 0]);
    // Those of late are known, those of long ago are not.
    const allowed = [MILLION - 2, MILLION - 1, MILLION - CAP, MILLION - CAP - 1, 0].map(
      (index) => leases.answer(chargesOf(index), 1)?.allowed,
    );
    expect(allowed).toEqual([true, false, true, undefined, undefined]);
  }, 60_000);

  it('leave no more accounts behind than the cap, counted while Redis is away', () => {
    const accounts = createLocalAccounts(manualClock(), CAP);
    const rules = [{ kind: 'g', period: 1_000_000, capacity: 10, refill: 10, want: 0, owed: 0 }];
    const call = { mode: 'take', cost: 1, need: 1, id: '' } as const;
    let largest = 0;
    for (let index = 0; index < MILLION; index += 1) {
      accounts.charge(call, [`p:g:${index}`], rules);
      largest = Math.max(largest, accounts.size);
    }
    expect([largest, accounts.size]).toEqual([CAP, CAP]);
  }, 60_000);

  it('of a limiter leave no more behind than its cap, also when Redis goes away in between', async () => {
    const clock = manualClock();
    const store = watchedStore(memoryStore({ clock, maxEntries: 100 }));
    const kv = createKv({ store, clock });
    const policies = [{ name: 'p', limit: 10, windowMs: 60_000, maxOverAdmission: 0.1 }];
    const limiter = createLimiter({ kv, policies, maxLocalKeys: 100 });
    for (let index = 0; index < 2_000; index += 1) {
      if (index === 1_000) store.takeAway();
      await limiter.check({ p: `${index}` });
      expect(limiter.leases.size).toBe(Math.min(index + 1, 100));
    }
  });
});
