import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import { createLimiter } from '../../lib/limit/limiter.ts';
import { memoryStore } from '../../lib/store/memory/memory-store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { type Admission, worstExcess } from '../support/admissions.ts';
import { watchedStore } from '../support/watched-store.ts';

const PROCESSES = 3;
const KEY = 'ratelimit:p:a';

interface Setting {
  readonly limit: number;
  readonly burst: number;
  readonly leaseMs: number;
}

const settings: fc.Arbitrary<Setting> = fc.record({
  limit: fc.integer({ min: 1, max: 40 }),
  burst: fc.integer({ min: 1, max: 12 }),
  leaseMs: fc.constantFrom(0, 100, 500),
});
const WINDOW_MS = 1_000;

/** What happens one after the other: time passes, a process spends what it can get, or Redis is not what it was. */
const stepsOf = (...trouble: readonly ('lose the key' | 'go away' | 'come back' | 'flap')[]) =>
  fc.array(
    fc.record({
      gapMs: fc.oneof(fc.constant(0), fc.nat(40), fc.nat(600)),
      act: fc.constantFrom('spend', 'spend', 'spend', 'spend one', ...trouble),
      process: fc.nat(PROCESSES - 1),
    }),
    { minLength: 10, maxLength: 60 },
  );

type Step = ReturnType<typeof stepsOf> extends fc.Arbitrary<readonly (infer T)[]> ? T : never;

/** Plays it to the end. Nothing takes time but the gaps, so that each admission is made at the instant of its check. */
async function play({ leaseMs, ...quota }: Setting, steps: readonly Step[]) {
  const clock = manualClock();
  const redis = memoryStore({ clock });
  const policies = [{ name: 'p', ...quota, windowMs: WINDOW_MS, maxOverAdmission: leaseMs / WINDOW_MS }];
  const processes = Array.from({ length: PROCESSES }, () => {
    const store = watchedStore(redis);
    const kv = createKv({ store, clock });
    return { store, kv, limiter: createLimiter({ kv, policies }) };
  });
  const admissions: Admission[] = [];
  const lostAt: number[] = [];
  const spend = async (index: number, most: number) => {
    const { limiter } = processes[index] ?? {};
    for (let spent = 0; spent < most && (await limiter?.check({ p: 'a' }))?.allowed; spent += 1) {
      admissions.push({ at: clock.monotonic(), cost: 1 });
    }
  };
  const goAway = () => {
    for (const { store } of processes) store.takeAway();
  };
  const comeBack = () => {
    for (const { store, kv } of processes) {
      store.giveBack();
      kv.circuit.reset();
    }
  };
  for (const { gapMs, act, process } of steps) {
    clock.advance(gapMs);
    if (act === 'lose the key') {
      lostAt.push(clock.monotonic());
      await redis.execute([['DEL', KEY]]);
    } else if (act === 'go away') goAway();
    else if (act === 'come back') comeBack();
    else if (act === 'flap') {
      goAway();
      for (const index of processes.keys()) await spend(index, Number.POSITIVE_INFINITY);
      comeBack();
      for (const index of processes.keys()) await spend(index, 1);
    } else await spend(process, act === 'spend one' ? 1 : Number.POSITIVE_INFINITY);
  }
  return { admissions, lostAt };
}

describe('what all processes together admit', () => {
  it('is one burst more for each loss of the key at most, in every interval that it can be felt in', async () => {
    let extra = 0;
    await fc.assert(
      fc.asyncProperty(settings, stepsOf('lose the key'), async (setting, steps) => {
        const { admissions, lostAt } = await play(setting, steps);
        const { limit, burst, leaseMs } = setting;
        for (const [first, { at: from }] of admissions.entries()) {
          for (const [more, { at: until }] of admissions.slice(first).entries()) {
            // What is held may have been granted before the loss, up to τ before it is spent.
            const losses = lostAt.filter((at) => at >= from - leaseMs && at <= until).length;
            const excess = more + 1 - burst - (limit * (until - from + leaseMs)) / WINDOW_MS;
            expect(excess).toBeLessThanOrEqual(losses * burst + 1e-9);
            if (excess > 0) extra += 1;
          }
        }
      }),
      { numRuns: 200 },
    );
    // Else nothing was lost that mattered.
    expect(extra).toBeGreaterThan(20);
  });

  it('is one account more for each process at most, however often Redis goes away and comes back', async () => {
    let extra = 0;
    await fc.assert(
      fc.asyncProperty(settings, stepsOf('go away', 'come back', 'come back', 'flap'), async (setting, steps) => {
        const { admissions } = await play(setting, steps);
        const bound = { ...setting, windowMs: WINDOW_MS };
        const all = 1 + PROCESSES;
        // (1 + N) · (B + r · w) + r · τ, of which the last is of Redis alone.
        const everybody = {
          ...bound,
          limit: all * setting.limit,
          burst: all * setting.burst,
          leaseMs: setting.leaseMs / all,
        };
        if (admissions.length === 0) return;
        expect(worstExcess(admissions, everybody)).toBeLessThanOrEqual(1e-9);
        if (worstExcess(admissions, bound) > 0) extra += 1;
      }),
      { numRuns: 300 },
    );
    expect(extra).toBeGreaterThan(20);
  });
});
