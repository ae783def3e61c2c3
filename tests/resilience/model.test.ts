import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type CircuitBreaker, isRefusal, type Permit } from '../../lib/resilience/circuit.ts';
import { createCircuitBreaker } from '../../lib/resilience/circuit-breaker.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import {
  BreakerModel,
  GROWTH_CAP_MS,
  type Leave,
  type Mode,
  RATE_MS,
  type Result,
  type Rules,
} from '../support/breaker-model.ts';

type Step =
  | { readonly do: 'acquire'; readonly times: number }
  | { readonly do: 'settle'; readonly which: number; readonly result: Result }
  | { readonly do: 'advance' | 'jumpWall' | 'suspend'; readonly ms: number }
  | { readonly do: 'force'; readonly mode: Exclude<Mode, 'AUTO'> }
  | { readonly do: 'reset' }
  | { readonly do: 'release' };

/** Mostly lengths at which something happens, and their neighbours. */
const length = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(1, 500, 1_499, 1_500, 1_501, 2_999, 3_000, 3_001, 9_999, 10_000, 10_001) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 320_000 }) },
);
const result: fc.Arbitrary<Result> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Result>('success') },
  { weight: 1, arbitrary: fc.constant<Result>('neutral') },
  { weight: 9, arbitrary: fc.constant<Result>({ retryAfterMs: 0 }) },
  { weight: 1, arbitrary: fc.integer({ min: -1, max: 400_000 }).map((retryAfterMs) => ({ retryAfterMs })) },
);
/** Counted from the latest permit, so that small numbers are probes and large ones are late. */
const which = fc.oneof({ weight: 5, arbitrary: fc.nat(2) }, { weight: 1, arbitrary: fc.nat(40) });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('acquire' as const), times: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 10, arbitrary: fc.record({ do: fc.constant('settle' as const), which, result }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('advance' as const), ms: length }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('jumpWall' as const),
      ms: fc.oneof(fc.constantFrom(3_600_000, -3_600_000), length),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('suspend' as const), ms: length }) },
  { weight: 1, arbitrary: fc.constantFrom({ do: 'reset' as const }, { do: 'release' as const }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('force' as const),
      mode: fc.constantFrom('FORCED_OPEN' as const, 'DISABLED' as const, 'METRICS_ONLY' as const),
    }),
  },
);

function perform(steps: readonly Step[], rules: Rules): Set<string> {
  const clock = manualClock();
  const breaker: CircuitBreaker = createCircuitBreaker({
    clock,
    failureThreshold: rules.failures,
    successThreshold: rules.successes,
    halfOpenMaxConcurrent: rules.atOnce,
    openBackoff: { factor: rules.growth, maxMs: GROWTH_CAP_MS, jitter: 0 },
    slowCall: rules.slowMs === undefined ? undefined : { ms: rules.slowMs },
    failureRate: rules.rate && {
      windowMs: RATE_MS,
      minimumCalls: rules.rate.calls,
      threshold: rules.rate.share,
    },
  });
  const model = new BreakerModel(clock, rules);
  const granted: { readonly permit: Permit; readonly leave: Leave }[] = [];
  const met = new Set<string>();
  const acquire = () => {
    const answer = breaker.acquire();
    const expected = model.acquire();
    if (isRefusal(answer) || typeof expected === 'number') {
      expect(answer).toEqual({ refused: true, retryAfterMs: expected });
    } else {
      expect(answer.epoch).toBe(expected.epoch);
      granted.push({ permit: answer, leave: expected });
    }
  };
  for (const one of steps) {
    if (one.do === 'acquire') for (let time = 0; time < one.times; time += 1) acquire();
    else if (one.do === 'settle') {
      const chosen = granted.at(-1 - one.which);
      if (!chosen) continue;
      const outcome =
        typeof one.result === 'string'
          ? { result: one.result }
          : { result: 'failure' as const, kind: 'http' as const, retryAfterMs: one.result.retryAfterMs };
      breaker.settle(chosen.permit, outcome);
      model.settle(chosen.leave, one.result);
    } else if (one.do === 'reset' || one.do === 'release') {
      breaker[one.do]();
      model[one.do]();
    } else if (one.do === 'force') {
      breaker.force(one.mode);
      model.force(one.mode);
    } else clock[one.do](one.ms);
    const shown = breaker.snapshot();
    expect(shown).toEqual(model.seen());
    expect(breaker.closed).toBe(model.name === 'CLOSED');
    met.add(shown.state).add(shown.mode);
  }
  return met;
}

const rules: fc.Arbitrary<Rules> = fc.record({
  failures: fc.constantFrom(1, 2, 5),
  successes: fc.integer({ min: 1, max: 3 }),
  atOnce: fc.integer({ min: 1, max: 3 }),
  growth: fc.constantFrom(1, 1, 2),
  slowMs: fc.constantFrom(undefined, undefined, 400),
  rate: fc.constantFrom(undefined, { calls: 4, share: 0.5 }),
});

it('does what its written rules say, whatever happens to it in whatever order', () => {
  const met = new Map<string, number>();
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 60, size: 'max' }), rules, (steps, chosen) => {
      for (const state of perform(steps, chosen)) met.set(state, (met.get(state) ?? 0) + 1);
    }),
    { numRuns: 10_000, verbose: 1 },
  );
  // A run that never leaves CLOSED shows little: many must reach the other states.
  for (const rare of ['OPEN', 'HALF_OPEN', 'FORCED_OPEN', 'DISABLED', 'METRICS_ONLY']) {
    expect(met.get(rare), rare).toBeGreaterThan(2_000);
  }
}, 60_000);
